//! The life of a request, top to bottom: bounds, signature, service, action, command, answer; and one line in the log.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use freehold_proto::clock::Clock;
use freehold_proto::id::{Entropy, request_id};
use freehold_proto::{Caller, ErrorCode, Fault};
use http::StatusCode;
use tokio::sync::Semaphore;
use tracing::{Instrument, Span, field};

use crate::backend::Backend;
use crate::body::{self, Room};
use crate::codec;
use crate::config::Config;
use crate::day_keys::{DayKeys, Holder};
use crate::dialect::Dialect;
use crate::line::{Line, Peer};
use crate::metrics::{Counted, Metrics};
use crate::problem::{Problem, document_response};
use crate::query::Query;
use crate::request::Request;
use crate::service::Service;
use crate::sigv4::{self, Claim, Refusal};

/// What every request passes through.
pub struct Door {
    config: Config,
    backend: Backend,
    keys: Arc<DayKeys>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    under_way: Semaphore,
    room: Room,
    metrics: Metrics,
}

impl Door {
    pub fn new(config: Config, backend: Backend, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, metrics: Metrics) -> Self {
        Self {
            keys: Arc::new(DayKeys::new(backend.clone(), clock.clone(), config.day_keys.clone()).counting(metrics.clone())),
            under_way: Semaphore::new(config.limits.requests),
            room: Room::new(config.limits.bodies_bytes),
            metrics,
            config,
            backend,
            clock,
            entropy,
        }
    }

    pub fn keys(&self) -> Arc<DayKeys> {
        Arc::clone(&self.keys)
    }

    /// Answers one request, whatever it is, under a request id of its own.
    pub async fn answer(&self, request: http::Request<Body>) -> Response {
        let id = request_id(self.entropy.as_ref());
        let span = tracing::info_span!(
            "request",
            request_id = id,
            service = field::Empty,
            action = field::Empty,
            account = field::Empty,
            principal = field::Empty
        );
        freehold_link::trace::join(&span, &id);
        self.logged(request, id).instrument(span).await
    }

    async fn logged(&self, request: http::Request<Body>, id: String) -> Response {
        let (parts, body) = request.into_parts();
        let line = Line::begin(&self.metrics, parts.extensions.get::<Peer>());
        let request = Request::new(parts);
        let dialect = Dialect::of(sigv4::claimed_service(&request).as_deref(), &request.headers, &request.query);
        let (response, code) = match self.admit(request, body, &id, &line).await {
            Ok(document) => (document_response(StatusCode::OK, dialect.content_type(), document, &id), ""),
            Err(problem) => {
                problem.log();
                (problem.answer(dialect, &id), problem.code(dialect).0)
            }
        };
        line.answered(response.status(), code);
        response
    }

    /// A place among the requests under way is taken once the body is there: who sends slowly holds a connection and nothing else.
    async fn admit(&self, mut request: Request, body: Body, id: &str, line: &Line) -> Result<Bytes, Problem> {
        let limits = &self.config.limits;
        let held = body::read(body, limits.body_bytes, limits.body_time, &self.room).await.inspect_err(|fault| self.refused(fault))?;
        let Ok(_under_way) = self.under_way.try_acquire() else {
            self.metrics.refused("requests");
            let message = "Too many requests are being answered at this moment. Retry.";
            return Err(Fault::new(ErrorCode::RequestLimitExceeded, message).into());
        };
        let _counted = Counted::in_gauge(&self.metrics.under_way);
        request.body = held.bytes.clone();
        if let Ok(result) = tokio::time::timeout(limits.request_time, self.run(&request, id, line)).await {
            return result;
        }
        self.metrics.refused("request_seconds");
        Err(Fault::unavailable("The request could not be answered in time. Retry your request.").into())
    }

    /// Counts a body that met one of its limits.
    fn refused(&self, fault: &Fault) {
        match fault.code {
            ErrorCode::RequestEntityTooLarge => self.metrics.refused("body_bytes"),
            ErrorCode::RequestTimeout => self.metrics.refused("body_seconds"),
            ErrorCode::RequestLimitExceeded => self.metrics.refused("bodies_bytes"),
            _ => {}
        }
    }

    async fn run(&self, request: &Request, id: &str, line: &Line) -> Result<Bytes, Problem> {
        let claim = Claim::read(request)?;
        let holder = self.verify(request, &claim).await?;
        let caller = Caller {
            account_id: holder.account_id.clone(),
            principal_arn: holder.principal_arn.clone(),
            user_id: holder.user_id.clone(),
            request_id: id.to_owned(),
        };
        Span::current()
            .record("service", &claim.scope.service)
            .record("account", &caller.account_id)
            .record("principal", &caller.principal_arn);
        let service = Service::find(&claim.scope.service).ok_or_else(|| Problem::Unserved(claim.scope.service.clone()))?;
        let query = Query::read(request, claim.form, self.config.limits.parameters)?;
        query.check_version(service)?;
        Ok(self.command(service, &query, &caller, line).await?)
    }

    /// The holder of the key that signed exactly this request.
    async fn verify(&self, request: &Request, claim: &Claim) -> Result<Arc<Holder>, Problem> {
        claim.admit(request, self.clock.as_ref(), &self.config.region)?;
        let holder = self.keys.get(&claim.scope).await?.ok_or(Refusal::UnknownKey)?;
        claim.verify(request, &holder.key, holder.session_token())?;
        Ok(holder)
    }
}

impl Door {
    /// From parameters to protobuf, to the scheduler, and from protobuf to XML; all by table.
    async fn command(&self, service: &Service, query: &Query, caller: &Caller, line: &Line) -> Result<Bytes, Fault> {
        let operation = service.action(&query.action).ok_or_else(|| service.unknown_action(query))?;
        line.action(operation.name);
        Span::current().record("action", operation.name);
        let message = codec::decode(operation, &query.parameters)?;
        let answer = self.backend.command(operation.path, caller, message, self.config.limits.request_time).await?;
        codec::encode(operation, &answer, &caller.request_id).map(Bytes::from)
    }
}
