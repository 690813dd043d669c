//! `/proc/sys/net` of the calling thread's network namespace.

use std::io;
use std::path::{Path, PathBuf};

/// Writes `value` unless it is there already, so that a read-only `/proc/sys` which says the right thing is no obstacle.
pub fn set(key: &[&str], value: &str) -> io::Result<()> {
    if get(key).is_ok_and(|now| now == value) {
        return Ok(());
    }
    let path = path(key);
    std::fs::write(&path, value).map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

pub fn get(key: &[&str]) -> io::Result<String> {
    Ok(std::fs::read_to_string(path(key))?.trim().to_owned())
}

fn path(key: &[&str]) -> PathBuf {
    // By parts, since an interface's name may hold a dot.
    key.iter().fold(Path::new("/proc/sys/net").to_path_buf(), |path, part| path.join(part))
}
