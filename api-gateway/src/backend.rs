//! The way inwards: one raw gRPC call for every command, one typed call for day keys. Both bounded, both without knowing any AWS message.
//!
//! A [`Service`] is a channel to another process or the routes of this one; here they are the same. Channels come from `freehold_link`,
//! which speaks over Unix sockets; a TCP channel must set `nodelay` on the *incoming* stream itself, since a server's own setting does
//! nothing for streams handed to it, and Nagle's algorithm would then stall every small answer.

use std::time::Duration;

use bytes::Bytes;
use freehold_link::Service;
use freehold_link::raw::RawCodec;
use freehold_link::unix::MAX_MESSAGE_BYTES;
use freehold_proto::internal::identity::identity_client::IdentityClient;
use freehold_proto::internal::identity::{GetDayKeyRequest, GetDayKeyResponse};
use freehold_proto::{Caller, Fault};
use http::uri::PathAndQuery;
use tonic::Request;

use crate::sigv4::Scope;

/// What the gateway stands in front of.
#[derive(Clone)]
pub struct Backend {
    /// Every AWS action, by its gRPC path.
    pub commands: Service,
    /// `freehold.identity.v1.Identity`.
    pub identity: Service,
}

impl Backend {
    /// Runs one command. A timeout leaves open whether it was done: the answer says `Unavailable`, clients retry, and a `ClientToken`
    /// makes that safe.
    pub async fn command(&self, path: &'static str, caller: &Caller, message: Bytes, within: Duration) -> Result<Bytes, Fault> {
        let mut request = Request::new(message);
        caller.write(request.metadata_mut().as_mut())?;
        freehold_link::trace::write(&caller.request_id, request.metadata_mut().as_mut());
        request.set_timeout(within);
        let mut grpc = tonic::client::Grpc::new(self.commands.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let call = async move {
            grpc.ready().await.map_err(unreachable)?;
            Ok(grpc.unary(request, PathAndQuery::from_static(path), RawCodec).await?.into_inner())
        };
        bounded(within, call).await
    }

    /// Asks who holds an access key, and for the key that it signs with in this scope.
    pub async fn day_key(&self, scope: &Scope, within: Duration) -> Result<GetDayKeyResponse, Fault> {
        let mut request = Request::new(GetDayKeyRequest {
            access_key_id: scope.access_key_id.clone(),
            date: scope.date.clone(),
            region: scope.region.clone(),
            service: scope.service.clone(),
        });
        request.set_timeout(within);
        let mut client = IdentityClient::new(self.identity.clone());
        let call = async move { Ok(client.get_day_key(request).await?.into_inner()) };
        bounded(within, call).await
    }
}

async fn bounded<T>(within: Duration, call: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(within, call).await.unwrap_or_else(|elapsed| Err(unreachable(elapsed)))
}

fn unreachable(source: impl Into<freehold_link::BoxError>) -> Fault {
    Fault { source: Some(source.into()), ..Fault::unavailable("The service is not available right now. Retry your request.") }
}
