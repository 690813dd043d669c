//! The database, read as a file.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::Checked;
use crate::call::TAG;
use crate::journal::{Asked, GIVEN_UP, Journal, Known};
use crate::run::Broken;
use crate::template::ACCOUNTS;

#[derive(Clone, Debug)]
pub struct Instance {
    pub account_id: String,
    pub host_id: String,
    pub state: String,
    pub reason: String,
    pub generation: i64,
    pub observed_generation: i64,
    pub observed_state: String,
    pub desired_power: String,
    pub vpc_id: String,
}

#[derive(Clone, Debug)]
pub struct Group {
    pub id: String,
    pub vpc_id: String,
    pub generation: i64,
    pub rules: i64,
}

/// An interface on a host.
#[derive(Clone, Debug)]
pub struct Interface {
    pub id: String,
    pub vpc_id: String,
    pub host_id: String,
    /// Where that is, its addresses and its groups.
    pub known: WhereItIs,
}

/// What other hosts know of an interface.
pub type WhereItIs = (String, Vec<String>, Vec<String>);

/// The tables as the rules need them.
pub struct Rows {
    pub instances: BTreeMap<String, Instance>,
    pub quarantined: Vec<(String, String)>,
    /// The generation of each.
    pub vpcs: BTreeMap<String, i64>,
    pub groups: Vec<Group>,
    pub interfaces: Vec<Interface>,
    tags: BTreeMap<String, String>,
    open_ports: BTreeSet<(String, i32)>,
    tombstones: Vec<(String, String, String)>,
    /// What each query of [`STRAY`] and [`TWICE`] found.
    stray: Vec<String>,
    twice: Vec<String>,
}

/// Rows that belong to nothing.
const STRAY: [&str; 8] = [
    "SELECT 'the address ' || address FROM private_address WHERE network_interface_id NOT IN (SELECT network_interface_id FROM network_interface)",
    "SELECT 'the public address ' || address FROM public_address WHERE network_interface_id NOT IN (SELECT network_interface_id FROM network_interface)",
    "SELECT 'the interface ' || network_interface_id FROM network_interface WHERE network_interface_id NOT IN (SELECT network_interface_id FROM network_interface_attachment)",
    "SELECT 'the attachment ' || attachment_id FROM network_interface_attachment WHERE instance_id NOT IN (SELECT instance_id FROM instance WHERE state <> 'terminated')",
    "SELECT 'the volume ' || volume_id FROM volume WHERE volume_id NOT IN (SELECT volume_id FROM volume_attachment)",
    "SELECT 'the attachment of ' || volume_id FROM volume_attachment WHERE instance_id NOT IN (SELECT instance_id FROM instance WHERE state <> 'terminated')",
    "SELECT 'the reservation ' || reservation_id FROM reservation WHERE reservation_id NOT IN (SELECT reservation_id FROM instance)",
    "SELECT 'the membership of ' || network_interface_id FROM interface_security_group WHERE network_interface_id NOT IN (SELECT network_interface_id FROM network_interface)",
];

/// What has two owners, or one owner two of.
const TWICE: [&str; 6] = [
    "SELECT 'the address ' || address FROM private_address GROUP BY subnet_id, address HAVING COUNT(*) > 1",
    "SELECT 'the public address ' || address FROM public_address GROUP BY address HAVING COUNT(*) > 1",
    "SELECT 'the MAC ' || mac_address FROM network_interface GROUP BY mac_address HAVING COUNT(*) > 1",
    "SELECT 'the volume ' || volume_id FROM volume_attachment GROUP BY volume_id HAVING COUNT(*) > 1",
    "SELECT 'the interface ' || network_interface_id FROM network_interface_attachment GROUP BY network_interface_id HAVING COUNT(*) > 1",
    "SELECT 'the device 0 of ' || instance_id FROM network_interface_attachment GROUP BY instance_id, device_index HAVING COUNT(*) > 1",
];

