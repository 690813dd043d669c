//! Leave for a host on another machine to fetch the images that its instances start from, and no others.
//!
//! A grant is stated before the first instance that needs it and again at half of its life, for as long as an instance of this host names the
//! image in this session. When the session ends, so does its memory: the next one states everything anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use freehold_proto::internal::host::{ImageGrant, InstanceDesired};

use crate::parts::Trust;

pub struct Grants {
    trust: Arc<Trust>,
    host_id: String,
    stated: Mutex<Stated>,
}

#[derive(Default)]
struct Stated {
    /// Which images an instance needs, as last stated.
    needs: BTreeMap<String, BTreeSet<String>>,
    /// When a manifest's newest grant was signed.
    granted: BTreeMap<String, SystemTime>,
}

impl Grants {
    pub fn new(trust: Arc<Trust>, host_id: &str) -> Self {
        Self { trust, host_id: host_id.to_owned(), stated: Mutex::default() }
    }

    fn stated(&self) -> MutexGuard<'_, Stated> {
        self.stated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that these instances need and that have not been stated yet or not for long.
    pub fn needed(&self, desired: &[InstanceDesired], now: SystemTime) -> Vec<ImageGrant> {
        {
            let mut stated = self.stated();
            for instance in desired {
                let manifests = instance.volumes.iter().map(|volume| volume.manifest.clone()).filter(|manifest| !manifest.is_empty());
                stated.needs.insert(instance.instance_id.clone(), manifests.collect());
            }
        }
        let manifests: BTreeSet<String> =
            desired.iter().flat_map(|instance| &instance.volumes).map(|volume| volume.manifest.clone()).collect();
        self.due(manifests, now)
    }

    /// Those of instances that stand and whose grant is past its half.
    pub fn refreshed(&self, now: SystemTime) -> Vec<ImageGrant> {
        let manifests = self.stated().needs.values().flatten().cloned().collect();
        self.due(manifests, now)
    }

    /// An instance that is to be buried needs nothing any more.
    pub fn forget(&self, instance_id: &str) {
        self.stated().needs.remove(instance_id);
    }

    fn due(&self, manifests: BTreeSet<String>, now: SystemTime) -> Vec<ImageGrant> {
        let half = self.trust.grants.lifetime() / 2;
        let mut stated = self.stated();
        let mut grants = Vec::new();
        for manifest in manifests.into_iter().filter(|manifest| !manifest.is_empty()) {
            // A clock that was set back signs anew.
            if stated.granted.get(&manifest).is_some_and(|at| now.duration_since(*at).is_ok_and(|age| age < half)) {
                continue;
            }
            match self.trust.grants.grant(&self.host_id, &manifest, now) {
                Ok(grant) => {
                    stated.granted.insert(manifest.clone(), now);
                    grants.push(ImageGrant { manifest, grant });
                }
                Err(error) => {
                    tracing::error!(host = self.host_id, manifest, %error, "a grant could not be signed; the host can not fetch the image");
                }
            }
        }
        grants
    }
}
