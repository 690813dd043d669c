//! Bytes: blocks by hash, manifests, conversion of disk formats. Knows no account and no instance.
//!
//! * [`ImageStore`] keeps blocks of 512 KiB under the BLAKE3 hash of their content and manifests that list them, and serves them by gRPC;
//! * [`import`] reads disks that others made, confined;
//! * [`build`] makes disk images from Debian packages.
//!
//! # On disk
//!
//! ```text
//! FOLDER/blocks/ab/ab12…   one block, named by the BLAKE3 of its bytes
//! FOLDER/manifests/9f03…   one manifest, canonical, named by the BLAKE3 of its bytes
//! FOLDER/incoming/         files being written; emptied on start
//! ```
//!
//! # Invariants
//!
//! 1. A file under `blocks` or `manifests` was whole and on the disk before it got its name: written under `incoming`, synced, renamed.
//! 2. A manifest is visible only when every block it lists, and the folder entry of each, is on the disk.
//! 3. Nothing is handed out that does not hash to its name. A damaged block is an error that names it, and a later put of the same content
//!    repairs it.
//! 4. A block of zeros is never stored.
//!
//! Blocks that no manifest names are harmless: they cost space and nothing else. They stem from uploads that were broken off and from
//! deleted manifests; a sweep counts them and, after a day, removes them.

pub mod build;
pub mod import;

mod blocks;
mod config;
mod durable;
mod error;
mod guard;
mod manifest;
mod metrics;
mod service;
mod store;
mod sweep;

pub use config::Config;
pub use error::Error;
pub use guard::{Door, Guard};
pub use manifest::{BLOCK_BYTES, BlockHash, Manifest, ManifestId};
pub use store::{ImageStore, Upload};
pub use sweep::Census;
