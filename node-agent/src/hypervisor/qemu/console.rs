//! A guest's serial console: QEMU appends to `console.log`; when that has grown, its end is kept in `console.old` and the log starts over.
//!
//! What a guest prints between the two steps of that is lost; and while no agent runs, nobody bounds the log.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::SystemTime;

use super::folder::GuestFolder;
use crate::hypervisor::{CONSOLE_BYTES, Console};

const LOG: &str = "console.log";
const OLD: &str = "console.old";

/// The log starts over beyond this.
const LONGEST_LOG: u64 = 4 << 20;

/// The newest 64 KiB, over both files. `None` if the guest never printed.
pub(super) fn read(folder: &GuestFolder) -> io::Result<Option<Console>> {
    let Some((log, at)) = tail(folder, LOG)? else { return Ok(None) };
    let mut output = tail(folder, OLD)?.map(|(old, _)| old).unwrap_or_default();
    output.extend_from_slice(&log);
    let from = output.len().saturating_sub(CONSOLE_BYTES);
    Ok(Some(Console { output: output.split_off(from), at }))
}

/// Bounds the log. QEMU opened it for appending, so it goes on from wherever the end is.
pub(super) fn bound(folder: &GuestFolder) -> io::Result<()> {
    let path = folder.file(LOG);
    match fs::metadata(&path) {
        Ok(metadata) if metadata.len() > LONGEST_LOG => {}
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let Some((kept, _)) = tail(folder, LOG)? else { return Ok(()) };
    let aside = folder.file("console.new");
    fs::write(&aside, kept)?;
    fs::rename(aside, folder.file(OLD))?;
    File::options().write(true).open(path)?.set_len(0)
}

fn tail(folder: &GuestFolder, name: &str) -> io::Result<Option<(Vec<u8>, SystemTime)>> {
    let mut file = match File::open(folder.file(name)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(CONSOLE_BYTES as u64)))?;
    let mut output = Vec::new();
    file.take(CONSOLE_BYTES as u64).read_to_end(&mut output)?;
    Ok(Some((output, metadata.modified()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_64_kib_are_read_across_a_new_beginning_of_the_log() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = GuestFolder::new(temporary.path().to_owned());
        assert!(read(&folder).unwrap().is_none());
        let mut log = vec![b'.'; usize::try_from(LONGEST_LOG).unwrap()];
        log.extend_from_slice(b"before");
        fs::write(folder.file(LOG), &log).unwrap();
        bound(&folder).unwrap();
        assert_eq!(fs::metadata(folder.file(LOG)).unwrap().len(), 0);
        fs::write(folder.file(LOG), b" and after").unwrap();
        bound(&folder).unwrap();
        let console = read(&folder).unwrap().unwrap();
        assert!(console.output.ends_with(b"before and after") && console.output.len() == CONSOLE_BYTES);
    }
}
