//! Programs of the host that builders run, the Debian package of each, and how they are run: bounded, without a terminal, stopped when the
//! build is.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::Error;

#[derive(Debug, PartialEq, Eq)]
pub struct Tool {
    pub name: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

pub static APT_CACHE: Tool = Tool { name: "apt-cache", package: "apt" };
pub static APT_GET: Tool = Tool { name: "apt-get", package: "apt" };
pub static APT_CONFIG: Tool = Tool { name: "apt-config", package: "apt" };
pub static CHROOT: Tool = Tool { name: "chroot", package: "coreutils" };
pub static DPKG_DEB: Tool = Tool { name: "dpkg-deb", package: "dpkg" };
pub static GRUB_MKIMAGE: Tool = Tool { name: "grub-mkimage", package: "grub-common" };
pub static MKE2FS: Tool = Tool { name: "mke2fs", package: "e2fsprogs" };
pub static MMDEBSTRAP: Tool = Tool { name: "mmdebstrap", package: "mmdebstrap" };
pub static UNSHARE: Tool = Tool { name: "unshare", package: "util-linux" };
pub static XZ: Tool = Tool { name: "xz", package: "xz-utils" };

/// The Debian packages that building and importing images needs on the host, beyond what every Debian has.
pub const PACKAGES: &[&str] = &["e2fsprogs", "grub-common", "grub-pc-bin", "mmdebstrap", "xz-utils"];

const FOLDERS: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What of a failed tool's last words is shown.
const LAST_WORDS: u64 = 2048;

impl Tool {
    /// A bounded run of this tool. Fails where it is not installed.
    pub(super) fn run(&'static self, limit: Duration) -> Result<Run, Error> {
        Ok(Run::of(self.name, &self.find()?, limit))
    }

    /// The program's path. A `PATH` without the sbin folders (as `su` leaves it) does not matter.
    pub(super) fn find(&'static self) -> Result<PathBuf, Error> {
        let found = FOLDERS.iter().map(|folder| Path::new(folder).join(self.name)).find(|path| is_program(path));
        found.ok_or(Error::ToolMissing(self))
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// One run of a program.
pub struct Run {
    name: &'static str,
    limit: Duration,
    command: tokio::process::Command,
    input: Vec<u8>,
}

impl Run {
    /// Of a program that is not one of the host's.
    pub fn of(name: &'static str, program: &Path, limit: Duration) -> Self {
        let mut command = tokio::process::Command::new(program);
        command.env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive").env("PATH", FOLDERS.join(":")).kill_on_drop(true);
        Self { name, limit, command, input: Vec::new() }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn input(mut self, input: Vec<u8>) -> Self {
        self.input = input;
        self
    }

    /// Waits for the end and gives what the program printed. Dropped or too slow, the program is killed.
    pub async fn output(mut self) -> Result<Vec<u8>, Error> {
        let context = |source| Error::Io { context: format!("running {}", self.name), source };
        let (mut stdin, mut stdout, mut stderr) =
            (tempfile::tempfile().map_err(context)?, tempfile::tempfile().map_err(context)?, tempfile::tempfile().map_err(context)?);
        stdin.write_all(&self.input).and_then(|()| stdin.rewind()).map_err(context)?;
        self.command.stdin(stdin).stdout(share(&stdout).map_err(context)?).stderr(share(&stderr).map_err(context)?);
        let mut child = self.command.spawn().map_err(context)?;
        let Ok(ended) = tokio::time::timeout(self.limit, child.wait()).await else {
            return Err(Error::ToolTimedOut { tool: self.name, limit: self.limit });
        };
        let status = ended.map_err(context)?;
        if !status.success() {
            let output = last_words(&mut stderr).map_err(context)? + &last_words(&mut stdout).map_err(context)?;
            return Err(Error::ToolFailed { tool: self.name, status, output: output.trim().to_owned() });
        }
        let mut output = Vec::new();
        stdout.rewind().and_then(|()| stdout.read_to_end(&mut output)).map_err(context)?;
        Ok(output)
    }

    /// [`Run::output`] of a program that prints text.
    pub async fn text(self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.output().await?).into_owned())
    }

    /// [`Run::output`] where nobody reads it.
    pub async fn done(self) -> Result<(), Error> {
        self.output().await.map(|_| ())
    }
}

fn share(file: &File) -> std::io::Result<Stdio> {
    Ok(Stdio::from(file.try_clone()?))
}

fn last_words(file: &mut File) -> std::io::Result<String> {
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(len.saturating_sub(LAST_WORDS)))?;
    let mut words = Vec::new();
    file.read_to_end(&mut words)?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    static NOT_THERE: Tool = Tool { name: "freehold-no-such-tool", package: "no-such-package" };
    static SH: Tool = Tool { name: "sh", package: "dash" };

    #[test]
    fn a_missing_tool_is_named_with_its_package() {
        let error = NOT_THERE.find().expect_err("it is not there").to_string();
        assert!(error.contains("freehold-no-such-tool") && error.contains("apt-get install no-such-package"), "{error}");
    }

    #[tokio::test]
    async fn a_failed_tool_gives_its_last_words() {
        let run = SH.run(Duration::from_mins(1)).expect("sh").args(["-c", "echo out; echo why >&2; exit 3"]);
        let error = run.output().await.expect_err("it fails").to_string();
        assert!(error.contains("why") && error.contains("exit status: 3"), "{error}");
    }

    #[tokio::test]
    async fn a_tool_reads_its_input_and_is_stopped_when_too_slow() {
        let run = SH.run(Duration::from_mins(1)).expect("sh").args(["-c", "cat"]).input(b"text".to_vec());
        assert_eq!(run.text().await.expect("cat"), "text");
        let slow = SH.run(Duration::from_millis(1)).expect("sh").args(["-c", "exec sleep 600"]);
        assert!(matches!(slow.done().await, Err(Error::ToolTimedOut { .. })));
    }
}
