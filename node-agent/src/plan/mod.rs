//! The plan: what this host should hold, on its own disk, so that guests, network and metadata go on without the control plane.
//!
//! Invariants:
//! * an entry leaves by a carried-out tombstone and in no other way; what a complete list does not mention is quarantined;
//! * an older generation never replaces a newer one, nor brings back what was buried at a newer one;
//! * what the plan says in memory was on disk before;
//! * of other hosts' interfaces and public addresses, which are nothing that this host holds, it knows what the scheduler last said ([`elsewhere`]).
//!
//! Every method may block on the disk; async callers use `spawn_blocking`.

mod disk;
mod elsewhere;
mod resource;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold_proto::internal::host::{
    InstanceDesired, InterfaceElsewhere, NatGatewayDesired, PublicAddressElsewhere, SecurityGroupDesired, Tombstone, TranslatedBlock,
    VpcDesired,
};
use tokio::sync::watch;

use crate::desired::Desired;
use crate::durable::{self, DurableError};
use disk::Disk;
pub use resource::Resource;

/// How many buried instances are remembered, so that a late statement does not bring one back. Ids are never used twice.
const REMEMBERED_BURIALS: usize = 65_536;

/// One resource as the scheduler states it, whole.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "instances are what there are many of; boxing them would save nothing")]
pub enum Statement {
    Instance(InstanceDesired),
    Vpc(VpcDesired),
    SecurityGroup(SecurityGroupDesired),
    NatGateway(NatGatewayDesired),
    Elsewhere(InterfaceElsewhere),
    PublicElsewhere(PublicAddressElsewhere),
    Translated(TranslatedBlock),
}

/// What should become of one instance, as far as this host knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// `None` for what lies on the host without a plan.
    pub desired: Option<Arc<InstanceDesired>>,
    /// The generation of an accepted tombstone.
    pub tombstone: Option<u64>,
    pub quarantined: bool,
}

/// What came of a tombstone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entombed {
    /// It is on disk and will be carried out.
    Accepted,
    /// The held generation is newer than the one that was decided on.
    Outdated { held: u64 },
}

#[derive(Debug, Default)]
struct State {
    desired: Desired,
    tombstones: BTreeMap<String, u64>,
    quarantined: BTreeSet<String>,
    /// Instances that drivers hold and no plan names.
    unplanned: BTreeSet<String>,
    buried: BTreeMap<String, u64>,
}

/// What a batch of statements comes to.
#[derive(Debug, Default)]
struct Taken {
    statements: Desired,
    /// Folders with new files.
    folders: BTreeSet<&'static str>,
    /// Whether any of them says what was not known.
    news: bool,
    /// All that is known of other hosts' interfaces, if that has changed.
    elsewhere: Option<elsewhere::Known<InterfaceElsewhere>>,
    /// The same of public addresses.
    public_elsewhere: Option<elsewhere::Known<PublicAddressElsewhere>>,
    /// And of pools.
    translated: Option<elsewhere::Known<TranslatedBlock>>,
}

#[derive(Debug)]
pub struct Plan {
    disk: Disk,
    /// Held over writing to disk and memory, so that both keep one order.
    writer: Mutex<()>,
    state: Mutex<State>,
    published: watch::Sender<Arc<Desired>>,
}

impl Plan {
    /// Loads what the last run left. A damaged file is set aside and reported; what it planned is then quarantined, not destroyed.
    pub fn open(files: durable::Disk, folder: &Path) -> Result<Self, DurableError> {
        let disk = Disk::open(files, folder)?;
        let desired = Desired {
            instances: disk.load::<InstanceDesired>()?,
            vpcs: disk.load::<VpcDesired>()?,
            security_groups: disk.load::<SecurityGroupDesired>()?,
            nat_gateways: disk.load::<NatGatewayDesired>()?,
            interfaces_elsewhere: disk.load_elsewhere()?,
            public_elsewhere: disk.load_elsewhere()?,
            translated: disk.load_elsewhere()?,
        };
        let tombstones = disk.load_tombstones()?;
        let quarantined = disk.load_quarantined()?;
        let (published, _) = watch::channel(Arc::new(desired.clone()));
        let state = State { desired, tombstones, quarantined, ..State::default() };
        Ok(Self { disk, writer: Mutex::new(()), state: Mutex::new(state), published })
    }

    pub fn subscribe(&self) -> watch::Receiver<Arc<Desired>> {
        self.published.subscribe()
    }

    /// All that is held at its newest generation, also where that says nothing new to those who follow.
    pub fn all(&self) -> Arc<Desired> {
        Arc::new(self.lock().desired.clone())
    }

