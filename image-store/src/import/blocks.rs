//! Turns pieces of a disk, in ascending order, into whole blocks on a pipe. Blocks of zeros are left out.

use std::io::Write;

use super::{END, Error, GREETING};
use crate::manifest::{BLOCK_BYTES, block_len};

pub struct BlockWriter<W: Write> {
    output: W,
    size_bytes: u64,
    /// The block being filled.
    index: Option<u32>,
    block: Vec<u8>,
}

impl<W: Write> BlockWriter<W> {
    pub fn begin(mut output: W, size_bytes: u64) -> Result<Self, Error> {
        output.write_all(GREETING)?;
        output.write_all(&size_bytes.to_le_bytes())?;
        Ok(Self { output, size_bytes, index: None, block: Vec::with_capacity(BLOCK_BYTES) })
    }

    /// Takes `data`, which lies at `offset` and after all that was taken before.
    pub fn data(&mut self, mut offset: u64, mut data: &[u8]) -> Result<(), Error> {
        while !data.is_empty() {
            let index = u32::try_from(offset / BLOCK_BYTES as u64).map_err(|_| Error::Refused("the disk is too large".into()))?;
            if self.index != Some(index) {
                self.flush()?;
                self.index = Some(index);
                self.block.resize(block_len(self.size_bytes, index), 0);
            }
            let start = usize::try_from(offset % BLOCK_BYTES as u64).unwrap_or(0);
            let len = data.len().min(self.block.len().saturating_sub(start));
            if len == 0 {
                return Err(Error::Refused("the disk has data beyond its end".into()));
            }
            self.block[start..start + len].copy_from_slice(&data[..len]);
            offset += len as u64;
            data = &data[len..];
        }
        Ok(())
    }

    /// Says that this was the whole disk.
    pub fn finish(mut self) -> Result<(), Error> {
        self.flush()?;
        self.output.write_all(&END.to_le_bytes())?;
        Ok(self.output.flush()?)
    }

    fn flush(&mut self) -> Result<(), Error> {
        if let Some(index) = self.index.take()
            && self.block.iter().any(|byte| *byte != 0)
        {
            self.output.write_all(&index.to_le_bytes())?;
            self.output.write_all(&self.block)?;
        }
        self.block.clear();
        Ok(())
    }
}
