//! What exists and who may: domain rules, the store, placement, reconcilers, identity.

pub mod addresses;
pub mod backup;
mod cluster;
pub mod ec2;
pub mod engine;
pub mod filter;
pub mod hosts;
pub mod identity;
pub mod instance_type;
pub mod key_pair;
#[cfg(test)]
pub(crate) mod lab;
pub mod launch_template;
pub mod lifecycle;
pub mod metrics;
pub mod network;
pub mod operator;
pub mod page;
pub mod parts;
pub mod placement;
pub mod reconcile;
mod scheduler;
mod schedulers;
pub mod security_group;
mod settings;
pub mod store;
mod sts;
pub mod tags;
pub mod world;

pub use scheduler::{OpenError, Scheduler, table};
pub use settings::{Config, Invalid, Overcommit, Settings, Zone};
