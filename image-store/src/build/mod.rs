//! Makes disk images from Debian packages: a table of partitions, GRUB, an ext4 root, in a plain file.
//!
//! Packages come through the host's own apt configuration (its sources, proxies, keys); no package host is named here. Nothing is installed
//! on the host, nothing is mounted outside a private mount namespace, no loop device is used. What is being built lies in one working
//! folder that goes when the build ends, whichever way; only downloaded packages are kept, in the cache folder.

pub mod debian;
pub mod tiny;

mod apt;
mod cpio;
mod disk;
mod gpt;
mod grub;
mod modules;
mod tool;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use tool::{PACKAGES, Tool};

/// Told what is being done, one sentence each.
pub type Report<'a> = dyn Fn(&str) + Send + Sync + 'a;

/// What every builder needs to know.
pub struct Plan<'a> {
    /// The file the disk is written to; made, or replaced as a whole.
    pub disk: PathBuf,
    /// A multiple of 1 MiB.
    pub size_bytes: u64,
    /// An empty folder of the caller's, who removes it afterwards.
    pub work: &'a Path,
    /// Kept between builds.
    pub cache: &'a Path,
    pub report: &'a Report<'a>,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{} is not installed: apt-get install {}", .0.name, .0.package)]
    ToolMissing(&'static Tool),
    #[error("{tool} failed ({status}):\n{output}")]
    ToolFailed { tool: &'static str, status: std::process::ExitStatus, output: String },
    #[error("{tool} did not end within {} s and was stopped", limit.as_secs())]
    ToolTimedOut { tool: &'static str, limit: Duration },
    #[error("{context}")]
    Io {
        context: String,
        #[source]
        source: io::Error,
    },
    /// A package or a tool is not as this builder knows it.
    #[error("{0}")]
    Unexpected(String),
}

impl Error {
    fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io { context, source }
    }
}

/// Disk sizes are whole MiB, as every partition starts on one.
const MIB: u64 = 1 << 20;

/// A file that a tool of the host is to run.
fn write_script(folder: &Path, name: &str, text: &str) -> Result<PathBuf, Error> {
    let path = folder.join(name);
    std::fs::write(&path, text).map_err(Error::io(format!("writing {}", path.display())))?;
    Ok(path)
}
