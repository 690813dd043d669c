//! Reads a disk that somebody else made, without trusting a byte of it.
//!
//! The format is stated by the operator and verified, never probed. Reading happens in a process of its own ([`confined`]) that has the one
//! open file and a pipe and nothing else: no file system, no network, no privileges, bounded in memory and processor time. What comes out of
//! the pipe is checked again here ([`Disk`]).

pub mod confined;

mod blocks;
mod partitions;
mod qcow2;
mod raw;

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use crate::manifest::{block_count, block_len, is_disk_size};

/// What a disk can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Raw,
    Qcow2,
}

impl Format {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

/// Why a disk is not taken. `Display` is for whoever wants to import it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk is not what it is said to be, or asks for something that is not followed.
    #[error("{0}")]
    Refused(String),
    #[error("reading the disk: {0}")]
    Read(#[source] io::Error),
    #[error("the confined reader failed: {0}")]
    Reader(String),
    #[error("the confined reader was silent for {} s and was stopped", SILENCE.as_secs())]
    Silent,
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// How long the confined reader may take for one block.
const SILENCE: Duration = Duration::from_mins(5);
/// What of the reader's complaint is shown.
const COMPLAINT: u64 = 2048;
/// Before the blocks: this, and the disk's size.
const GREETING: &[u8; 8] = b"FHDISK1\n";
/// The index of the record that says all is well and over.
const END: u32 = u32::MAX;

/// A disk on its way out of the confined reader. Dropped, it ends the reader.
pub struct Disk {
    child: Child,
    output: BufReader<ChildStdout>,
    size_bytes: u64,
    next: u64,
}

impl Disk {
    /// Starts `reader` (a command that calls [`confined::run`]) on `file`, and waits for the disk's size. `empty` is an empty folder.
    pub async fn open(mut reader: Command, file: File, empty: &Path) -> Result<Self, Error> {
        reader.stdin(Stdio::from(file)).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(empty).kill_on_drop(true).env_clear();
        let mut child = reader.spawn()?;
        let output = child.stdout.take().ok_or_else(|| Error::Reader("it has no output".into()))?;
        let mut disk = Self { child, output: BufReader::new(output), size_bytes: 0, next: 0 };
        let mut greeting = [0; 16];
        disk.read(&mut greeting).await?;
        let (magic, size) = greeting.split_at(8);
        disk.size_bytes = u64::from_le_bytes(size.try_into().unwrap_or_default());
        if magic != GREETING || !is_disk_size(disk.size_bytes) {
            return Err(Error::Reader("it does not speak as it should".into()));
        }
        Ok(disk)
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The next block that is not all zeros, in ascending order; `None` once the reader has said that this is the whole disk.
    pub async fn next(&mut self) -> Result<Option<(u32, Vec<u8>)>, Error> {
        let mut head = [0; 4];
        self.read(&mut head).await?;
        let index = u32::from_le_bytes(head);
        if index == END {
            return Ok(None);
        }
        if u64::from(index) < self.next || u64::from(index) >= block_count(self.size_bytes) {
            return Err(Error::Reader("its blocks are out of order".into()));
        }
        self.next = u64::from(index) + 1;
        let mut data = vec![0; block_len(self.size_bytes, index)];
        self.read(&mut data).await?;
        Ok(Some((index, data)))
    }

    async fn read(&mut self, into: &mut [u8]) -> Result<(), Error> {
        match tokio::time::timeout(SILENCE, self.output.read_exact(into)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.complaint().await),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Error::Silent),
        }
    }

    /// Why the reader ended early: what it said, or how it died.
    async fn complaint(&mut self) -> Error {
        let mut said = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            let _ = tokio::time::timeout(SILENCE, stderr.take(COMPLAINT).read_to_end(&mut said)).await;
        }
        let status = match tokio::time::timeout(SILENCE, self.child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => return error.into(),
            Err(_) => return Error::Silent,
        };
        let text: String = String::from_utf8_lossy(&said).trim().chars().filter(|char| !char.is_control()).collect();
        match status.code() {
            Some(code) if code == confined::REFUSED && !text.is_empty() => Error::Refused(text),
            _ => Error::Reader(format!("{status} {text}")),
        }
    }
}
