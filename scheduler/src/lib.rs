//! What exists and who may: domain rules, the store, placement, reconcilers, identity.

pub mod filter;
pub mod instance_type;
pub mod key_pair;
pub mod page;
pub mod security_group;
pub mod store;
pub mod tags;
