//! The process that reads a hostile disk: gives everything up first, then reads standard input and writes blocks to standard output.
//!
//! It must have one thread only, since privileges and namespaces are a thread's: the command line calls [`run`] before anything else starts.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, setrlimit};
use nix::unistd::{Gid, Uid};

use super::blocks::BlockWriter;
use super::{Error, Format, qcow2, raw};

/// The exit code with which a disk is refused; the reason is on standard error.
pub const REFUSED: i32 = 3;

/// Debian's `nobody` and `nogroup`.
const NOBODY: u32 = 65_534;
const PROCESSOR_SECONDS: u64 = 3600;
/// A cluster, a level-two table and a block are at most 2 MiB each, a level-one table 32 MiB.
const MEMORY_BYTES: u64 = 512 << 20;
const FILES: u64 = 16;

/// Reads the disk on standard input, which is `format` and at most `max_bytes` large. The current folder must be empty: it becomes the root.
pub fn run(format: Format, max_bytes: u64) -> ExitCode {
    let outcome = confine().map_err(|error| Error::Reader(format!("it can not confine itself: {error}"))).and_then(|()| {
        let disk = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        read(disk, format, max_bytes, io::stdout().lock())
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            if let Error::Refused(_) = error { ExitCode::from(u8::try_from(REFUSED).unwrap_or(1)) } else { ExitCode::FAILURE }
        }
    }
}

pub(super) fn read(disk: File, format: Format, max_bytes: u64, output: impl Write) -> Result<(), Error> {
    match format {
        Format::Raw => {
            let disk = raw::Raw::open(disk, max_bytes)?;
            let mut blocks = BlockWriter::begin(output, disk.size_bytes())?;
            disk.read(&mut blocks)?;
            blocks.finish()
        }
        Format::Qcow2 => {
            let disk = qcow2::Qcow2::open(disk, max_bytes)?;
            let mut blocks = BlockWriter::begin(output, disk.size_bytes())?;
            disk.read(&mut blocks)?;
            blocks.finish()
        }
    }
}

/// Without root a user namespace gives the right to enter the others, and shows this process as nobody.
fn confine() -> nix::Result<()> {
    let root = Uid::effective().is_root();
    let mut namespaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
    if !root {
        namespaces |= CloneFlags::CLONE_NEWUSER;
    }
    nix::sched::unshare(namespaces)?;
    nix::unistd::chroot(".")?;
    nix::unistd::chdir("/")?;
    for (resource, limit) in [
        (Resource::RLIMIT_CPU, PROCESSOR_SECONDS),
        (Resource::RLIMIT_AS, MEMORY_BYTES),
        (Resource::RLIMIT_NOFILE, FILES),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NPROC, 0),
        (Resource::RLIMIT_CORE, 0),
    ] {
        setrlimit(resource, limit, limit)?;
    }
    if root {
        nix::unistd::setgroups(&[])?;
        let (group, user) = (Gid::from_raw(NOBODY), Uid::from_raw(NOBODY));
        nix::unistd::setresgid(group, group, group)?;
        nix::unistd::setresuid(user, user, user)?;
    }
    nix::sys::prctl::set_no_new_privs()
}
