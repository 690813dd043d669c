//! What happens around every action, once: decode, caller, transaction, DryRun, ClientToken, declared errors, audit, commit.
//!
//! # How a handler is written
//!
//! One file per action, named as EC2 names it (`ec2/stop_instances.rs`), implementing one of three traits for the request's message:
//!
//! ```ignore
//! impl Command for ec2::DeleteKeyPairRequest {          // it changes something: it gets the transaction
//!     const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidKeyPairNotFound];
//!     async fn run(self, tx: &mut Tx) -> Outcome<Self::Answer> { … }
//! }
//!
//! impl Prepared for ec2::CreateKeyPairRequest { … }     // as above, with something slow made before the transaction
//!
//! impl Query for ec2::DescribeKeyPairsRequest {         // it only reads: it gets the World
//!     const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidKeyPairNotFound];
//!     async fn answer(self, ask: &Ask) -> Outcome<Self::Answer> { … }
//! }
//! ```
//!
//! `ERRORS` names every code that the handler itself can give; another one is a bug, and debug builds say so. What the engine gives
//! ([`GIVEN_BY_THE_ENGINE`]) is not repeated. A handler never looks at `dry_run` or `client_token`, never commits, never logs.
//! `?` takes a `Fault` and a `DbErr` alike. Rows become messages in one `impl From` per resource (`ec2/model`).

mod audit;
mod dispatch;
mod idempotency;
mod table;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::sync::{Arc, RwLockReadGuard};

use freehold_proto::id::Entropy;
use freehold_proto::{Action, Caller, ErrorCode, Fault};

pub use audit::Audit;
pub use dispatch::routes;
pub use idempotency::KEPT_MILLIS as CLIENT_TOKEN_KEPT_MILLIS;
pub use table::Table;

use crate::Settings;
use crate::hosts::Hosts;
use crate::page::{Page, Paged, Sealer};
use crate::store::{Outcome, Rows, Store, Tx};
use crate::world::World;

/// Codes that any action may give because the engine gives them.
pub const GIVEN_BY_THE_ENGINE: &[ErrorCode] = &[
    ErrorCode::AuthFailure,
    ErrorCode::DryRunOperation,
    ErrorCode::IdempotentParameterMismatch,
    ErrorCode::InternalError,
    ErrorCode::Unavailable,
];

/// An action that changes something. It is one transaction: all of it happens, or nothing.
///
/// No call to another process is made in it; what a host must do follows from the rows it leaves.
pub trait Command: Action + Clone {
    const ERRORS: &'static [ErrorCode];

    fn run(self, tx: &mut Tx) -> impl Future<Output = Outcome<Self::Answer>> + Send;
}

/// A command that first makes something that takes too long to hold a transaction for.
pub trait Prepared: Action + Clone {
    const ERRORS: &'static [ErrorCode];
    type Made: Send;

    /// Outside the transaction. Whatever it decides must hold still when [`Prepared::run`] comes.
    fn prepare(&self, store: &Store) -> impl Future<Output = Outcome<Self::Made>> + Send;

    fn run(self, made: Self::Made, tx: &mut Tx) -> impl Future<Output = Outcome<Self::Answer>> + Send;
}

/// An action that only reads.
pub trait Query: Action {
    const ERRORS: &'static [ErrorCode];

    fn answer(self, ask: &Ask) -> impl Future<Output = Outcome<Self::Answer>> + Send;
}

/// What a query may use. No database: it is answered from the World, which has caught up with whatever was committed before.
pub struct Ask {
    pub caller: Caller,
    pub world: Arc<World>,
    /// Milliseconds since the Unix epoch.
    pub now: i64,
    pub settings: Arc<Settings>,
    /// Opens and seals page tokens.
    pub sealer: Sealer,
    pub entropy: Arc<dyn Entropy>,
    pub hosts: Arc<Hosts>,
}

impl Ask {
    pub fn account(&self) -> &str {
        &self.caller.account_id
    }

    /// What exists. Not to be held across an `await`.
    pub fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.world.rows()
    }

    /// The page that a request asks for.
    pub fn page<R: Paged>(&self, request: &R) -> Result<Page, Fault> {
        Page::of(request, &self.caller.account_id, &self.sealer, self.now)
    }
}

