//! One machine: its disk, its guests, its agent where one runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use freehold_node_agent::{AgentError, Capacity, Config, DriverName, ManualAgent};
use freehold_proto::clock::Clock;
use freehold_proto::id::Entropy;
use serde_json::Value;

use crate::dice::Dice;
use crate::disk::SimulatedDisk;
use crate::network::Session;

/// Where the simulated driver has its guests.
const GUESTS: &str = "guests/guests";

/// A sealed file's format and checksum.
const SEAL: usize = 36;

/// A guest as its own file has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guest {
    pub on: bool,
    /// Power-ons, of which the file remembers the last 16.
    pub boots: usize,
}

pub struct Host {
    pub number: usize,
    pub disk: SimulatedDisk,
    pub guests: SimulatedDisk,
    pub agent: Option<ManualAgent>,
    /// Oldest first. The newest one's line is the agent's.
    pub sessions: Vec<Session>,
}

impl Host {
    pub fn new(number: usize) -> Self {
        Self { number, disk: SimulatedDisk::default(), guests: SimulatedDisk::perfect(), agent: None, sessions: Vec::new() }
    }

    /// One of each cloud's is small: it is full before a schedule's instances are all there.
    pub fn capacity(&self) -> Capacity {
        match self.number {
            0 => Capacity { vcpus: 1, memory_mib: 3 << 10, disk_mib: 1 << 10 },
            _ => Capacity { vcpus: 8, memory_mib: 16 << 10, disk_mib: 64 << 10 },
        }
    }

    fn config(&self) -> Config {
        let mut config = Config {
            state_folder: PathBuf::from("agent"),
            hostname: format!("host-{}", self.number),
            drivers: vec![DriverName::Simulated],
            stop_timeout_seconds: 60,
            capacity: self.capacity(),
            ..Config::default()
        };
        config.network.tunnel_address =
            Some(std::net::Ipv4Addr::new(10, 0, 0, u8::try_from(self.number).unwrap_or(u8::MAX).saturating_add(1)));
        config.simulated.boot_milliseconds = 1_000;
        config.simulated.shutdown_milliseconds = 1_000;
        config
    }

    /// The agent's process starts, and may die in that.
    pub async fn start(&mut self, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Result<(), AgentError> {
        let agent = ManualAgent::open(self.config(), Path::new("guests"), self.disk.disk(), self.guests.disk(), clock, entropy).await?;
        self.agent = Some(agent);
        Ok(())
    }

    /// The agent's process is killed.
    pub fn kill(&mut self) {
        self.agent = None;
        self.disk.revive();
        self.sessions.iter_mut().for_each(Session::hang_up);
    }

    /// The session that the agent has open.
    pub fn open(&mut self) -> Option<&mut Session> {
        self.sessions.last_mut().filter(|session| session.line.is_some())
    }

    /// Every guest of which something is here, from their own files.
    pub fn guests(&self) -> BTreeMap<String, Guest> {
        self.guests.files(GUESTS).into_iter().map(|(id, file)| (id, guest(&file))).collect()
    }

    fn identity(&self) -> Value {
        let file = self.disk.files("agent").remove("host");
        file.and_then(|file| serde_json::from_slice(file.get(SEAL..)?).ok()).unwrap_or_default()
    }

    /// Its id, as its disk has it, once it has one.
    pub fn id(&self) -> Option<String> {
        self.identity()["host_id"].as_str().map(ToOwned::to_owned)
    }

    /// The newest scheduler that this host has followed, as its disk has it.
    pub fn epoch(&self) -> u64 {
        self.identity()["epoch"].as_u64().unwrap_or_default()
    }

    /// Ids of instances that the agent's own disk has files of, by folder.
    pub fn remains(&self, folder: &str) -> Vec<String> {
        self.disk.files(&format!("agent/{folder}")).into_keys().collect()
    }
}

/// An unreadable file is a guest that is off.
fn guest(file: &[u8]) -> Guest {
    let value: Value = file.get(SEAL..).and_then(|payload| serde_json::from_slice(payload).ok()).unwrap_or_default();
    Guest { on: value["power"].get("On").is_some(), boots: value["boots"].as_array().map_or(0, Vec::len) }
}

impl Host {
    /// The machine's power goes, and comes back: guests are off, and a guest that had switched itself off still has.
    pub fn lose_power(&mut self, dice: &mut Dice) {
        for id in self.guests().into_iter().filter(|(_, guest)| guest.on).map(|(id, _)| id) {
            self.switch_off(&id);
        }
        self.disk.cut_power(dice);
        self.kill();
    }

    /// Behind everybody's back.
    fn switch_off(&self, id: &str) {
        let (disk, path) = (self.guests.disk(), Path::new(GUESTS).join(id));
        if let Ok(Some(mut guest)) = disk.read_record::<Value>(&path) {
            guest["power"] = "Off".into();
            // A perfect disk takes everything.
            let _ = disk.replace_record(&path, &guest);
        }
    }

    /// A guest that nobody asked for is here.
    pub fn harbour(&self, id: &str) {
        let power = serde_json::json!({"power": "Off", "boots": []});
        let _ = self.guests.disk().replace_record(&Path::new(GUESTS).join(id), &power);
    }

    /// Puts the host's identity back to before it followed anybody newer.
    pub fn forget_epochs(&self) -> bool {
        let (disk, path) = (self.disk.disk(), Path::new("agent/host"));
        let Ok(Some(mut record)) = disk.read_record::<Value>(path) else { return false };
        let forgets = record["epoch"].as_u64() > Some(1);
        record["epoch"] = 1.into();
        forgets && disk.replace_record(path, &record).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use freehold_proto::clock::ManualClock;

    use super::*;
    use crate::dice::Seeded;

    async fn started(host: &mut Host) -> Option<String> {
        let clock = Arc::new(ManualClock::at(crate::template::beginning()));
        let started = host.start(clock, Arc::new(Seeded::of(1, 1))).await;
        (started.is_ok() && !host.disk.is_dead()).then(|| host.agent.as_ref().expect("it runs").hello().host_id)
    }

    #[tokio::test]
    async fn a_name_that_a_host_has_once_said_survives_whatever_dies() {
        for (operations, seed) in (0..10).flat_map(|operations| (0..8).map(move |seed| (operations, seed))) {
            let mut host = Host::new(0);
            host.disk.kill_after(operations);
            started(&mut host).await;
            host.kill();
            let said = started(&mut host).await.expect("it starts");
            host.lose_power(&mut Dice::of(seed, 0));
            // Another source of randomness: a name drawn anew is another name.
            let clock = Arc::new(ManualClock::at(crate::template::beginning()));
            host.start(clock, Arc::new(Seeded::of(2, 2))).await.expect("it starts");
            assert_eq!(host.agent.as_ref().expect("it runs").hello().host_id, said, "{operations} {seed}");
        }
    }
}
