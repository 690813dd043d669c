//! Who asks: accounts, their access keys, and the day keys that the gateway verifies signatures with.
//!
//! A secret is shown once, when its key is made, and kept sealed. It never leaves this process again: the gateway gets keys derived
//! from it, each good for one day, region and service.

pub mod access_key;
pub mod account;
mod day_key;
mod key_feed;
mod service;
#[cfg(test)]
mod tests;
mod vault;

pub use key_feed::KeyFeed;
pub use service::IdentityService;
pub use vault::{Unusable, Vault};

/// The ARN of an account's root, the only principal until there are users.
pub fn root_arn(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}
