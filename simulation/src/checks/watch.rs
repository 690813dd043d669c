//! What no host may do at any step, whatever it was told.

use std::collections::BTreeMap;

use freehold_proto::internal::host::{ToAgent, to_agent};

use super::Checked;
use crate::host::{Guest, Host};
use crate::journal::Journal;
use crate::run::Broken;

/// The driver remembers this many power-ons.
const BOOTS_REMEMBERED: usize = 16;

#[derive(Debug, Default)]
struct Seen {
    epoch: u64,
    guests: BTreeMap<String, Guest>,
    /// Generations by id, of everything the plan holds.
    plan: BTreeMap<String, u64>,
    /// Generations of the tombstones that the agent was given.
    tombstones: BTreeMap<String, u64>,
}

/// What every host was like after its last step.
#[derive(Debug, Default)]
pub struct Watch(BTreeMap<usize, Seen>);

impl Watch {
    /// The newest scheduler that a host has followed.
    pub fn epoch(&self, at: usize) -> u64 {
        self.0.get(&at).map_or(0, |seen| seen.epoch)
    }

    /// Another machine takes its place.
    pub fn forget(&mut self, at: usize) {
        self.0.remove(&at);
    }

    /// An agent is about to take this in.
    pub fn told(&mut self, at: usize, batch: &[ToAgent]) {
        let seen = self.0.entry(at).or_default();
        for message in batch {
            if let Some(to_agent::Kind::Tombstone(tombstone)) = &message.kind {
                let newest = seen.tombstones.entry(tombstone.id.clone()).or_default();
                *newest = tombstone.generation.max(*newest);
            }
        }
    }

    /// After a step of a host.
    pub fn host(&mut self, host: &Host, journal: &Journal) -> Checked {
        let seen = self.0.entry(host.number).or_default();
        // What a process wrote that died in that, nobody goes by before the next one does.
        let epoch = if host.agent.is_some() { host.epoch() } else { seen.epoch };
        if epoch < seen.epoch {
            let what = format!("host {} has followed epoch {} and remembers {epoch}", host.number, seen.epoch);
            return Err(Broken::new("epochs and generations only grow", what));
        }
        seen.epoch = epoch;
        guests(seen, host, journal)?;
        plan(seen, host)
    }
}

fn guests(seen: &mut Seen, host: &Host, journal: &Journal) -> Checked {
    let (guests, host_id) = (host.guests(), host.id());
    let host_id = host_id.as_deref();
    for (id, before) in &seen.guests {
        match guests.get(id) {
            None => destroyed(seen, host, journal, id)?,
            Some(now) if before.on && !now.on && !off_is_excused(journal, id, host_id) => {
                return Err(Broken::new("a guest runs until it is asked not to", format!("{id} on host {} went off", host.number)));
            }
            Some(_) => {}
        }
    }
    for (id, now) in &guests {
        let most = 1 + journal.excused(id, host_id).boots;
        if now.boots > most.min(BOOTS_REMEMBERED) {
            let what = format!("{id} on host {} was powered on {} times, and {most} were asked for", host.number, now.boots);
            return Err(Broken::new("a guest starts only when it is asked to", what));
        }
    }
    seen.guests = guests;
    Ok(())
}

fn off_is_excused(journal: &Journal, id: &str, host_id: Option<&str>) -> bool {
    let excuse = journal.excused(id, host_id);
    excuse.off || excuse.end
}

/// Only by a tombstone that the agent was given, at least as new as what it held; and only because somebody wanted that.
fn destroyed(seen: &Seen, host: &Host, journal: &Journal, id: &str) -> Checked {
    let rule = "nothing is destroyed without an order";
    let held = seen.plan.get(id).copied().unwrap_or_default();
    match seen.tombstones.get(id) {
        None => return Err(Broken::new(rule, format!("{id} is gone from host {}, without a tombstone", host.number))),
        Some(generation) if *generation < held => {
            let what = format!("{id} is gone from host {} by a tombstone of {generation}, and {held} was held", host.number);
            return Err(Broken::new(rule, what));
        }
        Some(_) => {}
    }
    if !journal.excused(id, host.id().as_deref()).end {
        return Err(Broken::new(rule, format!("{id} is gone from host {}, and nobody asked for its end", host.number)));
    }
    Ok(())
}

/// An entry goes by a tombstone alone, and never back to an older generation.
fn plan(seen: &mut Seen, host: &Host) -> Checked {
    // What its files say after a power cut the next agent tells.
    let Some(agent) = &host.agent else { return Ok(()) };
    let desired = agent.plan();
    let mut now: BTreeMap<String, u64> = BTreeMap::new();
    now.extend(desired.instances.iter().map(|(id, one)| (id.clone(), one.generation)));
    now.extend(desired.vpcs.iter().map(|(id, one)| (id.clone(), one.generation)));
    now.extend(desired.security_groups.iter().map(|(id, one)| (id.clone(), one.generation)));
    for (id, before) in &seen.plan {
        let (after, buried) = (now.get(id), seen.tombstones.get(id).copied().unwrap_or_default());
        match after {
            Some(after) if after < before => {
                let what = format!("host {} held {id} at {before} and holds it at {after}", host.number);
                return Err(Broken::new("epochs and generations only grow", what));
            }
            None if buried < *before => {
                let what = format!("host {} has forgotten {id} of {before}, and the newest tombstone is of {buried}", host.number);
                return Err(Broken::new("nothing is destroyed without an order", what));
            }
            _ => {}
        }
    }
    seen.plan = now;
    Ok(())
}
