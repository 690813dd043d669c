//! A qcow2 disk that stands alone: no backing file, no data file, no encryption, no snapshots.
//!
//! Format: QEMU's `docs/interop/qcow2.txt`. Every offset is checked against the file, every size against a bound, before it is used.
//! Nothing else is opened, whatever the disk names.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;

use flate2::{Decompress, FlushDecompress};

use super::Error;
use super::blocks::BlockWriter;
use crate::manifest::is_disk_size;

const MAGIC: u32 = 0x5146_49fb;
/// Level-one entries that are read at most: 32 MiB of them, QEMU's own bound.
const MAX_L1_ENTRIES: u64 = 4 << 20;

/// Features without which a reader would go wrong. The first, "dirty", concerns reference counts only, which are not read.
const DIRTY: u64 = 1;
const CORRUPT: u64 = 1 << 1;
const EXTERNAL_DATA: u64 = 1 << 2;
const COMPRESSION: u64 = 1 << 3;
const EXTENDED_L2: u64 = 1 << 4;

const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;

pub struct Qcow2 {
    file: File,
    file_bytes: u64,
    size_bytes: u64,
    cluster_bits: u32,
    l1: Vec<u64>,
}

impl Qcow2 {
    pub fn open(file: File, max_bytes: u64) -> Result<Self, Error> {
        let file_bytes = file.metadata()?.len();
        let mut header = [0; 112];
        let len = usize::try_from(file_bytes).unwrap_or(header.len()).min(header.len());
        file.read_exact_at(&mut header[..len], 0)?;
        let header = Header::parse(&header)?;
        header.refuse_what_is_not_followed()?;
        let size_bytes = header.size;
        if size_bytes > max_bytes {
            return Err(Error::Refused(format!(
                "the disk's virtual size is {size_bytes} bytes, more than the {max_bytes} that are allowed"
            )));
        }
        if !is_disk_size(size_bytes) {
            return Err(Error::Refused(format!("the disk's virtual size is {size_bytes} bytes, which is not a whole number of sectors")));
        }
        let mut disk = Self { file, file_bytes, size_bytes, cluster_bits: header.cluster_bits, l1: Vec::new() };
        disk.l1 = disk.read_l1(&header)?;
        Ok(disk)
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub fn read(&self, blocks: &mut BlockWriter<impl Write>) -> Result<(), Error> {
        let clusters_per_table = self.cluster_bytes() / 8;
        let mut cluster = vec![0; usize::try_from(self.cluster_bytes()).unwrap_or(0)];
        for (table, entry) in (0_u64..).zip(&self.l1) {
            if let Some(offset) = self.table_offset(*entry)? {
                let first = table * clusters_per_table;
                for (place, entry) in (first..).zip(self.table(offset, clusters_per_table)?) {
                    self.cluster(place << self.cluster_bits, entry, &mut cluster, blocks)?;
                }
            }
        }
        Ok(())
    }

    fn cluster_bytes(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Only as many entries as the disk's size needs: what a header claims beyond is not read.
    fn read_l1(&self, header: &Header) -> Result<Vec<u64>, Error> {
        let per_entry = self.cluster_bytes() * (self.cluster_bytes() / 8);
        let needed = self.size_bytes.div_ceil(per_entry);
        if needed > MAX_L1_ENTRIES {
            return Err(Error::Refused(format!("the disk needs a level-one table of {needed} entries, more than {MAX_L1_ENTRIES}")));
        }
        if needed > u64::from(header.l1_size) {
            return Err(Error::Refused(format!("the level-one table has {} entries where the disk's size needs {needed}", header.l1_size)));
        }
        if !header.l1_offset.is_multiple_of(self.cluster_bytes()) {
            return Err(corrupt("the level-one table is not aligned"));
        }
        self.table(header.l1_offset, needed)
    }

    fn table(&self, offset: u64, entries: u64) -> Result<Vec<u64>, Error> {
        let mut bytes = vec![0; usize::try_from(entries * 8).map_err(|_| corrupt("a table is too large"))?];
        self.read_at(&mut bytes, offset)?;
        Ok(bytes.as_chunks::<8>().0.iter().map(|entry| u64::from_be_bytes(*entry)).collect())
    }

    fn table_offset(&self, entry: u64) -> Result<Option<u64>, Error> {
        let offset = entry & OFFSET_MASK;
        if entry & !(OFFSET_MASK | COPIED) != 0 || !offset.is_multiple_of(self.cluster_bytes()) {
            return Err(corrupt("a level-one entry is none"));
        }
        Ok((offset != 0).then_some(offset))
    }

    fn cluster(&self, at: u64, entry: u64, buffer: &mut [u8], blocks: &mut BlockWriter<impl Write>) -> Result<(), Error> {
        // The last table reaches beyond the disk's end.
        let len = usize::try_from(self.size_bytes.saturating_sub(at)).unwrap_or(buffer.len()).min(buffer.len());
        if len == 0 {
            return Ok(());
        }
        if entry & COMPRESSED != 0 {
            self.inflate(entry, buffer)?;
        } else {
            let offset = entry & OFFSET_MASK;
            if entry & !(OFFSET_MASK | COPIED | ZERO) != 0 || !offset.is_multiple_of(self.cluster_bytes()) {
                return Err(corrupt("a level-two entry is none"));
            }
            if entry & ZERO != 0 || offset == 0 {
                return Ok(());
            }
            self.read_at(&mut buffer[..len], offset)?;
        }
        blocks.data(at, &buffer[..len])
    }

    fn inflate(&self, entry: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let offset_bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << offset_bits) - 1);
        let sectors = ((entry & (COMPRESSED - 1)) >> offset_bits) + 1;
        let end = ((offset & !511) + sectors * 512).min(self.file_bytes);
        let len = end.checked_sub(offset).and_then(|len| usize::try_from(len).ok()).ok_or_else(truncated)?;
        let mut packed = vec![0; len];
        self.read_at(&mut packed, offset)?;
        let mut inflater = Decompress::new(false);
        let ended = inflater.decompress(&packed, buffer, FlushDecompress::Finish);
        // What follows a whole cluster is the next one, or padding.
        let whole = ended.is_ok() && inflater.total_out() == buffer.len() as u64;
        if whole { Ok(()) } else { Err(corrupt("a compressed cluster does not unpack to its size")) }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<(), Error> {
        self.file
            .read_exact_at(into, offset)
            .map_err(|error| if error.kind() == ErrorKind::UnexpectedEof { truncated() } else { error.into() })
    }
}

struct Header {
    version: u32,
    backing_file_offset: u64,
    cluster_bits: u32,
    size: u64,
    crypt_method: u32,
    l1_size: u32,
    l1_offset: u64,
    snapshots: u32,
    incompatible: u64,
    compression: u8,
}

impl Header {
    fn parse(bytes: &[u8; 112]) -> Result<Self, Error> {
        let u32_at = |at: usize| bytes[at..].first_chunk().map_or(0, |field| u32::from_be_bytes(*field));
        let u64_at = |at: usize| bytes[at..].first_chunk().map_or(0, |field| u64::from_be_bytes(*field));
        if u32_at(0) != MAGIC {
            return Err(Error::Refused("the file is not a qcow2 disk; if it is a raw one, state --format raw".into()));
        }
        let version = u32_at(4);
        if !matches!(version, 2 | 3) {
            return Err(Error::Refused(format!("qcow2 version {version} is not known; 2 and 3 are")));
        }
        let later = version == 3;
        Ok(Self {
            version,
            backing_file_offset: u64_at(8),
            cluster_bits: u32_at(20),
            size: u64_at(24),
            crypt_method: u32_at(32),
            l1_size: u32_at(36),
            l1_offset: u64_at(40),
            snapshots: u32_at(60),
            incompatible: if later { u64_at(72) } else { 0 },
            compression: if later && u32_at(100) > 104 { bytes[104] } else { 0 },
        })
    }

