//! `freehold host ls`.

use freehold_proto::internal::operator::{Host, ListHostsRequest};
use serde::Serialize;

use crate::Failure;
use crate::cli;
use crate::config::Config;
use crate::operator;
use crate::output::{self, Row};

/// One host, as listed.
#[derive(Serialize)]
pub struct Listed {
    host_id: String,
    hostname: String,
    availability_zone: String,
    connected: bool,
    last_seen: String,
    instances: u32,
    vcpus_used: u32,
    vcpus: u32,
    memory_mib_used: u64,
    memory_mib: u64,
    drivers: Vec<String>,
    quarantined: Vec<String>,
    version: String,
}

impl From<Host> for Listed {
    fn from(host: Host) -> Self {
        Self {
            host_id: host.host_id,
            hostname: host.hostname,
            availability_zone: host.availability_zone,
            connected: host.connected,
            last_seen: output::time(host.last_seen),
            instances: host.instances,
            vcpus_used: host.vcpus_used,
            vcpus: host.vcpus,
            memory_mib_used: host.memory_mib_used,
            memory_mib: host.memory_mib,
            drivers: host.drivers,
            quarantined: host.quarantined,
            version: host.version,
        }
    }
}

impl Row for Listed {
    const HEADINGS: &'static [&'static str] =
        &["HOST", "NAME", "ZONE", "STATE", "INSTANCES", "VCPUS", "MEMORY MIB", "DRIVERS", "QUARANTINED"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.host_id.clone(),
            self.hostname.clone(),
            self.availability_zone.clone(),
            if self.connected { "connected".into() } else { format!("silent since {}", self.last_seen) },
            self.instances.to_string(),
            format!("{}/{}", self.vcpus_used, self.vcpus),
            format!("{}/{}", self.memory_mib_used, self.memory_mib),
            self.drivers.join(" "),
            if self.quarantined.is_empty() { "-".into() } else { self.quarantined.join(" ") },
        ]
    }
}

pub async fn run(config: &Config, output: cli::Output, command: &cli::Host) -> Result<(), Failure> {
    match command {
        cli::Host::Ls => {
            let socket = config.sockets().operator;
            let answer = operator::call(&socket, operator::connect(config).list_hosts(ListHostsRequest {})).await?;
            let rows: Vec<Listed> = answer.hosts.into_iter().map(Listed::from).collect();
            output::rows(output, &rows)
        }
    }
}
