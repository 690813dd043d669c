//! Gateway, scheduler and agents in one process, on a clock, a network and disks that a seed decides on. Ships nothing.
//!
//! ```text
//!   client ─▶ gateway ─▶ scheduler ◀─ network: a queue each way and session ─▶ agents ─▶ simulated guests
//!     │                    │ SQLite        late, twice, cut, never              │ disk that forgets what was not synced
//!     ▼                    ▼                                                    ▼
//!   journal  ─────────▶  checks: the rows, the disks and the journal, read by themselves
//! ```
//!
//! There are no timers and no background tasks: the parts' own cores are driven step by step ([`freehold_scheduler::hosts::Attendance`],
//! [`freehold_node_agent::ManualAgent`]), each step to its end, and what comes next is drawn from the seed. So a schedule is the same
//! every time it is run, and a seed is all that a failure needs to be looked at.
//!
//! What is not simulated: two transactions of the scheduler at once (SQLite lets one write at a time), the data plane, QEMU, image bytes.

pub mod bug;
mod call;
mod checks;
mod client;
mod cloud;
mod dice;
mod disk;
mod door;
mod host;
mod journal;
mod network;
mod operator;
pub mod rules;
pub mod run;
mod step;
pub mod template;

pub use bug::Bug;
pub use run::{Broken, Options, Outcome, run};
pub use template::Template;
