//! Where this program's file is.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What the kernel appends to the name of a running program whose file was replaced.
const REPLACED: &[u8] = b" (deleted)";

/// The file to start when this program is wanted once more. After an upgrade, which renames another file over it, that is the new one.
pub fn path() -> io::Result<PathBuf> {
    Ok(named(&std::env::current_exe()?))
}

fn named(running: &Path) -> PathBuf {
    match running.as_os_str().as_bytes().strip_suffix(REPLACED) {
        Some(name) if !running.exists() => PathBuf::from(OsStr::from_bytes(name)),
        _ => running.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_replaced_is_found_by_its_name() {
        assert_eq!(named(Path::new("/nowhere/freehold")), Path::new("/nowhere/freehold"));
        assert_eq!(named(Path::new("/nowhere/freehold (deleted)")), Path::new("/nowhere/freehold"));
        assert!(path().unwrap().is_file());
    }
}
