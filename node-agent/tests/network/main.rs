//! The data plane against real packets.
//!
//! Each test is a machine of its own: a thread in a network and mount namespace that nobody else sees, where the data plane plays the
//! host's agent. Guests are namespaces whose end of a veth pair stands in place of the tap. When the thread ends everything is gone.

#![expect(clippy::unwrap_used, reason = "a test that can not go on says so by panicking")]

mod hosts;
mod lab;
mod nat;

mod acls;
mod across;
mod addresses;
mod bypass;
mod changes;
mod day;
mod faults;
mod filters;
mod killed;
mod outside;
mod partition;
mod peering;
mod public;
mod routes;
mod services;
mod trace;
