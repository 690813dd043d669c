//! The contracts between the parts of Freehold.
//!
//! Owns: the generated messages and service stubs, the typed ids, [`Fault`] and the words of its codes, the [`Caller`] that travels with
//! every command. Owns no behaviour: every service depends on this crate and never on another service.
//!
//! * [`aws`]: EC2's and STS's own messages, generated from AWS's service model by `cargo xtask model`;
//! * [`internal`]: the protocols between Freehold's own parts, generated from `proto/freehold/*.proto` by `cargo xtask proto`.

pub mod action;
#[allow(clippy::all, clippy::pedantic, reason = "generated code")]
pub mod aws;
pub mod caller;
pub mod clock;
pub mod fault;
pub mod id;

/// Freehold's own protocols, generated from `proto/freehold/*.proto` and checked in.
#[expect(clippy::all, clippy::pedantic, reason = "generated code")]
pub mod internal {
    pub mod host {
        include!("internal/freehold.host.v1.rs");
    }
    pub mod identity {
        include!("internal/freehold.identity.v1.rs");
    }
    pub mod image {
        include!("internal/freehold.image.v1.rs");
    }
    pub mod operator {
        include!("internal/freehold.operator.v1.rs");
    }
    pub mod parts {
        include!("internal/freehold.parts.v1.rs");
    }
}

pub use action::Action;
pub use caller::Caller;
pub use fault::{ErrorCode, Fault};
