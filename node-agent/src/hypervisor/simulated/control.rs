//! What a simulated guest does by its own will, told by a file: write a word into `simulated/control/INSTANCE-ID` of the agent's state
//! folder. The file is taken away when the word was carried out.
//!
//! * `power-off`: the guest shuts itself down;
//! * `hang`: it runs on and does not react to the power button;
//! * `crash`: it is gone without a word, as when its hypervisor died.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::Simulated;
use super::guest::Power;

const LOOK: Duration = Duration::from_millis(100);
const LONGEST_WORD: u64 = 64;

pub(super) fn path(folder: &Path, instance_id: &str) -> PathBuf {
    folder.join("control").join(instance_id)
}

impl Simulated {
    /// Carries out words for as long as it is polled.
    pub async fn obey_control_files(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Err(error) = self.obey() {
                tracing::warn!(%error, "the simulated guests' control folder can not be read");
            }
        }
    }

    fn obey(&self) -> io::Result<()> {
        for entry in fs::read_dir(self.folder.join("control"))? {
            let entry = entry?;
            let instance_id = entry.file_name().to_string_lossy().into_owned();
            if entry.metadata()?.len() > LONGEST_WORD {
                fs::remove_file(entry.path())?;
                continue;
            }
            let word = fs::read_to_string(entry.path())?;
            if word.trim().is_empty() {
                // Made and not written yet.
                continue;
            }
            fs::remove_file(entry.path())?;
            self.carry_out(&instance_id, word.trim());
        }
        Ok(())
    }

    /// Has a guest do something by its own will.
    pub fn carry_out(&self, instance_id: &str, word: &str) {
        let power = match word {
            "power-off" => Power::OffByItself,
            "crash" => Power::Off,
            "hang" => Power::On { since: 0, button: None, hung: true },
            _ => {
                tracing::warn!(instance_id, word, "a simulated guest knows power-off, hang and crash");
                return;
            }
        };
        let done = self.change(instance_id, |guest, _| {
            if matches!(guest.power, Power::On { .. }) {
                guest.power = power;
            }
        });
        match done {
            Ok(()) => self.queue.wake(instance_id),
            Err(error) => tracing::warn!(instance_id, word, %error, "a word for a simulated guest was not carried out"),
        }
    }
}