impl Rows {
    pub fn read(database: &Connection) -> rusqlite::Result<Self> {
        let hosts = all(database, "SELECT host_id, quarantined FROM host", |row| Ok((row.get(0)?, row.get(1)?)))?;
        let tags = "SELECT resource_id, value FROM tag WHERE key = ?1";
        let ports = "SELECT account_id, from_port FROM security_group_rule WHERE NOT is_egress AND cidr_ipv4 = '10.0.0.0/8'";
        Ok(Self {
            instances: instances(database)?,
            quarantined: hosts,
            vpcs: all(database, "SELECT vpc_id, generation FROM vpc", |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect(),
            groups: groups(database)?,
            interfaces: interfaces(database)?,
            tags: database.prepare(tags)?.query_map([TAG], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?,
            open_ports: all(database, ports, |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect(),
            tombstones: all(database, "SELECT host_id, kind, id FROM tombstone", |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?,
            stray: found(database, &STRAY)?,
            twice: found(database, &TWICE)?,
        })
    }
}

pub fn all<T>(database: &Connection, query: &str, read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>) -> rusqlite::Result<Vec<T>> {
    database.prepare(query)?.query_map([], read)?.collect()
}

fn found(database: &Connection, queries: &[&str]) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for query in queries {
        found.extend(all(database, query, |row| row.get::<_, String>(0))?);
    }
    Ok(found)
}

fn instances(database: &Connection) -> rusqlite::Result<BTreeMap<String, Instance>> {
    let query = "SELECT instance_id, account_id, COALESCE(host_id, ''), state, COALESCE(state_reason_code, ''), generation, \
                 observed_generation, COALESCE(observed_state, ''), desired_power, vpc_id FROM instance";
    let read = |row: &rusqlite::Row<'_>| {
        let instance = Instance {
            account_id: row.get(1)?,
            host_id: row.get(2)?,
            state: row.get(3)?,
            reason: row.get(4)?,
            generation: row.get(5)?,
            observed_generation: row.get(6)?,
            observed_state: row.get(7)?,
            desired_power: row.get(8)?,
            vpc_id: row.get(9)?,
        };
        Ok((row.get(0)?, instance))
    };
    Ok(all(database, query, read)?.into_iter().collect())
}

fn groups(database: &Connection) -> rusqlite::Result<Vec<Group>> {
    const GROUPS: &str = "SELECT group_id, vpc_id, generation, \
        (SELECT COUNT(*) FROM security_group_rule WHERE security_group_rule.group_id = security_group.group_id) FROM security_group";
    all(database, GROUPS, |row| Ok(Group { id: row.get(0)?, vpc_id: row.get(1)?, generation: row.get(2)?, rules: row.get(3)? }))
}

fn interfaces(database: &Connection) -> rusqlite::Result<Vec<Interface>> {
    const INTERFACES: &str = "SELECT network_interface_id, network_interface.vpc_id, host_id, tunnel_address FROM network_interface \
        JOIN network_interface_attachment USING (network_interface_id) JOIN instance USING (instance_id) JOIN host USING (host_id) \
        WHERE instance.state <> 'terminated'";
    let of = |query: &str| -> rusqlite::Result<BTreeMap<String, Vec<String>>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (id, value) in all(database, query, |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))? {
            found.entry(id).or_default().push(value);
        }
        Ok(found)
    };
    let addresses = of("SELECT network_interface_id, address FROM private_address ORDER BY is_primary DESC, address")?;
    let groups = of("SELECT network_interface_id, group_id FROM interface_security_group ORDER BY group_id")?;
    all(database, INTERFACES, |row| {
        let id: String = row.get(0)?;
        let own = |found: &BTreeMap<String, Vec<String>>| found.get(&id).cloned().unwrap_or_default();
        let known = (row.get(3)?, own(&addresses), own(&groups));
        Ok(Interface { vpc_id: row.get(1)?, host_id: row.get(2)?, known, id })
    })
}

fn unreadable(error: &rusqlite::Error) -> Broken {
    Broken::new("the scheduler works", error.to_string())
}

/// Instances that have ended have done so because somebody wanted it, or for their hosts' failure.
pub fn note_ended(database: &Connection, journal: &mut Journal) -> Checked {
    let query = "SELECT instance_id, COALESCE(host_id, ''), COALESCE(state_reason_code, '') FROM instance WHERE state = 'terminated'";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?));
    let ended = all(database, query, read).map_err(|error| unreadable(&error))?;
    for (id, host_id, reason) in ended {
        if !journal.note_ended(&id, &host_id, &reason) {
            let what = format!("{id} on {host_id} has ended ({reason}), and nobody asked for that");
            return Err(Broken::new("an instance is as it was asked to be", what));
        }
    }
    Ok(())
}

