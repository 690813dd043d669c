//! What hosts are promised. Added up from the rows of instances and volumes; the sums that the database keeps in the hosts' own rows are
//! only compared with that.

use rusqlite::Connection;

use super::Checked;
use super::rows::all;
use crate::run::Broken;

/// What an instance of the simulation's one type takes: vCPUs, MiB of memory, MiB of disk.
const ONE: [i64; 3] = [2, 1024, 1024];

/// How often each of them is promised, as configured by default.
const OVERCOMMIT: [i64; 3] = [8, 1, 4];

const KINDS: [&str; 3] = ["vCPUs", "MiB of memory", "MiB of disk"];

/// What was stopped when its end was ordered takes no more than before.
const HOLDINGS: &str = "WITH awake AS \
    (SELECT * FROM instance WHERE state IN ('pending', 'running', 'stopping') OR (state = 'shutting-down' AND ended_from <> 'stopped')) \
    SELECT host_id, connected, drained_since IS NULL AND quarantined = '[]', vcpus, memory_mib, disk_mib, \
    instances, vcpus_used, memory_mib_used, disk_mib_used, \
    (SELECT COUNT(*) FROM instance WHERE instance.host_id = host.host_id AND state <> 'terminated'), \
    (SELECT COALESCE(SUM(awake.vcpus), 0) FROM awake WHERE awake.host_id = host.host_id), \
    (SELECT COALESCE(SUM(awake.memory_mib), 0) FROM awake WHERE awake.host_id = host.host_id), \
    (SELECT COALESCE(SUM(size_gib * 1024), 0) FROM volume WHERE volume.host_id = host.host_id) FROM host";

/// A host as it was placed on.
#[derive(Clone, Debug)]
pub struct Holding {
    host_id: String,
    connected: bool,
    /// Neither drained nor with guests that nobody knows.
    takes_new: bool,
    has: [i64; 3],
    /// Instances and what they take: as its row says, and as it adds up.
    kept: [i64; 4],
    added: [i64; 4],
}

impl Holding {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            host_id: row.get(0)?,
            connected: row.get(1)?,
            takes_new: row.get(2)?,
            has: [row.get(3)?, row.get(4)?, row.get(5)?],
            kept: [row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?],
            added: [row.get(10)?, row.get(11)?, row.get(12)?, row.get(13)?],
        })
    }

    /// What may still be promised of each kind.
    fn free(&self) -> [i64; 3] {
        std::array::from_fn(|kind| self.has[kind] * OVERCOMMIT[kind] - self.added[kind + 1])
    }

    /// How many more instances could go there.
    fn room(&self) -> i64 {
        let free = self.free();
        let most = (0..ONE.len()).map(|kind| free[kind] / ONE[kind]).min().unwrap_or_default().max(0);
        if self.connected && self.takes_new { most } else { 0 }
    }
}

fn read(database: &Connection) -> Result<Vec<Holding>, Broken> {
    all(database, HOLDINGS, Holding::read).map_err(|error| Broken::new("the scheduler works", error.to_string()))
}

/// Both rules of what hosts are promised, which hold at any time.
pub fn holds(database: &Connection) -> Checked {
    let hosts = read(database)?;
    sums_add_up(&hosts)?;
    no_more_is_promised_than_fits(&hosts)
}

/// No writer can forget them, whatever it was that changed.
fn sums_add_up(hosts: &[Holding]) -> Checked {
    let wrong = hosts.iter().find(|host| host.kept != host.added);
    wrong.map_or(Ok(()), |Holding { host_id, kept, added, .. }| {
        Err(Broken::new(
            "a host's sums add up",
            format!("the row of {host_id} says {kept:?}, and its instances and volumes come to {added:?}"),
        ))
    })
}

fn no_more_is_promised_than_fits(hosts: &[Holding]) -> Checked {
    for host in hosts {
        if let Some(kind) = host.free().iter().position(|free| *free < 0) {
            let what = format!("{} is promised to {} more {} than it may be", host.host_id, -host.free()[kind], KINDS[kind]);
            return Err(Broken::new("no more is promised than fits", what));
        }
    }
    Ok(())
}

const RIGHTLY: &str = "a request is refused for want of room only where there is none";

/// A launch of `count` found no room. Nothing has changed since.
pub fn launch_has_no_room(database: &Connection, count: i32) -> Checked {
    let hosts = read(database)?;
    let room: i64 = hosts.iter().map(Holding::room).sum();
    if room < i64::from(count) { Ok(()) } else { Err(Broken::new(RIGHTLY, format!("there was room for {room}: {hosts:?}"))) }
}

/// A start found no room where its disk is.
pub fn start_has_no_room(database: &Connection, id: &str) -> Checked {
    let query = "SELECT COALESCE(MAX(host_id), '') FROM instance WHERE instance_id = ?1";
    let host_id: String = database.query_row(query, [id], |row| row.get(0)).unwrap_or_default();
    for host in read(database)?.into_iter().filter(|host| host.host_id == host_id && host.connected) {
        let [vcpus, memory, _] = host.free();
        if vcpus >= ONE[0] && memory >= ONE[1] {
            return Err(Broken::new(RIGHTLY, format!("{id} could have been started: {host:?}")));
        }
    }
    Ok(())
}

/// Instances by the host that they are on and whether that takes new ones.
pub fn placed(database: &Connection) -> Result<Vec<(String, String, bool)>, Broken> {
    let query = "SELECT instance_id, host.host_id, connected AND drained_since IS NULL AND quarantined = '[]' FROM instance JOIN host USING (host_id)";
    let read = all(database, query, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    read.map_err(|error| Broken::new("the scheduler works", error.to_string()))
}

/// Each instance that is new since `before` went to a host that takes new ones.
pub fn launched_where_it_may(before: &[(String, String, bool)], after: &[(String, String, bool)]) -> Checked {
    let new = after.iter().filter(|(id, ..)| !before.iter().any(|(known, ..)| known == id));
    for (id, host_id, takes_new) in new {
        if !takes_new {
            let what = format!("{id} went to {host_id}, which is not there, drained, or keeps guests that nobody knows");
            return Err(Broken::new("a launch goes to a host that takes it", what));
        }
    }
    Ok(())
}
