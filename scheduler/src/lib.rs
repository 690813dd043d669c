//! What exists and who may: domain rules, the store, placement, reconcilers, identity.

pub mod store;