/// A command that a unique constraint stopped lost a race (for an address, an id, a client token) unless its handler says otherwise. It
/// runs again on the rows as they are now, this often in all.
const TRIES: usize = 3;

/// Runs actions. One per process.
pub struct Engine {
    pub store: Arc<Store>,
    pub hosts: Arc<Hosts>,
    pub sealer: Sealer,
    pub audit: Audit,
}

impl Engine {
    async fn run_command<A: Command>(&self, request: A, caller: &Caller) -> Outcome<A::Answer> {
        for _ in 1..TRIES {
            match self.try_command(request.clone(), caller).await {
                Err(failure) if failure.is_conflict() => tracing::info!(action = A::NAME, "a command lost a race and runs again"),
                settled => return settled,
            }
        }
        self.try_command(request, caller).await
    }

    async fn try_command<A: Command>(&self, request: A, caller: &Caller) -> Outcome<A::Answer> {
        let dry_run = request.dry_run();
        let mut tx = self.store.begin(&caller.account_id).await?.asked_by(&caller.principal_arn);
        let answer = match idempotency::Once::of(&request) {
            Some(once) if !dry_run => once.answer(request, &mut tx).await,
            _ => request.run(&mut tx).await,
        };
        self.settle(tx, dry_run, answer, caller).await
    }

    async fn run_prepared<A: Prepared>(&self, request: A, caller: &Caller) -> Outcome<A::Answer> {
        for _ in 1..TRIES {
            match self.try_prepared(request.clone(), caller).await {
                Err(failure) if failure.is_conflict() => tracing::info!(action = A::NAME, "a command lost a race and runs again"),
                settled => return settled,
            }
        }
        self.try_prepared(request, caller).await
    }

    async fn try_prepared<A: Prepared>(&self, request: A, caller: &Caller) -> Outcome<A::Answer> {
        let dry_run = request.dry_run();
        let made = request.prepare(&self.store).await?;
        let mut tx = self.store.begin(&caller.account_id).await?.asked_by(&caller.principal_arn);
        let answer = match idempotency::Once::of(&request) {
            Some(once) if !dry_run => once.answer_prepared(request, made, &mut tx).await,
            _ => request.run(made, &mut tx).await,
        };
        self.settle(tx, dry_run, answer, caller).await
    }

    async fn run_query<A: Query>(&self, request: A, caller: &Caller) -> Outcome<A::Answer> {
        let dry_run = request.dry_run();
        self.store.world().caught_up().await?;
        let ask = Ask {
            caller: caller.clone(),
            world: Arc::clone(self.store.world()),
            now: self.store.clock().now_millis(),
            settings: Arc::clone(self.store.settings()),
            sealer: self.sealer.clone(),
            entropy: self.store.shared_entropy(),
            hosts: Arc::clone(&self.hosts),
        };
        let answer = request.answer(&ask).await?;
        if dry_run { Err(would_have_succeeded().into()) } else { Ok(answer) }
    }

    /// Keeps what a command did, or, where it failed or was only tried, none of it.
    async fn settle<T>(&self, tx: Tx, dry_run: bool, answer: Outcome<T>, caller: &Caller) -> Outcome<T> {
        match answer {
            Ok(_) if dry_run => {
                tx.rollback().await?;
                Err(would_have_succeeded().into())
            }
            Ok(answer) => {
                // Before the commit, since sessions are told of it at once.
                self.hosts.causes().note(tx.changes(), &caller.request_id);
                tx.commit().await?;
                Ok(answer)
            }
            Err(failure) => {
                tx.rollback().await?;
                Err(failure)
            }
        }
    }
}

fn would_have_succeeded() -> Fault {
    Fault::new(ErrorCode::DryRunOperation, "Request would have succeeded, but DryRun flag is set.")
}

/// Holds a handler to what it declared. A breach is a bug of ours: loud in debug builds and tests, a log line in production.
fn check_declared(action: &str, declared: &[ErrorCode], fault: &Fault) {
    let known = declared.contains(&fault.code) || GIVEN_BY_THE_ENGINE.contains(&fault.code);
    debug_assert!(known, "{action} gave {}, which it does not declare", fault.code);
    if !known {
        tracing::error!(action, code = fault.code.as_str(), "a handler gave an error code that it does not declare");
    }
}
