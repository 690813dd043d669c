//! The [`Table`] as a gRPC service: bytes in, bytes out, one path per action. No generated service traits, which would cost more to
//! compile than everything else here.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use freehold_link::raw::RawCodec;
use freehold_link::unix::MAX_MESSAGE_BYTES;
use freehold_proto::{Caller, ErrorCode, Fault};
use futures_util::future::BoxFuture;
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Request, Response, Status};
use tower::Service;
use tracing::Instrument;

use super::table::Handler;
use super::{Engine, Table};

/// Serves every action of `table`; a path that is not in it answers `InvalidAction`.
pub fn routes(others: Routes, engine: Arc<Engine>, table: Arc<Table>) -> Routes {
    others.into_axum_router().fallback_service(Dispatch { engine, table }).into()
}

#[derive(Clone)]
struct Dispatch {
    engine: Arc<Engine>,
    table: Arc<Table>,
}

impl<B> Service<http::Request<B>> for Dispatch
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<freehold_link::BoxError> + Send,
{
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let one = One { dispatch: self.clone(), path: request.uri().path().to_owned() };
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(RawCodec)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES);
            Ok(grpc.unary(one, request).await)
        })
    }
}

/// Runs a handler under a span of its own, which names the client's request whether the gateway is in this process or in another one.
///
/// A caller may stop waiting at any moment: its client hung up, or its time is over. A command that has begun goes on all the same, in a
/// task of its own; otherwise it could be cut between its commit and the word of it.
async fn run(handler: Handler, engine: Arc<Engine>, bytes: Bytes, caller: Caller) -> Result<Bytes, Fault> {
    let span = tracing::info_span!(
        parent: None, "command", request_id = %caller.request_id, action = handler.name, account = %caller.account_id
    );
    freehold_link::trace::join(&span, &caller.request_id);
    let running = (handler.run)(engine, bytes, caller).instrument(span);
    if !handler.carried_through {
        return running.await;
    }
    match tokio::spawn(running).await {
        Ok(answer) => answer,
        Err(error) => Err(Fault::internal("a command did not come to its end", error)),
    }
}

/// One call.
struct One {
    dispatch: Dispatch,
    path: String,
}

impl tonic::server::UnaryService<Bytes> for One {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let Dispatch { engine, table } = self.dispatch.clone();
        let handler = table.find(&self.path);
        Box::pin(async move {
            let (metadata, _, bytes) = request.into_parts();
            let caller = Caller::read(&metadata.into_headers())?;
            let handler = handler.ok_or_else(|| Fault::new(ErrorCode::InvalidAction, "The action is not valid for this web service."))?;
            Ok(Response::new(run(handler, engine, bytes, caller).await?))
        })
    }
}
