//! A raw disk is its bytes. That it is not something else is verified as far as that can be.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::FileExt;

use nix::unistd::{Whence, lseek};

use super::blocks::BlockWriter;
use super::{Error, partitions};
use crate::manifest::{BLOCK_BYTES, is_disk_size};

/// How other formats begin. A raw disk begins with a boot sector, which none of these is.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"QFI\xfb", "a qcow2 disk: state --format qcow2"),
    (b"QED\0", "a QED disk: convert it to qcow2 first"),
    (b"KDMV", "a VMDK disk: convert it to qcow2 first"),
    (b"# Disk DescriptorFile", "a VMDK descriptor: convert the disk to qcow2 first"),
    (b"conectix", "a VHD disk: convert it to qcow2 first"),
    (b"vhdxfile", "a VHDX disk: convert it to qcow2 first"),
    (b"<<< ", "a VDI disk: convert it to qcow2 first"),
    (b"LUKS\xba\xbe", "an encrypted disk: decrypt it first"),
    (b"\x1f\x8b", "compressed with gzip: unpack it first"),
    (b"BZh", "compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ\0", "compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: unpack it first"),
    (b"PK\x03\x04", "a zip archive: unpack it first"),
];

pub struct Raw {
    file: File,
    size_bytes: u64,
}

impl Raw {
    pub fn open(file: File, max_bytes: u64) -> Result<Self, Error> {
        let size_bytes = file.metadata()?.len();
        let mut head = vec![0; BLOCK_BYTES.min(usize::try_from(size_bytes).unwrap_or(BLOCK_BYTES))];
        file.read_exact_at(&mut head, 0)?;
        if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Err(Error::Refused(format!("the file is not a raw disk but {what}")));
        }
        if size_bytes > max_bytes {
            return Err(Error::Refused(format!("the disk has {size_bytes} bytes, more than the {max_bytes} that are allowed")));
        }
        if !is_disk_size(size_bytes) {
            return Err(Error::Refused(format!(
                "the file has {size_bytes} bytes, which is not a whole number of sectors: it is truncated, or not a raw disk"
            )));
        }
        partitions::verify(&head, size_bytes)?;
        Ok(Self { file, size_bytes })
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub fn read(&self, blocks: &mut BlockWriter<impl Write>) -> Result<(), Error> {
        let mut buffer = vec![0; BLOCK_BYTES];
        let mut offset = 0;
        while let Some(start) = self.next_data(offset)? {
            offset = start - start % BLOCK_BYTES as u64;
            let len = usize::try_from(self.size_bytes - offset).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            self.file.read_exact_at(&mut buffer[..len], offset).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => Error::Refused("the file became shorter while it was read".into()),
                _ => error.into(),
            })?;
            blocks.data(offset, &buffer[..len])?;
            offset += len as u64;
        }
        Ok(())
    }

    /// The first byte from `offset` on that is not in a hole of the file. File systems without holes answer `offset` itself.
    fn next_data(&self, offset: u64) -> Result<Option<u64>, Error> {
        if offset >= self.size_bytes {
            return Ok(None);
        }
        let from = i64::try_from(offset).unwrap_or(i64::MAX);
        match lseek(&self.file, from, Whence::SeekData) {
            Ok(start) => Ok(u64::try_from(start).ok().filter(|start| *start < self.size_bytes)),
            Err(nix::errno::Errno::ENXIO) => Ok(None),
            Err(nix::errno::Errno::EINVAL) => Ok(Some(offset)),
            Err(error) => Err(std::io::Error::from(error).into()),
        }
    }
}