    fn refuse_what_is_not_followed(&self) -> Result<(), Error> {
        let refuse = |what: &str| Err(Error::Refused(what.to_owned()));
        if self.backing_file_offset != 0 {
            return refuse("the disk has a backing file, which is not followed: flatten it first (qemu-img convert -O qcow2)");
        }
        if self.incompatible & EXTERNAL_DATA != 0 {
            return refuse("the disk keeps its data in another file, which is not followed: convert it first (qemu-img convert -O qcow2)");
        }
        if self.crypt_method != 0 {
            return refuse("the disk is encrypted: decrypt it first (qemu-img convert)");
        }
        if self.snapshots != 0 {
            return refuse("the disk has internal snapshots: flatten it first (qemu-img convert -O qcow2)");
        }
        if self.incompatible & CORRUPT != 0 {
            return refuse("the disk is marked as corrupt: repair it first (qemu-img check -r all)");
        }
        if self.compression != 0 || self.incompatible & COMPRESSION != 0 {
            return refuse("the disk is compressed with zstd, which is not read: convert it first (qemu-img convert -O qcow2)");
        }
        if self.incompatible & EXTENDED_L2 != 0 {
            return refuse("the disk has subclusters, which are not read: convert it first (qemu-img convert -O qcow2)");
        }
        if self.incompatible & !DIRTY != 0 {
            return refuse("the disk uses features of qcow2 that are not known: convert it first (qemu-img convert -O qcow2)");
        }
        if !(9..=21).contains(&self.cluster_bits) {
            return Err(corrupt(&format!("clusters of 2^{} bytes (version {})", self.cluster_bits, self.version)));
        }
        Ok(())
    }
}

fn corrupt(what: &str) -> Error {
    Error::Refused(format!("the qcow2 disk is damaged: {what}"))
}

fn truncated() -> Error {
    Error::Refused("the qcow2 disk is truncated: it names data beyond the end of the file".into())
}

#[cfg(test)]
mod tests;
