//! The shape of `freehold image …` and its help.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use freehold_image_store::import;

const MIB: u64 = 1 << 20;

#[derive(Subcommand)]
pub enum Image {
    /// Make an AMI of a disk image file
    ///
    /// The format is stated, verified, and never guessed. The file is read by a confined process; a disk that needs another file (a backing
    /// file, a data file), is encrypted, cut off or damaged is refused.
    Import(Import),
    /// Build a disk image from Debian packages and make an AMI of it
    ///
    /// Packages come through this host's own apt configuration and are kept in the cache folder. Nothing is installed on this host.
    #[command(subcommand)]
    Build(Build),
    /// List AMIs
    Ls,
    /// Take an AMI away; instances launched from it go on
    Deregister {
        /// ami-…
        image_id: String,
    },
    /// Read the disk on standard input, confined, and write its blocks to standard output (used by `import`)
    #[command(hide = true)]
    Read {
        #[arg(long, value_enum)]
        format: Format,
        #[arg(long)]
        max_bytes: u64,
    },
}

#[derive(Args)]
pub struct Import {
    /// The disk image
    pub file: PathBuf,
    /// What the file is
    #[arg(long, value_enum)]
    pub format: Format,
    /// The AMI's name, one of its kind in the account
    #[arg(long)]
    pub name: String,
    #[command(flatten)]
    pub ami: Ami,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Format {
    /// The disk's bytes as they are
    Raw,
    /// QEMU's format
    Qcow2,
}

impl From<Format> for import::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Raw => Self::Raw,
            Format::Qcow2 => Self::Qcow2,
        }
    }
}

/// What is said of every AMI, however it is made.
#[derive(Args)]
pub struct Ami {
    /// What it is, for people
    #[arg(long, default_value = "")]
    pub description: String,
    /// The account that owns it [default: the first one]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Let every account launch it
    #[arg(long)]
    pub public: bool,
    /// EC2's word for the processor it runs on
    #[arg(long, default_value = "x86_64", value_parser = ["x86_64", "arm64"])]
    pub architecture: String,
    /// What the root device is called in block device mappings
    #[arg(long, default_value = "/dev/xvda", value_name = "DEVICE")]
    pub root_device_name: String,
}

#[derive(Subcommand)]
pub enum Build {
    /// Debian with cloud-init, as a cloud's own Debian image is. Log in as debian
    Debian {
        /// bookworm or trixie [default: this host's]
        #[arg(long, value_parser = ["bookworm", "trixie"])]
        suite: Option<String>,
        #[command(flatten)]
        target: Target,
    },
    /// A few MiB that boot in seconds, for tests and demonstrations: Debian's kernel, busybox, dropbear. Log in as ec2-user
    Tiny(Target),
}

#[derive(Args)]
pub struct Target {
    /// The AMI's name [default: the image's name and the time]
    #[arg(long)]
    pub name: Option<String>,
    /// The disk's size, such as 2G or 900M
    #[arg(long, value_parser = size)]
    pub size: Option<u64>,
    /// Write the raw disk to this file and make no AMI; no cloud need run
    #[arg(long, value_name = "FILE")]
    pub output_file: Option<PathBuf>,
    /// Where downloaded packages are kept between builds
    #[arg(long, value_name = "DIR", default_value = "/var/cache/freehold")]
    pub cache: PathBuf,
    #[command(flatten)]
    pub ami: Ami,
}

/// `900M` or `2G`, whole MiB.
fn size(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix('G') {
        Some(number) => (number, 1024 * MIB),
        None => (text.strip_suffix('M').unwrap_or_default(), MIB),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).filter(|bytes| *bytes >= 64 * MIB);
    bytes.ok_or_else(|| "write it as 2G or 900M, at least 64M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_a_unit_and_a_floor() {
        assert_eq!((size("2G"), size("900M")), (Ok(2 << 30), Ok(900 << 20)));
        for text in ["", "G", "2", "2K", "-1G", "1M", "99999999999G", "2.5G"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
