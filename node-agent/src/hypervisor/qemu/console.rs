//! What guests' processes write without end, and its bounds: the serial console, and what QEMU says of itself.
//!
//! QEMU appends to a log; when that has grown, its end is kept beside it and the log starts over. What is written between the two steps of
//! that is lost; and while no agent runs, nobody bounds a log.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::time::SystemTime;

use super::folder::GuestFolder;
use crate::hypervisor::{CONSOLE_BYTES, Console, password};

const CONSOLE: &str = "console.log";
const CONSOLE_OLD: &str = "console.old";
/// What the launcher and QEMU say on their error output.
pub(super) const LAUNCH: &str = "launch.log";
pub(super) const LAUNCH_OLD: &str = "launch.old";

/// The last password that was in a console's log when that started over.
const PASSWORD: &str = "password";

/// A log starts over beyond this.
const LONGEST_LOG: u64 = 4 << 20;
/// By how much a log has outgrown that when it is noticed, most often.
const SLACK: u64 = 4 << 20;

/// The newest 64 KiB, over both files. `None` if the guest never printed.
pub(super) fn read(folder: &GuestFolder) -> io::Result<Option<Console>> {
    let Some(log) = there(folder.open_inside(CONSOLE, false))? else { return Ok(None) };
    let (log, at) = tail(&log)?;
    let mut output = match there(File::open(folder.file(CONSOLE_OLD)))? {
        Some(old) => tail(&old)?.0,
        None => Vec::new(),
    };
    output.extend_from_slice(&log);
    let from = output.len().saturating_sub(CONSOLE_BYTES);
    Ok(Some(Console { output: output.split_off(from), at }))
}

/// The last password that the guest printed, wherever in its log, and when the log was written last.
pub(super) fn password(folder: &GuestFolder) -> io::Result<Option<Console>> {
    if let Some(log) = there(folder.open_inside(CONSOLE, false))? {
        let (log, at) = end_of(&log, LONGEST_LOG + SLACK)?;
        if let Some(output) = password::last(&log) {
            return Ok(Some(Console { output, at }));
        }
    }
    let Some(kept) = there(File::open(folder.file(PASSWORD)))? else { return Ok(None) };
    let (output, at) = tail(&kept)?;
    Ok(Some(Console { output, at }))
}

/// The last line that was said of the launch.
pub(super) fn complaint(folder: &GuestFolder) -> Option<String> {
    let said = tail(&File::open(folder.file(LAUNCH)).ok()?).ok()?.0;
    String::from_utf8_lossy(&said).trim().lines().last().map(str::to_owned)
}

/// Bounds the logs. QEMU opened them for appending, so it goes on from wherever the end is.
pub(super) fn bound(folder: &GuestFolder) -> io::Result<()> {
    if let Some(log) = there(folder.open_inside(CONSOLE, true))? {
        // Printed once, at the first boot.
        if log.metadata()?.len() > LONGEST_LOG
            && let Some(password) = password::last(&end_of(&log, LONGEST_LOG + SLACK)?.0)
        {
            keep(folder, PASSWORD, &password)?;
        }
        start_over(&log, folder, CONSOLE_OLD)?;
    }
    if let Some(log) = there(File::options().read(true).write(true).open(folder.file(LAUNCH)))? {
        start_over(&log, folder, LAUNCH_OLD)?;
    }
    Ok(())
}

fn start_over(log: &File, folder: &GuestFolder, old: &str) -> io::Result<()> {
    if log.metadata()?.len() <= LONGEST_LOG {
        return Ok(());
    }
    let (kept, _) = tail(log)?;
    keep(folder, old, &kept)?;
    log.set_len(0)
}

fn keep(folder: &GuestFolder, name: &str, content: &[u8]) -> io::Result<()> {
    let aside = folder.file(&format!("{name}.new"));
    fs::write(&aside, content)?;
    fs::rename(aside, folder.file(name))
}

fn there(opened: io::Result<File>) -> io::Result<Option<File>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

fn tail(file: &File) -> io::Result<(Vec<u8>, SystemTime)> {
    end_of(file, CONSOLE_BYTES as u64)
}

