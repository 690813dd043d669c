//! From gRPC path to handler.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use freehold_proto::{Action, Caller, ErrorCode, Fault};
use futures_util::future::BoxFuture;

use super::{Command, Engine, Prepared, Query, check_declared};
use crate::placement::reasons::Refused;
use crate::store::Outcome;

pub(crate) type Erased = fn(Arc<Engine>, Bytes, Caller) -> BoxFuture<'static, Result<Bytes, Fault>>;

/// Marks how an action is handled, so that each request type has exactly one of the three traits.
pub struct Changes;
/// See [`Changes`].
pub struct ChangesPrepared;
/// See [`Changes`].
pub struct Reads;

/// Whether what was begun is carried through although nobody waits for the answer any more: a commit is told to its followers, and
/// recorded.
pub trait Manner: 'static {
    const CARRIED_THROUGH: bool;
}

impl Manner for Changes {
    const CARRIED_THROUGH: bool = true;
}

impl Manner for ChangesPrepared {
    const CARRIED_THROUGH: bool = true;
}

impl Manner for Reads {
    const CARRIED_THROUGH: bool = false;
}

/// How to run one action.
#[derive(Clone, Copy)]
pub(crate) struct Handler {
    pub name: &'static str,
    pub run: Erased,
    pub carried_through: bool,
}

/// An action that somebody handles. `Kind` is inferred.
pub trait Handled<Kind>: Action {
    const ERRORS: &'static [ErrorCode];

    fn handle(self, engine: &Engine, caller: &Caller) -> impl Future<Output = Outcome<Self::Answer>> + Send;
}

impl<A: Command> Handled<Changes> for A {
    const ERRORS: &'static [ErrorCode] = <A as Command>::ERRORS;

    async fn handle(self, engine: &Engine, caller: &Caller) -> Outcome<A::Answer> {
        engine.run_command(self, caller).await
    }
}

impl<A: Prepared> Handled<ChangesPrepared> for A {
    const ERRORS: &'static [ErrorCode] = <A as Prepared>::ERRORS;

    async fn handle(self, engine: &Engine, caller: &Caller) -> Outcome<A::Answer> {
        engine.run_prepared(self, caller).await
    }
}

impl<A: Query> Handled<Reads> for A {
    const ERRORS: &'static [ErrorCode] = <A as Query>::ERRORS;

    async fn handle(self, engine: &Engine, caller: &Caller) -> Outcome<A::Answer> {
        engine.run_query(self, caller).await
    }
}

/// Every action that is served.
#[derive(Default)]
pub struct Table {
    handlers: HashMap<&'static str, Handler>,
    errors: HashMap<&'static str, &'static [ErrorCode]>,
}

impl Table {
    #[must_use]
    pub fn serve<A: Handled<Kind>, Kind: Manner>(mut self) -> Self {
        let run: Erased = |engine, bytes, caller| Box::pin(answer::<A, Kind>(engine, bytes, caller));
        self.handlers.insert(A::PATH, Handler { name: A::NAME, run, carried_through: Kind::CARRIED_THROUGH });
        self.errors.insert(A::NAME, A::ERRORS);
        self
    }

    /// The codes that an action declares.
    pub fn errors(&self) -> &HashMap<&'static str, &'static [ErrorCode]> {
        &self.errors
    }

    /// Runs one action as if it had come over gRPC.
    pub async fn call<A: Action>(&self, engine: &Arc<Engine>, request: A, caller: Caller) -> Result<A::Answer, Fault> {
        let handler = self.find(A::PATH).ok_or_else(|| Fault::new(ErrorCode::InvalidAction, "The action is not served."))?;
        let bytes = (handler.run)(Arc::clone(engine), request.encode_to_vec().into(), caller).await?;
        prost::Message::decode(bytes).map_err(|error| Fault::internal("an answer is not its message", error))
    }

    pub(crate) fn find(&self, path: &str) -> Option<Handler> {
        self.handlers.get(path).copied()
    }
}

async fn answer<A: Handled<Kind>, Kind: 'static>(engine: Arc<Engine>, bytes: Bytes, caller: Caller) -> Result<Bytes, Fault> {
    let request = A::decode(bytes).map_err(|error| Fault::internal("a request is not the message its path says", error))?;
    let began = Instant::now();
    let outcome = request.handle(&engine, &caller).await.map_err(Fault::from);
    let word = outcome.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "ok");
    engine.store.metrics().acted(A::NAME, word, began);
    engine.audit.record(engine.store.clock().now_millis(), A::NAME, &caller, word);
    if let Err(fault) = &outcome {
        check_declared(A::NAME, A::ERRORS, fault);
        match Refused::of(fault) {
            Some(refused) => keep(refused, &engine, A::NAME, &caller).await,
            None => log_source(A::NAME, &caller, fault),
        }
    }
    outcome.map(|answer| prost::Message::encode_to_vec(&answer).into())
}

/// What no host could take is remembered with the reason of each, for whoever asks `freehold why` about the request. Failing at that must
/// not fail the answer.
async fn keep(refused: &Refused, engine: &Engine, action: &str, caller: &Caller) {
    tracing::info!(action, request_id = %caller.request_id, wanted = %refused.wanted, "no host could take it");
    if let Err(failure) = refused.keep(&engine.store, action, caller).await {
        let fault = Fault::from(failure);
        tracing::warn!(action, request_id = %caller.request_id, %fault, source = ?fault.source, "a refusal could not be written down");
    }
}

/// The one place where what lies behind a fault is logged.
fn log_source(action: &str, caller: &Caller, fault: &Fault) {
    let Some(source) = &fault.source else { return };
    let mut chain = source.to_string();
    let mut next = source.source();
    while let Some(error) = next {
        chain = format!("{chain}: {error}");
        next = error.source();
    }
    // A busy store is retried by the client and needs no operator; what is ours to mend does.
    if fault.code == ErrorCode::InternalError {
        tracing::error!(action, request_id = %caller.request_id, error = %chain, "an action failed");
    } else {
        tracing::warn!(action, request_id = %caller.request_id, error = %chain, "an action could not be carried out");
    }
}
