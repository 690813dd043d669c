//! What the hosts offer of the catalogue, as clients ask before they launch.
//!
//! A host offers what its operator says, or all that its drivers can run, if one would fit on it were it empty. It does so while it is away,
//! drained or full as well: an offer says what a place is made for, and EC2's do not come and go with capacity; whoever plans by them (Terraform
//! reads them in every plan) must not find another answer because a machine is being restarted. Whether there is room is said by the launch.

use freehold_proto::Fault;

use crate::engine::Ask;
use crate::instance_type::InstanceType;
use crate::placement::{Host, Request};
use crate::{Overcommit, Zone};

/// The hosts that there are.
pub struct Offers {
    hosts: Vec<Host>,
    overcommit: Overcommit,
}

impl Offers {
    pub fn of(ask: &Ask) -> Result<Self, Fault> {
        let hosts = ask.rows().hosts.each().map(|row| Host::try_from(row.as_ref().clone())).collect::<Result<_, _>>()?;
        Ok(Self { hosts, overcommit: ask.settings.overcommit })
    }

    pub fn in_region(&self, kind: &InstanceType) -> bool {
        self.hosts.iter().any(|host| self.offers(host, kind))
    }

    pub fn in_zone(&self, kind: &InstanceType, zone: &Zone) -> bool {
        self.hosts.iter().any(|host| host.availability_zone == zone.name && self.offers(host, kind))
    }

    fn offers(&self, host: &Host, kind: &InstanceType) -> bool {
        host.offers(&Request::of_type(kind, &host.availability_zone, 0), self.overcommit).is_ok()
    }
}