/// At most so much of a file's end, and when it was written last.
fn end_of(mut file: &File, most: u64) -> io::Result<(Vec<u8>, SystemTime)> {
    let metadata = file.metadata()?;
    file.seek(SeekFrom::Start(metadata.len().saturating_sub(most)))?;
    let mut output = Vec::new();
    file.take(most).read_to_end(&mut output)?;
    Ok((output, metadata.modified()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn folder() -> (tempfile::TempDir, GuestFolder) {
        let temporary = tempfile::tempdir().unwrap();
        let folder = GuestFolder::new(temporary.path().to_owned());
        folder.make(None).unwrap();
        (temporary, folder)
    }

    #[test]
    fn the_newest_64_kib_are_read_across_a_new_beginning_of_the_log() {
        let (_temporary, folder) = folder();
        assert!(read(&folder).unwrap().is_none());
        let mut log = vec![b'.'; usize::try_from(LONGEST_LOG).unwrap()];
        log.extend_from_slice(b"before");
        fs::write(folder.inside(CONSOLE), &log).unwrap();
        bound(&folder).unwrap();
        assert_eq!(fs::metadata(folder.inside(CONSOLE)).unwrap().len(), 0);
        fs::write(folder.inside(CONSOLE), b" and after").unwrap();
        bound(&folder).unwrap();
        let console = read(&folder).unwrap().unwrap();
        assert!(console.output.ends_with(b"before and after") && console.output.len() == CONSOLE_BYTES);
    }

    #[test]
    fn a_password_is_found_wherever_it_was_printed_and_outlives_the_log() {
        let (_temporary, folder) = folder();
        let found = || password(&folder).unwrap().map(|console| String::from_utf8(console.output).unwrap());
        assert_eq!(found(), None);
        let mut log = b"<Password>\nb25jZQ==\n</Password>\n".to_vec();
        log.resize(usize::try_from(LONGEST_LOG).unwrap(), b'.');
        fs::write(folder.inside(CONSOLE), &log).unwrap();
        bound(&folder).unwrap();
        assert_eq!(found().as_deref(), Some("b25jZQ=="), "far from the end");
        log.push(b'.');
        fs::write(folder.inside(CONSOLE), &log).unwrap();
        bound(&folder).unwrap();
        assert_eq!((fs::metadata(folder.inside(CONSOLE)).unwrap().len(), found().as_deref()), (0, Some("b25jZQ==")));
        fs::write(folder.inside(CONSOLE), b"<Password>YWdhaW4=</Password>").unwrap();
        assert_eq!(found().as_deref(), Some("YWdhaW4="));
    }

    #[test]
    fn what_qemu_says_of_itself_is_bounded_and_goes_on_at_the_beginning() {
        let (_temporary, folder) = folder();
        let mut said = File::options().append(true).create(true).open(folder.file(LAUNCH)).unwrap();
        said.write_all(&vec![b'.'; usize::try_from(LONGEST_LOG).unwrap()]).unwrap();
        said.write_all(b"\nthe end of it\n").unwrap();
        assert_eq!(complaint(&folder).as_deref(), Some("the end of it"));
        bound(&folder).unwrap();
        said.write_all(b"and more").unwrap();
        assert_eq!(fs::read(folder.file(LAUNCH)).unwrap(), b"and more");
        assert!(fs::read(folder.file(LAUNCH_OLD)).unwrap().ends_with(b"the end of it\n"));
    }

    #[test]
    fn a_console_that_became_a_link_is_neither_shown_nor_cut() {
        let (temporary, folder) = folder();
        let secret = temporary.path().join("secret");
        fs::write(&secret, vec![b's'; usize::try_from(LONGEST_LOG).unwrap() + 1]).unwrap();
        std::os::unix::fs::symlink(&secret, folder.inside(CONSOLE)).unwrap();
        assert!(read(&folder).is_err() && bound(&folder).is_err());
        assert_eq!(fs::metadata(&secret).unwrap().len(), LONGEST_LOG + 1);
    }
}
