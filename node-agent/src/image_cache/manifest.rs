//! The image store's manifest, checked against its own name: canonical bytes whose BLAKE3 is the id (little-endian numbers):
//!
//! ```text
//! "freehold-manifest-1\n"  size_bytes: u64  count: u32  count × (index: u32, BLAKE3: 32 bytes), index ascending
//! ```

use freehold_proto::internal::image;

pub(super) const BLOCK_BYTES: u64 = 512 << 10;

const MAGIC: &[u8; 20] = b"freehold-manifest-1\n";

/// Verified: its canonical bytes hash to the id it was asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) size_bytes: u64,
    pub(super) blocks: Vec<(u32, [u8; 32])>,
}

/// 64 lower-case hex digits: an id becomes a file name.
pub(super) fn well_formed(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Manifest {
    /// `None` for anything but the manifest `id` stands for.
    pub(super) fn verify(id: &str, answered: &image::Manifest) -> Option<Self> {
        let blocks = answered.blocks.iter().map(|block| Some((block.index, block.hash.as_ref().try_into().ok()?)));
        Self { size_bytes: answered.size_bytes, blocks: blocks.collect::<Option<_>>()? }.named(id)
    }

    /// Reads what [`Self::encode`] wrote, if it still is `id`.
    pub(super) fn decode(id: &str, bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (size, rest) = rest.split_first_chunk::<8>()?;
        let (_, rest) = rest.split_first_chunk::<4>()?;
        let (entries, _) = rest.as_chunks::<36>();
        let blocks = entries.iter().map(|entry| {
            let (index, hash) = entry.split_first_chunk::<4>()?;
            Some((u32::from_le_bytes(*index), hash.try_into().ok()?))
        });
        Self { size_bytes: u64::from_le_bytes(*size), blocks: blocks.collect::<Option<_>>()? }.named(id)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.size_bytes.to_le_bytes());
        bytes.extend_from_slice(&u32::try_from(self.blocks.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (index, hash) in &self.blocks {
            bytes.extend_from_slice(&index.to_le_bytes());
            bytes.extend_from_slice(hash);
        }
        bytes
    }

    fn named(self, id: &str) -> Option<Self> {
        let ascends = self.blocks.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let within = self.blocks.last().is_none_or(|(index, _)| u64::from(*index) < self.size_bytes.div_ceil(BLOCK_BYTES));
        let same = blake3::hash(&self.encode()).to_hex().as_str() == id;
        (ascends && within && same).then_some(self)
    }

    /// How long block `index` is.
    pub(super) fn block_len(&self, index: u32) -> u64 {
        self.size_bytes.saturating_sub(u64::from(index) * BLOCK_BYTES).min(BLOCK_BYTES)
    }

    pub(super) fn hash(&self, index: u32) -> Option<&[u8; 32]> {
        self.blocks.binary_search_by_key(&index, |(at, _)| *at).ok().map(|at| &self.blocks[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_manifest_that_the_id_stands_for_is_accepted() {
        let manifest = Manifest { size_bytes: 3 * BLOCK_BYTES, blocks: vec![(0, [1; 32]), (2, [2; 32])] };
        let id = blake3::hash(&manifest.encode()).to_hex().to_string();
        assert_eq!(Manifest::decode(&id, &manifest.encode()), Some(manifest.clone()));
        let mut changed = manifest.encode();
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(Manifest::decode(&id, &changed), None);
        let refs = |hash: u8| {
            vec![image::BlockRef { index: 0, hash: vec![1; 32].into() }, image::BlockRef { index: 2, hash: vec![hash; 32].into() }]
        };
        let answered = |hash| image::Manifest { manifest: id.clone(), size_bytes: 3 * BLOCK_BYTES, blocks: refs(hash) };
        assert_eq!(Manifest::verify(&id, &answered(2)), Some(manifest));
        assert_eq!(Manifest::verify(&id, &answered(3)), None, "another image under the same name");
    }

    #[test]
    fn an_id_that_is_a_path_is_malformed() {
        assert!(!well_formed("../../../../etc/passwd") && !well_formed("") && well_formed(&"0f".repeat(32)));
    }
}
