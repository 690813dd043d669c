//! One per host: hypervisor drivers, network data plane, volumes, instance metadata. Holds no truth.
//!
//! ```text
//!   scheduler ⇄ session ─▶ plan (on disk) ─▶ reconciler ─▶ drivers (qemu, simulated)
//!                  ▲          │                  │
//!                  │          └─▶ network, metadata
//!                  └── observations ◀───────────┘
//! ```
//!
//! Invariants: nothing is destroyed but by a tombstone; guests, their network and metadata go on while the scheduler is away and while
//! this process is; whatever was half done when it was killed is finished by the next start.

mod agent;
mod capacity;
mod causes;
mod config;
pub mod desired;
pub mod durable;
mod grants;
mod halt;
mod host;
pub mod hypervisor;
pub mod image_cache;
pub mod imds;
pub mod launch;
mod line;
mod manual;
mod metrics;
pub mod network;
mod observations;
mod plan;
pub mod ports;
mod reconciler;
mod session;
mod tunnel;

pub use agent::{Agent, AgentError, run};
pub use config::{Capacity, Config, DriverName};
pub use freehold_link::tls::Joined;
pub use halt::halt;
pub use line::{LineError, join};
pub use manual::{Line, ManualAgent};
pub use session::Ended;
