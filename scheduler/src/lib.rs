//! What exists and who may: domain rules, the store, placement, reconcilers, identity.

pub mod engine;
pub mod filter;
pub mod hosts;
pub mod instance_type;
pub mod key_pair;
pub mod page;
pub mod security_group;
mod settings;
pub mod store;
pub mod tags;

pub use settings::{Config, Invalid, Overcommit, Settings, Zone};
