//! `[agent]` of the configuration.

use std::path::PathBuf;

use freehold_link::metrics::Address;
use serde::Deserialize;

use crate::hypervisor::{qemu, simulated};
use crate::network;

/// How a node agent is to run. Every field has a default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Everything that survives: identity, plan, disks, image cache. One agent per folder. Default `/var/lib/freehold/agent`.
    pub state_folder: PathBuf,
    /// Where the scheduler takes agents. Default `/run/freehold/hosts.sock`.
    pub hosts_socket: PathBuf,
    /// Where the image store answers. Default `/run/freehold/images.sock`.
    pub images_socket: PathBuf,
    /// Where a host that has joined a cluster elsewhere reaches its scheduler and its image store, `host:port` each. Default: what its join token
    /// said.
    pub scheduler: Vec<String>,
    pub image_store: Vec<String>,
    /// What operators see; the machine's own name if empty, which is the default.
    pub hostname: String,
    /// Default `us-east-1a`.
    pub availability_zone: String,
    /// Which drivers this host offers. Default `["qemu"]`.
    pub drivers: Vec<DriverName>,
    /// Which instance types this host offers, `["m5.*", "t3.micro"]`; a `*` stands for anything. Default: none are named, and it offers all that
    /// its drivers can run and that fit on it.
    pub instance_types: Vec<String>,
    /// How long a guest may take to shut down before its power is taken away. Default 60.
    pub stop_timeout_seconds: u64,
    /// Where metrics are read: a loopback address, or the path of a Unix socket. Default: nowhere.
    pub metrics: Option<Address>,
    pub capacity: Capacity,
    pub network: network::Config,
    pub qemu: qemu::Config,
    pub simulated: simulated::Config,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverName {
    Qemu,
    Simulated,
}

/// `[agent.capacity]`: what this host offers to guests. Zero, the default, means: as much as the machine has.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    pub vcpus: u32,
    pub memory_mib: u64,
    pub disk_mib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_folder: PathBuf::from("/var/lib/freehold/agent"),
            hosts_socket: PathBuf::from("/run/freehold/hosts.sock"),
            images_socket: PathBuf::from("/run/freehold/images.sock"),
            scheduler: Vec::new(),
            image_store: Vec::new(),
            hostname: String::new(),
            availability_zone: "us-east-1a".to_owned(),
            drivers: vec![DriverName::Qemu],
            instance_types: Vec::new(),
            stop_timeout_seconds: 60,
            metrics: None,
            capacity: Capacity::default(),
            network: network::Config::default(),
            qemu: qemu::Config::default(),
            simulated: simulated::Config::default(),
        }
    }
}
