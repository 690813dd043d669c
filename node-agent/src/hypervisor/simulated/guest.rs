//! What a simulated guest is, and what time makes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Config;
use crate::durable::{Disk, DurableError};
use crate::hypervisor::Guest;

/// Boots the console remembers.
const BOOTS: usize = 16;

/// Milliseconds since the Unix epoch throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Power {
    #[default]
    Off,
    On {
        since: i64,
        /// When the power button was pressed.
        button: Option<i64>,
        /// Does not react to the button.
        hung: bool,
    },
    /// Switched itself off.
    OffByItself,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SimulatedGuest {
    pub(super) power: Power,
    pub(super) boots: VecDeque<i64>,
    #[serde(default)]
    pub(super) interfaces: BTreeSet<String>,
}

impl SimulatedGuest {
    pub(super) fn observe(&self, now: i64, config: &Config) -> Guest {
        match self.power {
            Power::Off => Guest::Off,
            Power::OffByItself => Guest::PoweredOff,
            Power::On { button: Some(at), hung: false, .. } if passed(at, now, config.shutdown_milliseconds) => Guest::PoweredOff,
            Power::On { since, .. } if passed(since, now, config.boot_milliseconds) => Guest::Running,
            Power::On { .. } => Guest::Starting,
        }
    }

    pub(super) fn power_on(&mut self, now: i64) {
        self.power = Power::On { since: now, button: None, hung: false };
        self.boots.push_back(now);
        if self.boots.len() > BOOTS {
            self.boots.pop_front();
        }
    }

    /// Takes what it is given, and lets go of the rest unless it is hung.
    pub(super) fn connect(&mut self, wanted: BTreeSet<String>) {
        if matches!(self.power, Power::On { hung: true, .. }) {
            self.interfaces.extend(wanted);
        } else {
            self.interfaces = wanted;
        }
    }

    pub(super) fn press_power_button(&mut self, now: i64) {
        if let Power::On { button, .. } = &mut self.power {
            button.get_or_insert(now);
        }
    }
}

/// What began in the future began before the clock was set back, and that is long enough ago.
pub(super) fn passed(since: i64, now: i64, milliseconds: u64) -> bool {
    u64::try_from(now.saturating_sub(since)).map_or(true, |gone| gone >= milliseconds)
}

pub(super) fn load(disk: &Disk, folder: &Path) -> Result<BTreeMap<String, SimulatedGuest>, DurableError> {
    let mut guests = BTreeMap::new();
    for path in disk.list(folder)? {
        if path.extension().is_some() {
            disk.remove(&path)?;
            continue;
        }
        match disk.read_record(&path) {
            Ok(Some(guest)) => drop(guests.insert(path.file_name().unwrap_or_default().to_string_lossy().into_owned(), guest)),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "a simulated guest's file is damaged"),
        }
    }
    Ok(guests)
}

/// Not synced: what a power cut takes from a simulated guest is no loss.
pub(super) fn write(disk: &Disk, path: &Path, guest: &SimulatedGuest) -> Result<(), DurableError> {
    disk.replace_record_unsynced(path, guest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_holds_no_guest_up() {
        let config = Config { boot_milliseconds: 200, shutdown_milliseconds: 100 };
        let mut guest = SimulatedGuest::default();
        guest.power_on(10_000);
        assert_eq!(guest.observe(10_199, &config), Guest::Starting);
        assert_eq!(guest.observe(10_200, &config), Guest::Running);
        assert_eq!(guest.observe(3_000, &config), Guest::Running);
        guest.press_power_button(20_000);
        assert_eq!(guest.observe(20_099, &config), Guest::Running);
        assert_eq!(guest.observe(3_000, &config), Guest::PoweredOff);
    }
}
