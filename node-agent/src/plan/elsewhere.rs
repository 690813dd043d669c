//! What is known beyond this host: interfaces and public addresses on others, pools of the cloud. It is nothing that this host holds: no
//! tombstone is needed to forget it, and it has no generation, since a stream keeps its order and each one begins with all of it.
//!
//! Of each kind kept in sixteen files, so that one that changes costs the writing of one of them, and ten thousand that come at once cost no more
//! syncs than there are files for each batch that they come in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use freehold_proto::id::{NetworkInterfaceId, VpcId};
use freehold_proto::internal::host::{InterfaceElsewhere, PublicAddressElsewhere, TranslatedBlock};
use ipnet::Ipv4Net;
use prost::Message;

use super::Plan;
use super::disk::Disk;
use crate::desired::Desired;
use crate::durable::DurableError;

pub(super) type Known<K> = BTreeMap<String, Arc<K>>;

/// A kind of it.
pub(super) trait Knowledge: Message + Default + PartialEq {
    const FOLDER: &'static str;
    fn id(&self) -> &str;
    /// Whether it says that there is no such thing elsewhere any more.
    fn is_gone(&self) -> bool;
    fn well_formed(&self) -> bool;
    fn known(desired: &Desired) -> &Known<Self>;
    fn known_mut(desired: &mut Desired) -> &mut Known<Self>;
}

impl Knowledge for InterfaceElsewhere {
    const FOLDER: &'static str = "elsewhere";

    fn id(&self) -> &str {
        &self.network_interface_id
    }

    fn is_gone(&self) -> bool {
        self.tunnel_address.is_empty()
    }

    fn well_formed(&self) -> bool {
        NetworkInterfaceId::parse(&self.network_interface_id).is_ok() && (self.is_gone() || VpcId::parse(&self.vpc_id).is_ok())
    }

    fn known(desired: &Desired) -> &Known<Self> {
        &desired.interfaces_elsewhere
    }

    fn known_mut(desired: &mut Desired) -> &mut Known<Self> {
        &mut desired.interfaces_elsewhere
    }
}

impl Knowledge for PublicAddressElsewhere {
    const FOLDER: &'static str = "public";

    fn id(&self) -> &str {
        &self.public_ip_address
    }

    fn is_gone(&self) -> bool {
        self.tunnel_address.is_empty()
    }

    fn well_formed(&self) -> bool {
        self.public_ip_address.parse::<Ipv4Addr>().is_ok() && (self.is_gone() || self.tunnel_address.parse::<Ipv4Addr>().is_ok())
    }

    fn known(desired: &Desired) -> &Known<Self> {
        &desired.public_elsewhere
    }

    fn known_mut(desired: &mut Desired) -> &mut Known<Self> {
        &mut desired.public_elsewhere
    }
}

impl Knowledge for TranslatedBlock {
    const FOLDER: &'static str = "translated";

    fn id(&self) -> &str {
        &self.cidr_block
    }

    fn is_gone(&self) -> bool {
        self.withdrawn
    }

    fn well_formed(&self) -> bool {
        self.cidr_block.parse::<Ipv4Net>().is_ok()
    }

    fn known(desired: &Desired) -> &Known<Self> {
        &desired.translated
    }

    fn known_mut(desired: &mut Desired) -> &mut Known<Self> {
        &mut desired.translated
    }
}

const FILES: u8 = 16;

/// The file that one of them is in.
fn file_of(id: &str) -> u8 {
    blake3::hash(id.as_bytes()).as_bytes()[0] % FILES
}

fn name(file: u8) -> String {
    format!("{file:x}")
}

/// What is known after these statements, if that is something else than before.
fn after<K: Knowledge>(before: &Known<K>, stated: Vec<K>) -> Option<Known<K>> {
    let mut after = before.clone();
    let mut news = false;
    for one in stated {
        if !one.well_formed() {
            tracing::error!(id = one.id(), kind = K::FOLDER, "what the scheduler stated of another host is malformed");
        } else if one.is_gone() {
            news |= after.remove(one.id()).is_some();
        } else if after.get(one.id()).is_none_or(|known| **known != one) {
            after.insert(one.id().to_owned(), Arc::new(one));
            news = true;
        }
    }
    news.then_some(after)
}

impl Plan {
    /// Takes statements over, durably. All that is known of the kind from then on, if that has changed.
    pub(super) fn learn<K: Knowledge>(&self, stated: Vec<K>) -> Result<Option<Known<K>>, DurableError> {
        if stated.is_empty() {
            return Ok(None);
        }
        let before = K::known(&self.lock().desired).clone();
        let after = after(&before, stated);
        if let Some(after) = &after {
            self.disk.write_elsewhere(&before, after)?;
        }
        Ok(after)
    }

    /// Only what is wanted of it stays known, durably. Whether something was forgotten.
    pub(super) fn keep_elsewhere<K: Knowledge>(&self, wanted: impl Fn(&K) -> bool) -> Result<bool, DurableError> {
        let before = K::known(&self.lock().desired).clone();
        let after: Known<K> = before.iter().filter(|(_, known)| wanted(known)).map(|(id, known)| (id.clone(), Arc::clone(known))).collect();
        if after.len() == before.len() {
            return Ok(false);
        }
        self.disk.write_elsewhere(&before, &after)?;
        *K::known_mut(&mut self.lock().desired) = after;
        Ok(true)
    }
}

impl Disk {
    pub(super) fn load_elsewhere<K: Knowledge>(&self) -> Result<Known<K>, DurableError> {
        let mut known = Known::new();
        for file in 0..FILES {
            let Some(payload) = self.read_elsewhere(K::FOLDER, &name(file))? else { continue };
            let mut rest = payload.as_slice();
            while !rest.is_empty() {
                let Ok(one) = K::decode_length_delimited(&mut rest) else { break };
                if one.well_formed() {
                    known.insert(one.id().to_owned(), Arc::new(one));
                }
            }
        }
        Ok(known)
    }

    /// Writes the files in which the two differ.
    fn write_elsewhere<K: Knowledge>(&self, before: &Known<K>, after: &Known<K>) -> Result<(), DurableError> {
        let differs = |(id, known): (&String, &Arc<K>), other: &Known<K>| {
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
            self.replace_elsewhere(K::FOLDER, &name(*file), &payload)?;
        }
        if files.is_empty() { Ok(()) } else { self.sync_elsewhere(K::FOLDER) }
    }
}