    /// Takes statements over, durably, and answers the instances whose plan changed. Older and malformed ones are left out and logged. All
    /// of them or none: what could not be written is not known either, so that the scheduler's next statement of it counts as news.
    pub fn state(&self, statements: Vec<Statement>) -> Result<Vec<String>, DurableError> {
        let _writer = self.write();
        let mut taken = Taken::default();
        let mut released = BTreeSet::new();
        let (mut elsewhere, mut public, mut translated) = (Vec::new(), Vec::new(), Vec::new());
        for statement in statements {
            match statement {
                Statement::Instance(instance) => {
                    if self.is_quarantined(&instance.instance_id) {
                        released.insert(instance.instance_id.clone());
                    }
                    self.write_down(instance, &mut taken)?;
                }
                Statement::Vpc(vpc) => self.write_down(vpc, &mut taken)?,
                Statement::SecurityGroup(group) => self.write_down(group, &mut taken)?,
                Statement::NatGateway(gateway) => self.write_down(gateway, &mut taken)?,
                Statement::Elsewhere(interface) => elsewhere.push(interface),
                Statement::PublicElsewhere(address) => public.push(address),
                Statement::Translated(block) => translated.push(block),
            }
        }
        self.disk.sync(&taken.folders)?;
        taken.elsewhere = self.learn(elsewhere)?;
        taken.public_elsewhere = self.learn(public)?;
        taken.translated = self.learn(translated)?;
        released.iter().try_for_each(|id| self.disk.remove_quarantined(id))?;
        let changed = released.iter().chain(taken.statements.instances.keys()).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        self.take_over(taken, &released);
        tracing::debug!(?changed, "took statements over");
        Ok(changed)
    }

    /// Puts it on the disk and among what is taken over. What says the same as before under a newer generation, as a VPC does with every
    /// instance that comes and goes, costs those who follow nothing; it is on the disk all the same, or an agent that was started again would
    /// believe a late statement that this one refuses.
    fn write_down<R: Resource>(&self, resource: R, taken: &mut Taken) -> Result<(), DurableError> {
        if !resource.well_formed() {
            tracing::error!(kind = R::FOLDER, id = resource.id(), "the scheduler stated a resource with a malformed id; it is left out");
            return Ok(());
        }
        {
            let state = self.lock();
            let held = R::map(&taken.statements).get(resource.id()).or_else(|| R::map(&state.desired).get(resource.id()));
            let known = held.map(|held| held.generation()).max(state.buried.get(resource.id()).copied());
            if known.is_some_and(|known| known >= resource.generation()) {
                return Ok(());
            }
            taken.news |= !held.is_some_and(|held| resource.says_the_same(held));
        }
        self.disk.write(&resource)?;
        taken.folders.insert(R::FOLDER);
        R::map_mut(&mut taken.statements).insert(resource.id().to_owned(), Arc::new(resource));
        Ok(())
    }

    fn take_over(&self, taken: Taken, released: &BTreeSet<String>) {
        let Taken { statements, news, elsewhere, public_elsewhere, translated, .. } = taken;
        let news = news || elsewhere.is_some() || public_elsewhere.is_some() || translated.is_some();
        let mut state = self.lock();
        state.desired.instances.extend(statements.instances);
        state.desired.vpcs.extend(statements.vpcs);
        state.desired.security_groups.extend(statements.security_groups);
        state.desired.nat_gateways.extend(statements.nat_gateways);
        if let Some(elsewhere) = elsewhere {
            state.desired.interfaces_elsewhere = elsewhere;
        }
        if let Some(public) = public_elsewhere {
            state.desired.public_elsewhere = public;
        }
        if let Some(translated) = translated {
            state.desired.translated = translated;
        }
        for id in released {
            state.quarantined.remove(id);
            state.unplanned.remove(id);
        }
        drop(state);
        if news || !released.is_empty() {
            self.publish();
        }
    }

    fn is_quarantined(&self, instance_id: &str) -> bool {
        let state = self.lock();
        state.quarantined.contains(instance_id) || state.unplanned.contains(instance_id)
    }

    /// The scheduler has stated everything: instances it did not mention are quarantined, durably, and what it did not mention of other hosts
    /// is not known any more. Answers the instances that were not in quarantine before.
    pub fn complete(&self, mentioned: &BTreeSet<String>) -> Result<Vec<String>, DurableError> {
        let _writer = self.write();
        let fresh: Vec<String> = {
            let state = self.lock();
            let unmentioned = state.desired.instances.keys().filter(|id| !mentioned.contains(*id));
            unmentioned.filter(|id| !state.quarantined.contains(*id)).cloned().collect()
        };
        self.disk.write_quarantined(&fresh)?;
        self.lock().quarantined.extend(fresh.iter().cloned());
        let interfaces = self.keep_elsewhere(|known: &InterfaceElsewhere| mentioned.contains(&known.network_interface_id))?;
        let public = self.keep_elsewhere(|known: &PublicAddressElsewhere| mentioned.contains(&known.public_ip_address))?;
        let translated = self.keep_elsewhere(|known: &TranslatedBlock| mentioned.contains(&known.cidr_block))?;
        if interfaces || public || translated {
            self.publish();
        }
        Ok(fresh)
    }

