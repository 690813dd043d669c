//! Where systemd runs and our units are installed, it supervises and `freehold up` and `down` only ask it.

use std::path::Path;

use tokio::process::Command;

use crate::Failure;
use crate::config::Config;

const TARGET: &str = "freehold.target";
const UNIT_FOLDERS: [&str; 3] = ["/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];

/// Whether systemd keeps this cloud: it runs this machine, the units are there, and the configuration is the one they start with.
pub fn keeps(config: &Config) -> bool {
    config.is_the_installed_one()
        && Path::new("/run/systemd/system").is_dir()
        && UNIT_FOLDERS.iter().any(|folder| Path::new(folder).join(TARGET).exists())
}

pub async fn start() -> Result<(), Failure> {
    systemctl("start").await
}

/// Ends the parts; the agent's unit leaves guests alone.
pub async fn stop() -> Result<(), Failure> {
    systemctl("stop").await
}

async fn systemctl(verb: &str) -> Result<(), Failure> {
    let status = Command::new("systemctl").args([verb, TARGET]).status().await?;
    if status.success() {
        return Ok(());
    }
    Err(format!("systemctl {verb} {TARGET} failed; `journalctl -u 'freehold*'` says why").into())
}
