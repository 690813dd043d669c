//! One line per request: who did what and how it went. Never a parameter's value, since user data and key material are among them.
//!
//! Whoever rotates the file moves it away and need tell nobody: the next record finds that the path leads elsewhere, and begins a new file
//! there. No record is lost on the way, the last ones of the old file included.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use freehold_proto::Caller;

/// The audit log: JSON lines, appended to a file of mode 0600, or, where none is configured, lines `audited` of the target `audit` in the
/// process's log. (`answered` is the gateway's, with status and duration.)
pub struct Audit(Option<Mutex<Log>>);

impl Audit {
    pub fn to_log() -> Self {
        Self(None)
    }

    pub fn to_file(path: &Path) -> io::Result<Self> {
        Ok(Self(Some(Mutex::new(Log::open(path.to_owned())?))))
    }

    /// `outcome` is "ok" or AWS's error code.
    pub fn record(&self, now: i64, action: &str, caller: &Caller, outcome: &str) {
        let Caller { account_id, principal_arn, request_id, .. } = caller;
        let Some(log) = &self.0 else {
            tracing::info!(target: "audit", action, %request_id, account = %account_id, principal = %principal_arn, outcome, "audited");
            return;
        };
        let line = serde_json::json!({
            "time": now, "action": action, "request_id": request_id, "account": account_id, "principal": principal_arn, "outcome": outcome,
        });
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = log.append(&format!("{line}\n")) {
            tracing::error!(%error, path = %log.path.display(), "the audit log can not be written: check its disk");
        }
    }
}

/// The open file, and the path that it was opened at.
struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    fn open(path: PathBuf) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// In one write, so that a reader finds whole lines. Where no new file can be begun, the old one is better than none.
    fn append(&mut self, line: &str) -> io::Result<()> {
        let followed = self.follow();
        self.file.write_all(line.as_bytes()).and(followed)
    }

    fn follow(&mut self) -> io::Result<()> {
        if self.is_moved()? {
            *self = Self::open(self.path.clone())?;
        }
        Ok(())
    }

    fn is_moved(&self) -> io::Result<bool> {
        let open = self.file.metadata()?;
        match std::fs::metadata(&self.path) {
            Ok(there) => Ok((there.dev(), there.ino()) != (open.dev(), open.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(audit: &Audit, request_id: &str) {
        let caller = Caller {
            account_id: "111122223333".into(),
            principal_arn: "arn:aws:iam::111122223333:root".into(),
            user_id: "111122223333".into(),
            request_id: request_id.into(),
        };
        audit.record(1, "RunInstances", &caller, "ok");
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(path).unwrap();
        let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["request_id"].as_str().unwrap().to_owned();
        text.lines().map(id).collect()
    }

    #[test]
    fn a_file_that_was_moved_away_is_begun_anew_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("log/audit.log"), folder.path().join("log/audit.log.1"));
        let audit = Audit::to_file(&path).unwrap();
        record(&audit, "a");
        std::fs::rename(&path, &moved).unwrap();
        record(&audit, "b");
        record(&audit, "c");
        assert_eq!((ids(&moved), ids(&path)), (vec!["a".to_owned()], vec!["b".to_owned(), "c".to_owned()]));
        // As `logrotate create` does: the new file is there before the next record.
        std::fs::rename(&path, &moved).unwrap();
        std::fs::write(&path, "").unwrap();
        record(&audit, "d");
        assert_eq!(ids(&path), ["d"]);
    }

    #[test]
    fn a_file_that_can_not_be_begun_anew_leaves_the_old_one_written() {
        let folder = tempfile::tempdir().unwrap();
        let (log, away) = (folder.path().join("log"), folder.path().join("away"));
        let audit = Audit::to_file(&log.join("audit.log")).unwrap();
        std::fs::rename(&log, &away).unwrap();
        std::fs::write(&log, "no folder").unwrap();
        record(&audit, "a");
        assert_eq!(ids(&away.join("audit.log")), ["a"]);
        std::fs::remove_file(&log).unwrap();
        record(&audit, "b");
        assert_eq!(ids(&log.join("audit.log")), ["b"], "its folder is made again");
    }

    #[test]
    fn a_copied_and_truncated_file_is_written_from_its_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.log");
        let audit = Audit::to_file(&path).unwrap();
        record(&audit, "a");
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        record(&audit, "b");
        assert_eq!(ids(&path), ["b"]);
    }
}
