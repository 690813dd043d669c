//! One line per request: who did what and how it went. Never a parameter's value, since user data and key material are among them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use freehold_proto::Caller;

/// The audit log: JSON lines, appended to a file of mode 0600, or, where none is configured, lines `audited` of the target `audit` in the
/// process's log. (`answered` is the gateway's, with status and duration.)
pub struct Audit(Option<Mutex<File>>);

impl Audit {
    pub fn to_log() -> Self {
        Self(None)
    }

    pub fn to_file(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(Self(Some(Mutex::new(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?))))
    }

    /// `outcome` is "ok" or AWS's error code.
    pub fn record(&self, now: i64, action: &str, caller: &Caller, outcome: &str) {
        let Caller { account_id, principal_arn, request_id, .. } = caller;
        let Some(file) = &self.0 else {
            tracing::info!(target: "audit", action, %request_id, account = %account_id, principal = %principal_arn, outcome, "audited");
            return;
        };
        let line = serde_json::json!({
            "time": now, "action": action, "request_id": request_id, "account": account_id, "principal": principal_arn, "outcome": outcome,
        });
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{line}") {
            tracing::error!(%error, "the audit log can not be written: check its disk");
        }
    }
}
