//! What is known of interfaces on other hosts. It is about others and nothing that this host holds: no tombstone is needed to forget it, and it
//! has no generation, since a stream keeps its order and each one begins with all of it.
//!
//! Kept in sixteen files, so that one that changes costs the writing of one of them, and ten thousand that come at once cost no more syncs than
//! there are files for each batch that they come in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use freehold_proto::id::{NetworkInterfaceId, VpcId};
use freehold_proto::internal::host::InterfaceElsewhere;
use prost::Message;

use super::Plan;
use super::disk::Disk;
use crate::durable::DurableError;

pub(super) type Elsewhere = BTreeMap<String, Arc<InterfaceElsewhere>>;

const FILES: u8 = 16;

/// The file that an interface is in.
fn file_of(id: &str) -> u8 {
    blake3::hash(id.as_bytes()).as_bytes()[0] % FILES
}

fn name(file: u8) -> String {
    format!("{file:x}")
}

fn well_formed(stated: &InterfaceElsewhere) -> bool {
    NetworkInterfaceId::parse(&stated.network_interface_id).is_ok()
        && (stated.tunnel_address.is_empty() || VpcId::parse(&stated.vpc_id).is_ok())
}

/// What is known after these statements, if that is something else than before.
pub(super) fn after(before: &Elsewhere, stated: Vec<InterfaceElsewhere>) -> Option<Elsewhere> {
    let mut after = before.clone();
    let mut news = false;
    for interface in stated {
        if !well_formed(&interface) {
            tracing::error!(id = interface.network_interface_id, "the scheduler stated an interface elsewhere with a malformed id");
        } else if interface.tunnel_address.is_empty() {
            news |= after.remove(&interface.network_interface_id).is_some();
        } else if after.get(&interface.network_interface_id).is_none_or(|known| **known != interface) {
            after.insert(interface.network_interface_id.clone(), Arc::new(interface));
            news = true;
        }
    }
    news.then_some(after)
}

impl Plan {
    /// Only what is wanted of it stays known, durably. Whether something was forgotten.
    pub(super) fn keep_elsewhere(&self, wanted: impl Fn(&InterfaceElsewhere) -> bool) -> Result<bool, DurableError> {
        let before = self.lock().desired.interfaces_elsewhere.clone();
        let after: Elsewhere =
            before.iter().filter(|(_, known)| wanted(known)).map(|(id, known)| (id.clone(), Arc::clone(known))).collect();
        if after.len() == before.len() {
            return Ok(false);
        }
        self.disk.write_elsewhere(&before, &after)?;
        self.lock().desired.interfaces_elsewhere = after;
        Ok(true)
    }
}

impl Disk {
    pub(super) fn load_elsewhere(&self) -> Result<Elsewhere, DurableError> {
        let mut known = Elsewhere::new();
        for file in 0..FILES {
            let Some(payload) = self.read_elsewhere(&name(file))? else { continue };
            let mut rest = payload.as_slice();
            while !rest.is_empty() {
                let Ok(interface) = InterfaceElsewhere::decode_length_delimited(&mut rest) else { break };
                if well_formed(&interface) {
                    known.insert(interface.network_interface_id.clone(), Arc::new(interface));
                }
            }
        }
        Ok(known)
    }

    /// Writes the files in which the two differ.
    pub(super) fn write_elsewhere(&self, before: &Elsewhere, after: &Elsewhere) -> Result<(), DurableError> {
        let differs = |(id, known): (&String, &Arc<InterfaceElsewhere>), other: &Elsewhere| {
            let same = other.get(id).is_some_and(|other| Arc::ptr_eq(other, known));
            (!same).then(|| file_of(id))
        };
        let files: BTreeSet<u8> =
            after.iter().filter_map(|it| differs(it, before)).chain(before.iter().filter_map(|it| differs(it, after))).collect();
        for file in &files {
            let mut payload = Vec::new();
            for (_, known) in after.iter().filter(|(id, _)| file_of(id) == *file) {
                payload.extend(known.encode_length_delimited_to_vec());
            }
            self.replace_elsewhere(&name(*file), &payload)?;
        }
        if files.is_empty() { Ok(()) } else { self.sync_elsewhere() }
    }
}