    /// Drivers hold this instance; if no plan names it, it is quarantined.
    pub fn held(&self, instance_id: &str) {
        let mut state = self.lock();
        if !state.desired.instances.contains_key(instance_id) {
            state.unplanned.insert(instance_id.to_owned());
        }
    }

    /// Accepts an instance's tombstone, durably, unless what is held is newer.
    pub fn entomb(&self, tombstone: &Tombstone) -> Result<Entombed, DurableError> {
        let _writer = self.write();
        let held = self.lock().desired.instances.get(&tombstone.id).map(|held| held.generation);
        if let Some(held) = held.filter(|held| *held > tombstone.generation) {
            return Ok(Entombed::Outdated { held });
        }
        if self.holds(&tombstone.id) {
            self.disk.write_tombstone(&tombstone.id, tombstone.generation)?;
            self.lock().tombstones.insert(tombstone.id.clone(), tombstone.generation);
        }
        Ok(Entombed::Accepted)
    }

    /// Whether this host has a plan, a tombstone or a remainder of the instance.
    pub fn holds(&self, instance_id: &str) -> bool {
        let state = self.lock();
        state.desired.instances.contains_key(instance_id)
            || state.tombstones.contains_key(instance_id)
            || state.unplanned.contains(instance_id)
    }

    /// The newest that is known of the resource, if it is held.
    pub fn generation<R: Resource>(&self, id: &str) -> Option<u64> {
        R::map(&self.lock().desired).get(id).map(|held| held.generation())
    }

    /// Everything that a reconciler has to look after.
    pub fn instance_ids(&self) -> BTreeSet<String> {
        let state = self.lock();
        state.desired.instances.keys().chain(state.tombstones.keys()).chain(&state.unplanned).cloned().collect()
    }

    pub fn intent(&self, instance_id: &str) -> Intent {
        let state = self.lock();
        Intent {
            desired: state.desired.instances.get(instance_id).cloned(),
            tombstone: state.tombstones.get(instance_id).copied(),
            quarantined: state.quarantined.contains(instance_id) || state.unplanned.contains(instance_id),
        }
    }

    /// Takes a resource out: part of carrying out its tombstone.
    pub fn withdraw<R: Resource>(&self, id: &str) -> Result<(), DurableError> {
        let _writer = self.write();
        self.disk.remove::<R>(id)?;
        R::map_mut(&mut self.lock().desired).remove(id);
        // Of others in a VPC that is gone nothing is known.
        self.keep_elsewhere(|known: &InterfaceElsewhere| known.vpc_id != id)?;
        self.publish();
        Ok(())
    }

    /// Nothing of the instance is left: forgets its tombstone, and remembers that it was buried.
    pub fn close(&self, instance_id: &str) -> Result<(), DurableError> {
        let _writer = self.write();
        if self.is_quarantined(instance_id) {
            self.disk.remove_quarantined(instance_id)?;
        }
        self.disk.remove_tombstone(instance_id)?;
        let mut state = self.lock();
        state.quarantined.remove(instance_id);
        state.unplanned.remove(instance_id);
        if let Some(generation) = state.tombstones.remove(instance_id) {
            state.buried.insert(instance_id.to_owned(), generation);
            if state.buried.len() > REMEMBERED_BURIALS {
                state.buried.pop_first();
            }
        }
        Ok(())
    }

    /// Whether an instance that is held names the VPC or the volume.
    pub fn uses(&self, id: &str) -> bool {
        let state = self.lock();
        let by_gateway = state.desired.nat_gateways.values().filter_map(|gateway| gateway.interface.as_ref());
        if by_gateway.into_iter().any(|interface| interface.vpc_id == id) {
            return true;
        }
        state.desired.instances.values().any(|instance| {
            instance
                .interfaces
                .iter()
                .any(|interface| interface.vpc_id == id || interface.security_group_ids.iter().any(|group| group == id))
                || instance.volumes.iter().any(|volume| volume.volume_id == id)
        })
    }

    fn publish(&self) {
        let desired = Arc::new(self.lock().desired.clone());
        self.published.send_replace(desired);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
