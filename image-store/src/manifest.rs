//! A manifest: which block of a disk has which content.
//!
//! Canonical bytes, so that the same disk always has the same id (all numbers little-endian):
//!
//! ```text
//! "freehold-manifest-1\n"  size_bytes: u64  count: u32  count × (index: u32, BLAKE3: 32 bytes), index ascending
//! ```

use std::fmt;

/// The unit of storage and of transfer, as EBS has it.
pub const BLOCK_BYTES: usize = 512 * 1024;

/// A manifest travels in one message, whose limit is 32 MiB. So many blocks hold 244 GiB of data that is not zero.
pub const MAX_BLOCKS: usize = 500_000;

const SECTOR_BYTES: u64 = 512;
const MAGIC: &[u8; 20] = b"freehold-manifest-1\n";
const HEADER_BYTES: usize = MAGIC.len() + 8 + 4;
const ENTRY_BYTES: usize = 4 + 32;

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            pub fn of(bytes: &[u8]) -> Self {
                Self(*blake3::hash(bytes).as_bytes())
            }

            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// Only what [`fmt::Display`] writes: an id becomes part of a path.
            pub fn parse(text: &str) -> Option<Self> {
                let canonical = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                canonical.then(|| blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))).flatten()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }
    )*};
}

hashes! {
    /// BLAKE3 of a block's bytes: its name.
    BlockHash;
    /// BLAKE3 of a manifest's canonical bytes: its name, 64 lower-case hex digits.
    ManifestId;
}

/// Blocks that are not listed are all zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    size_bytes: u64,
    blocks: Vec<(u32, BlockHash)>,
}

impl Manifest {
    /// `None` where the size is no disk's, or where the indexes do not ascend within it.
    pub fn new(size_bytes: u64, blocks: Vec<(u32, BlockHash)>) -> Option<Self> {
        let ascends = blocks.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = blocks.last().is_none_or(|(index, _)| u64::from(*index) < block_count(size_bytes));
        (is_disk_size(size_bytes) && blocks.len() <= MAX_BLOCKS && ascends && within).then_some(Self { size_bytes, blocks })
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub fn blocks(&self) -> &[(u32, BlockHash)] {
        &self.blocks
    }

    pub fn block(&self, index: u32) -> Option<BlockHash> {
        self.blocks.binary_search_by_key(&index, |(at, _)| *at).ok().map(|at| self.blocks[at].1)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + self.blocks.len() * ENTRY_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.size_bytes.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.blocks.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (index, hash) in &self.blocks {
            bytes.extend_from_slice(&index.to_le_bytes());
            bytes.extend_from_slice(hash.as_bytes());
        }
        bytes
    }

    /// `None` for anything that [`Manifest::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (size, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let count = usize::try_from(u32::from_le_bytes(*count)).ok()?;
        let (entries, tail) = rest.as_chunks::<ENTRY_BYTES>();
        if entries.len() != count || !tail.is_empty() {
            return None;
        }
        let blocks = entries.iter().filter_map(decode_entry).collect();
        Self::new(u64::from_le_bytes(*size), blocks)
    }
}

fn decode_entry(entry: &[u8; ENTRY_BYTES]) -> Option<(u32, BlockHash)> {
    let (index, hash) = entry.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*index), BlockHash(hash.try_into().ok()?)))
}

/// A whole, positive number of sectors whose blocks a `u32` can count.
pub fn is_disk_size(size_bytes: u64) -> bool {
    size_bytes > 0 && size_bytes.is_multiple_of(SECTOR_BYTES) && u32::try_from(block_count(size_bytes)).is_ok()
}

pub fn block_count(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(BLOCK_BYTES as u64)
}

/// How many bytes block `index` of a disk has: [`BLOCK_BYTES`], the last one perhaps fewer, 0 beyond the end.
pub fn block_len(size_bytes: u64, index: u32) -> usize {
    let start = u64::from(index) * BLOCK_BYTES as u64;
    usize::try_from(size_bytes.saturating_sub(start)).unwrap_or(usize::MAX).min(BLOCK_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Manifest {
        Manifest::new(3 * BLOCK_BYTES as u64 + 512, vec![(0, BlockHash::of(b"a")), (3, BlockHash::of(b"b"))]).expect("a manifest")
    }

    #[test]
    fn the_encoding_is_canonical_and_reads_back() {
        let bytes = example().encode();
        assert_eq!(Manifest::decode(&bytes), Some(example()));
        assert_eq!(
            ManifestId::of(&bytes).to_string(),
            ManifestId::parse(&ManifestId::of(&bytes).to_string()).expect("its own text").to_string()
        );
        for cut in 0..bytes.len() {
            assert_eq!(Manifest::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        assert_eq!(Manifest::decode(&[bytes.as_slice(), b"x"].concat()), None);
    }

    #[test]
    fn what_is_no_disk_is_no_manifest() {
        let hash = BlockHash::of(b"a");
        let size = 2 * BLOCK_BYTES as u64;
        assert!(Manifest::new(size, vec![(0, hash), (1, hash)]).is_some());
        assert!(Manifest::new(size, vec![(1, hash), (0, hash)]).is_none(), "descending");
        assert!(Manifest::new(size, vec![(1, hash), (1, hash)]).is_none(), "twice");
        assert!(Manifest::new(size, vec![(2, hash)]).is_none(), "beyond the end");
        assert!(Manifest::new(0, vec![]).is_none(), "no size");
        assert!(Manifest::new(513, vec![]).is_none(), "half a sector");
        assert!(Manifest::new(u64::MAX - 511, vec![]).is_none(), "more blocks than can be counted");
    }

    #[test]
    fn an_id_is_64_lower_case_hex_digits() {
        let id = ManifestId::of(b"x").to_string();
        assert!(ManifestId::parse(&id).is_some());
        for text in [&id[1..], &id.to_uppercase(), "", "../../../../etc/passwd", &format!("{id}0")] {
            assert!(ManifestId::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn only_the_last_block_is_shorter() {
        let size = 2 * BLOCK_BYTES as u64 + 1024;
        assert_eq!((0..4).map(|index| block_len(size, index)).collect::<Vec<_>>(), [BLOCK_BYTES, BLOCK_BYTES, 1024, 0]);
        assert_eq!(block_count(size), 3);
    }
}
