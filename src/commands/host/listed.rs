//! A host, as listed.

use freehold_proto::internal::operator::Host;
use serde::Serialize;

use crate::output::{self, Row};

/// `*_promised` is what may be used: what the host has, times the overcommit policy.
#[derive(Serialize)]
pub struct Listed {
    host_id: String,
    hostname: String,
    availability_zone: String,
    connected: bool,
    last_seen: String,
    /// "" where it takes what comes.
    drained_since: String,
    instances: u32,
    vcpus_used: u32,
    vcpus_promised: u64,
    vcpus: u32,
    memory_mib_used: u64,
    memory_mib_promised: u64,
    memory_mib: u64,
    disk_mib_used: u64,
    disk_mib_promised: u64,
    disk_mib: u64,
    drivers: Vec<String>,
    quarantined: Vec<String>,
    version: String,
    /// What it was configured to offer; none: all that its drivers can run.
    instance_types: Vec<String>,
}

impl From<Host> for Listed {
    fn from(host: Host) -> Self {
        Self {
            host_id: host.host_id,
            hostname: host.hostname,
            availability_zone: host.availability_zone,
            connected: host.connected,
            last_seen: output::time(host.last_seen),
            drained_since: output::time(host.drained_since),
            instances: host.instances,
            vcpus_used: host.vcpus_used,
            vcpus_promised: host.vcpus_promised,
            vcpus: host.vcpus,
            memory_mib_used: host.memory_mib_used,
            memory_mib_promised: host.memory_mib_promised,
            memory_mib: host.memory_mib,
            disk_mib_used: host.disk_mib_used,
            disk_mib_promised: host.disk_mib_promised,
            disk_mib: host.disk_mib,
            drivers: host.drivers,
            quarantined: host.quarantined,
            version: host.version,
            instance_types: host.instance_types,
        }
    }
}

impl Listed {
    fn state(&self) -> String {
        let here = if self.connected { "connected".to_owned() } else { format!("silent since {}", self.last_seen) };
        if self.drained_since.is_empty() { here } else { format!("{here}, drained") }
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] =
        &["HOST", "NAME", "ZONE", "STATE", "INSTANCES", "VCPUS", "MEMORY MIB", "DISK GIB", "DRIVERS", "QUARANTINED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.host_id.clone(),
            self.hostname.clone(),
            self.availability_zone.clone(),
            self.state(),
            self.instances.to_string(),
            format!("{}/{}", self.vcpus_used, self.vcpus_promised),
            format!("{}/{}", self.memory_mib_used, self.memory_mib_promised),
            format!("{}/{}", self.disk_mib_used / 1024, self.disk_mib_promised / 1024),
            self.drivers.join(" "),
            if self.quarantined.is_empty() { "-".into() } else { self.quarantined.join(" ") },
        ]
    }
}
