//! A GUID partition table with two partitions, as Debian's and Ubuntu's own cloud images number them: 1 the root, 14 GRUB's core image.
//!
//! ```text
//! LBA 0        protective MBR (its boot code is GRUB's)
//! LBA 1..33    primary table          last 33 LBAs: its copy
//! 1 MiB        partition 14, BIOS boot, 1 MiB
//! 2 MiB        partition 1, the root file system, to 1 MiB before the end
//! ```
//!
//! Format: UEFI specification, chapter 5.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::MIB;

const SECTOR: u64 = 512;
const TABLE_SECTORS: u64 = 32;
const ENTRY_BYTES: usize = 128;
const BIOS_BOOT: Guid = Guid::parse(0x2168_6148_6449_6e6f_744e_6565_6445_4649);
const LINUX_ROOT_X86_64: Guid = Guid::parse(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709);
const ROOT_NUMBER: usize = 1;
const BIOS_BOOT_NUMBER: usize = 14;

/// Where GRUB's core image lies.
pub const BIOS_BOOT_OFFSET: u64 = MIB;
pub const BIOS_BOOT_BYTES: u64 = MIB;
/// Where the root file system lies.
pub const ROOT_OFFSET: u64 = 2 * MIB;

/// How many bytes a disk of `size_bytes` leaves for the root file system.
pub const fn root_bytes(size_bytes: u64) -> u64 {
    size_bytes.saturating_sub(3 * MIB)
}

/// A GUID in the order it is written on paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guid([u8; 16]);

impl Guid {
    const fn parse(paper: u128) -> Self {
        Self(paper.to_be_bytes())
    }

    /// One that stands for `name`: the same in every build, so that builds of the same packages share blocks.
    pub fn of(name: &str) -> Self {
        let mut bytes = [0; 16];
        blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut bytes);
        bytes[6] = (bytes[6] & 0x0f) | 0x80;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        Self(bytes)
    }

    /// The first three fields are little-endian on disk.
    fn on_disk(self) -> [u8; 16] {
        let mut bytes = self.0;
        bytes[0..4].reverse();
        bytes[4..6].reverse();
        bytes[6..8].reverse();
        bytes
    }
}

impl std::fmt::Display for Guid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            let dash = if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(formatter, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

/// Writes both copies of the table and the protective MBR's entry to a disk of `size_bytes`, a multiple of 1 MiB.
pub fn write(disk: &File, size_bytes: u64, name: &str) -> io::Result<()> {
    let last = size_bytes / SECTOR - 1;
    let entries = entries(size_bytes, name);
    let primary = header(1, last, 2, last, &entries, Guid::of(&format!("{name} disk")));
    let backup = header(last, 1, last - TABLE_SECTORS, last, &entries, Guid::of(&format!("{name} disk")));
    disk.write_all_at(&protective_entry(last), 446)?;
    disk.write_all_at(&[0x55, 0xaa], 510)?;
    disk.write_all_at(&primary, SECTOR)?;
    disk.write_all_at(&entries, 2 * SECTOR)?;
    disk.write_all_at(&entries, (last - TABLE_SECTORS) * SECTOR)?;
    disk.write_all_at(&backup, last * SECTOR)
}

fn protective_entry(last: u64) -> [u8; 16] {
    let mut entry = [0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0];
    entry[12..].copy_from_slice(&u32::try_from(last).unwrap_or(u32::MAX).to_le_bytes());
    entry
}

fn entries(size_bytes: u64, name: &str) -> Vec<u8> {
    let mut entries = vec![0; usize::try_from(TABLE_SECTORS * SECTOR).unwrap_or(0)];
    let mut set = |number: usize, kind: Guid, label: &str, offset: u64, len: u64| {
        let entry = &mut entries[(number - 1) * ENTRY_BYTES..number * ENTRY_BYTES];
        entry[0..16].copy_from_slice(&kind.on_disk());
        entry[16..32].copy_from_slice(&Guid::of(&format!("{name} {label}")).on_disk());
        entry[32..40].copy_from_slice(&(offset / SECTOR).to_le_bytes());
        entry[40..48].copy_from_slice(&((offset + len) / SECTOR - 1).to_le_bytes());
        for (at, unit) in label.encode_utf16().enumerate() {
            entry[56 + 2 * at..58 + 2 * at].copy_from_slice(&unit.to_le_bytes());
        }
    };
    set(ROOT_NUMBER, LINUX_ROOT_X86_64, "root", ROOT_OFFSET, root_bytes(size_bytes));
    set(BIOS_BOOT_NUMBER, BIOS_BOOT, "bios", BIOS_BOOT_OFFSET, BIOS_BOOT_BYTES);
    entries
}

fn header(own: u64, other: u64, table: u64, last: u64, entries: &[u8], disk: Guid) -> [u8; 92] {
    let mut header = [0; 92];
    header[0..8].copy_from_slice(b"EFI PART");
    header[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
    header[12..16].copy_from_slice(&92_u32.to_le_bytes());
    header[24..32].copy_from_slice(&own.to_le_bytes());
    header[32..40].copy_from_slice(&other.to_le_bytes());
    header[40..48].copy_from_slice(&(TABLE_SECTORS + 2).to_le_bytes());
    header[48..56].copy_from_slice(&(last - TABLE_SECTORS - 1).to_le_bytes());
    header[56..72].copy_from_slice(&disk.on_disk());
    header[72..80].copy_from_slice(&table.to_le_bytes());
    header[80..84].copy_from_slice(&128_u32.to_le_bytes());
    header[84..88].copy_from_slice(&128_u32.to_le_bytes());
    header[88..92].copy_from_slice(&crc32(entries).to_le_bytes());
    let crc = crc32(&header);
    header[16..20].copy_from_slice(&crc.to_le_bytes());
    header
}

/// CRC-32 as UEFI wants it (IEEE 802.3).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_ieee_802_3s() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_guid_is_mixed_endian_on_disk() {
        assert_eq!(BIOS_BOOT.to_string(), "21686148-6449-6e6f-744e-656564454649");
        assert_eq!(&BIOS_BOOT.on_disk(), b"Hah!IdontNeedEFI");
    }

    #[test]
    fn both_copies_of_the_table_agree_and_check() {
        let file = tempfile::tempfile().expect("a file");
        let size = 64 * MIB;
        file.set_len(size).expect("sized");
        write(&file, size, "test").expect("written");
        let read = |offset: u64, len: usize| {
            let mut bytes = vec![0; len];
            file.read_exact_at(&mut bytes, offset).expect("read");
            bytes
        };
        assert_eq!(read(2 * SECTOR, 16384), read(size - 33 * SECTOR, 16384));
        for (offset, own) in [(SECTOR, 1_u64), (size - SECTOR, size / SECTOR - 1)] {
            let mut header = read(offset, 92);
            assert_eq!(header[24..32], own.to_le_bytes());
            let crc = header[16..20].to_vec();
            header[16..20].fill(0);
            assert_eq!(crc, crc32(&header).to_le_bytes());
        }
    }
}
