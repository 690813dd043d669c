//! From gRPC path to handler.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use freehold_proto::{Action, Caller, ErrorCode, Fault};
use futures_util::future::BoxFuture;

use super::{Command, Engine, Prepared, Query, check_declared};
use crate::store::Outcome;

pub(crate) type Erased = fn(Arc<Engine>, Bytes, Caller) -> BoxFuture<'static, Result<Bytes, Fault>>;

/// Marks how an action is handled, so that each request type has exactly one of the three traits.
pub struct Changes;
/// See [`Changes`].
pub struct ChangesPrepared;
/// See [`Changes`].
pub struct Reads;

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
    handlers: HashMap<&'static str, Erased>,
    errors: HashMap<&'static str, &'static [ErrorCode]>,
}

impl Table {
    #[must_use]
    pub fn serve<A: Handled<Kind>, Kind: 'static>(mut self) -> Self {
        self.handlers.insert(A::PATH, |engine, bytes, caller| Box::pin(answer::<A, Kind>(engine, bytes, caller)));
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
        let bytes = handler(Arc::clone(engine), request.encode_to_vec().into(), caller).await?;
        prost::Message::decode(bytes).map_err(|error| Fault::internal("an answer is not its message", error))
    }

    pub(crate) fn find(&self, path: &str) -> Option<Erased> {
        self.handlers.get(path).copied()
    }
}

async fn answer<A: Handled<Kind>, Kind: 'static>(engine: Arc<Engine>, bytes: Bytes, caller: Caller) -> Result<Bytes, Fault> {
    let request = A::decode(bytes).map_err(|error| Fault::internal("a request is not the message its path says", error))?;
    let outcome = request.handle(&engine, &caller).await.map_err(Fault::from);
    let word = outcome.as_ref().map_or_else(|fault| fault.code.as_str(), |_| "ok");
    engine.audit.record(engine.store.clock().now_millis(), A::NAME, &caller, word);
    if let Err(fault) = &outcome {
        check_declared(A::NAME, A::ERRORS, fault);
        log_source(A::NAME, &caller, fault);
    }
    outcome.map(|answer| prost::Message::encode_to_vec(&answer).into())
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
    tracing::error!(action, request_id = %caller.request_id, error = %chain, "an action failed");
}
