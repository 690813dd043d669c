//! What an operator can set.

use std::net::SocketAddr;
use std::path::PathBuf;

use freehold_link::metrics::Address;
use serde::{Deserialize, Serialize};

/// The `[image_store]` table of the configuration file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where blocks and manifests lie. Default: `/var/lib/freehold/images`.
    pub folder: PathBuf,
    /// The largest disk an image may describe, holes included. Default: 16,384 GiB, the largest EBS volume.
    pub max_disk_gib: u64,
    /// Space that is left free on the file system for everything else: a block that would eat into it is refused. Default: 512 MiB.
    pub reserve_mib: u64,
    /// Uploads served at once; the next one waits for its turn. Default: 4.
    pub concurrent_uploads: usize,
    /// Downloads served at once; the next one waits for its turn. Default: 32.
    pub concurrent_downloads: usize,
    /// Of these, for one host elsewhere. Default: 8.
    pub concurrent_downloads_per_host: usize,
    /// Where metrics are read: a loopback address, or the path of a Unix socket. Default: nowhere.
    pub metrics: Option<Address>,
    /// Where hosts elsewhere reach this image store, over TLS with certificates on both sides; `0.0.0.0:8775` for all addresses. Default: none.
    pub listen: Option<SocketAddr>,
    /// What join tokens say of where that is, and where this host finds the image store if it runs elsewhere: `host:port`, each tried in turn.
    /// Default: `listen`, which must then be one address.
    pub advertise: Vec<String>,
    /// Where an image store that has joined a cluster elsewhere reaches its scheduler, `host:port` each. Default: what its join token said.
    pub scheduler: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: PathBuf::from("/var/lib/freehold/images"),
            max_disk_gib: 16_384,
            reserve_mib: 512,
            concurrent_uploads: 4,
            concurrent_downloads: 32,
            concurrent_downloads_per_host: 8,
            metrics: None,
            listen: None,
            advertise: Vec::new(),
            scheduler: Vec::new(),
        }
    }
}