/// What a Describe answered is what is committed.
pub fn shows_what_is_there(database: &Connection, account_id: &str, shown: &BTreeMap<String, (String, Option<String>)>) -> Checked {
    let query = "SELECT instance_id, state, value FROM instance LEFT JOIN tag ON resource_id = instance_id AND key = ?1 WHERE instance.account_id = ?2";
    let read = || {
        let mut query = database.prepare(query)?;
        let rows = query.query_map([TAG, account_id], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?))))?;
        rows.collect::<rusqlite::Result<BTreeMap<String, (String, Option<String>)>>>()
    };
    let there = read().map_err(|error| unreadable(&error))?;
    if there == *shown {
        Ok(())
    } else {
        Err(Broken::new("a Describe shows what is there", format!("it shows {shown:?}, and there is {there:?}")))
    }
}

/// What was accepted is there, and nothing that nobody asked for.
pub fn writes_are_there(rows: &Rows, journal: &Journal, groups: &[String]) -> Checked {
    let rule = "an accepted write is there";
    for (id, known) in &journal.instances {
        let Some(row) = rows.instances.get(id) else {
            // An hour after its end an instance is forgotten.
            if journal.ended.contains(id) {
                continue;
            }
            return Err(Broken::new(rule, format!("{id} is not there")));
        };
        if row.account_id != ACCOUNTS[known.account] {
            return Err(Broken::new(rule, format!("{id} is of {}", row.account_id)));
        }
        if rows.tags.get(id) != known.tag.as_ref() {
            return Err(Broken::new(rule, format!("{id} is tagged {:?}, last asked: {:?}", rows.tags.get(id), known.tag)));
        }
    }
    if let Some(id) = rows.instances.keys().find(|id| !journal.instances.contains_key(*id)) {
        return Err(Broken::new("nothing is without an owner", format!("nobody asked for {id}")));
    }
    for ((account, port), open) in &journal.ports {
        if rows.open_ports.contains(&(ACCOUNTS[*account].to_owned(), *port)) != *open {
            return Err(Broken::new(rule, format!("port {port} of {} is not as last asked, open: {open}", groups[*account])));
        }
    }
    Ok(())
}

/// Each is in the state that was last asked for, or where its guest or its host's failure has brought it.
pub fn instances_are_as_asked(rows: &Rows, journal: &Journal) -> Checked {
    for (id, known) in &journal.instances {
        let Some(row) = rows.instances.get(id) else { continue };
        if !states(known).contains(&row.state.as_str()) && !given_up(journal, id, row) {
            let what = format!("{id} is {} ({}), and was last asked to be {:?}; {known:?}", row.state, row.reason, known.asked);
            return Err(Broken::new("an instance is as it was asked to be", what));
        }
    }
    Ok(())
}

fn states(known: &Known) -> Vec<&'static str> {
    let asked = match known.asked {
        Asked::Running => "running",
        Asked::Stopped => "stopped",
        Asked::Terminated => "terminated",
    };
    match (known.asked, known.powered_off, known.terminate_on_shutdown) {
        (Asked::Terminated, ..) | (_, false, _) => vec![asked],
        (_, true, false) => vec![asked, "stopped"],
        (_, true, true) => vec![asked, "terminated"],
    }
}

fn given_up(journal: &Journal, id: &str, row: &Instance) -> bool {
    journal.may_be_given_up(id, Some(&row.host_id)) && row.reason == GIVEN_UP && matches!(row.state.as_str(), "terminated" | "stopped")
}

pub fn nothing_is_without_an_owner(rows: &Rows) -> Checked {
    let stray = rows.stray.first();
    stray.map_or(Ok(()), |what| Err(Broken::new("nothing is without an owner", format!("{what} belongs to nothing"))))
}

pub fn nothing_is_owned_twice(rows: &Rows) -> Checked {
    let twice = rows.twice.first();
    twice.map_or(Ok(()), |what| Err(Broken::new("nothing is owned twice", format!("{what} is there twice"))))
}

pub fn everything_is_buried(rows: &Rows) -> Checked {
    let left = rows.tombstones.first();
    left.map_or(Ok(()), |what| Err(Broken::new("what is to be buried is buried", format!("{what:?} still stands"))))
}
