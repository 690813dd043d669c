//! One per host: hypervisor drivers, network data plane, volumes, instance metadata. Holds no truth.

pub mod desired;
pub mod network;
