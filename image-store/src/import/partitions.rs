//! What a raw disk's partitions say about its size: a file that is shorter is cut off. A disk need not have any.

use super::Error;

const SECTOR: u64 = 512;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];
const PROTECTIVE: u8 = 0xee;

/// `head` is the disk's beginning.
pub fn verify(head: &[u8], size_bytes: u64) -> Result<(), Error> {
    if head.get(510..512) != Some(SIGNATURE.as_slice()) {
        return Ok(());
    }
    let entries = head.get(446..510).unwrap_or_default().as_chunks::<16>().0;
    if entries.iter().any(|entry| entry[4] == PROTECTIVE) {
        return verify_gpt(head, size_bytes);
    }
    for (number, entry) in entries.iter().enumerate().filter(|(_, entry)| is_partition(entry)) {
        let end = (u64::from(u32_at(entry, 8)) + u64::from(u32_at(entry, 12))) * SECTOR;
        if end > size_bytes {
            return Err(truncated(&format!("partition {} ends", number + 1), end, size_bytes));
        }
    }
    Ok(())
}

/// A file system's own boot sector has the same signature; what stands in its place of the table is code or text.
fn is_partition(entry: &[u8; 16]) -> bool {
    matches!(entry[0], 0 | 0x80) && entry[4] != 0 && u32_at(entry, 8) != 0 && u32_at(entry, 12) != 0
}

fn verify_gpt(head: &[u8], size_bytes: u64) -> Result<(), Error> {
    let Some(header) = head.get(512..1024).filter(|header| header.starts_with(b"EFI PART")) else {
        return Err(Error::Refused(
            "the disk announces a GUID partition table and has none: it is damaged, or its sectors are not 512 bytes".into(),
        ));
    };
    let copy = (u64_at(header, 32).saturating_add(1)).saturating_mul(SECTOR);
    if copy > size_bytes { Err(truncated("the partition table's copy ends", copy, size_bytes)) } else { Ok(()) }
}

fn truncated(what: &str, end: u64, size_bytes: u64) -> Error {
    Error::Refused(format!("the file is truncated: {what} at byte {end}, the file at {size_bytes}"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |field| u64::from_le_bytes(*field))
}
