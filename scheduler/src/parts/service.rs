//! The door at which parts get their certificates.

use std::sync::Arc;
use std::time::Duration;

use freehold_link::identity::{Identity, Kind, is_name};
use freehold_link::tls::{Authority, Denied, Peer};
use freehold_link::token::hex;
use freehold_proto::Fault;
use freehold_proto::internal::parts::parts_server::Parts;
use freehold_proto::internal::parts::{Certified, CertifyRequest, JoinRequest};
use sea_orm::ConnectionTrait;
use tonic::{Request, Response, Status};

use super::token::{self, Joining, Keys};
use super::{Trust, row, standing};
use crate::store::{Failure, Store};

/// Bytes of a request, the names of a gateway included: anybody may send one.
pub const LARGEST_REQUEST: usize = 64 << 10;

pub struct PartsService {
    pub store: Arc<Store>,
    pub trust: Arc<Trust>,
    /// How long a certificate is good for.
    pub lifetime: Duration,
}

impl PartsService {
    fn sign(&self, kind: Kind, request: &CertifyRequest) -> Result<Certified, Status> {
        let CertifyRequest { name, request, names, .. } = request;
        let certified = self.trust.authority.certify(kind, name, names, request, self.store.clock().now(), self.lifetime);
        certified.map_err(|denied| match denied {
            Denied::Request | Denied::Name(_) | Denied::TooMany => Status::invalid_argument(denied.to_string()),
            Denied::Failed(error) => Fault::internal("making a certificate", error).into(),
        })
    }

    async fn join(&self, secret: &str, request: &CertifyRequest) -> Result<Certified, Status> {
        let kind = kind(request)?;
        let key = Authority::requested_key(&request.request).map_err(|denied| Status::invalid_argument(denied.to_string()))?;
        let joining = Joining { kind, name: &request.name, key: &key };
        // Whoever has no token takes no writer's turn.
        token::find(self.store.reader(), self.store.clock().now_millis(), secret, &joining).await.map_err(failed)?;
        let tx = self.store.begin("").await.map_err(failed)?;
        token::spend(&tx, secret, &joining).await.map_err(failed)?;
        // Before the commit: a request that can not be certified spends nothing.
        let certified = self.sign(kind, request)?;
        tx.commit().await.map_err(failed)?;
        tracing::info!(%kind, name = request.name, "a part has joined");
        Ok(certified)
    }

    /// A part with a certificate gets another one for itself and for nobody else, as long as it is the one that the store knows.
    async fn renew(&self, peer: &Peer, identity: &Identity, request: &CertifyRequest) -> Result<Certified, Status> {
        let kind = kind(request)?;
        if (identity.kind, identity.name.as_str()) != (kind, request.name.as_str()) {
            return Err(Status::permission_denied(format!("{identity} asks for a certificate of another part")));
        }
        let asked_for = Authority::requested_key(&request.request).map_err(|denied| Status::invalid_argument(denied.to_string()))?;
        // Whoever is none of the cluster's takes no writer's turn.
        self.standing(self.store.reader(), peer, identity).await?;
        let tx = self.store.begin("").await.map_err(failed)?;
        self.standing(tx.db(), peer, identity).await?;
        let certified = self.sign(kind, request)?;
        let keys = Keys { current: hex(&asked_for), previous: peer.key.map(|key| hex(&key)).unwrap_or_default() };
        token::note(&tx, kind, &request.name, keys).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(certified)
    }

    async fn standing(&self, db: &impl ConnectionTrait, peer: &Peer, identity: &Identity) -> Result<(), Status> {
        let row = row(db, identity.kind, &identity.name).await.map_err(failed)?;
        standing(row.as_ref(), identity.kind, &identity.name, peer.key.as_ref())
    }
}

fn kind(request: &CertifyRequest) -> Result<Kind, Status> {
    Kind::parse(&request.kind).ok_or_else(|| Status::invalid_argument("there is no part of this kind"))
}

/// Of what somebody says that it is, what may stand in a log: words that this program knows, and names that can be one's.
fn loggable(request: &CertifyRequest) -> (Option<&'static str>, Option<&str>) {
    (Kind::parse(&request.kind).map(Kind::as_str), is_name(&request.name).then_some(request.name.as_str()))
}

fn failed(failure: impl Into<Failure>) -> Status {
    let fault = Fault::from(failure.into());
    if let Some(source) = &fault.source {
        tracing::error!(%source, cause = source.source().map(ToString::to_string), "a part could not be given a certificate");
    }
    fault.into()
}

#[tonic::async_trait]
impl Parts for PartsService {
    async fn join(&self, request: Request<JoinRequest>) -> Result<Response<Certified>, Status> {
        let JoinRequest { secret, certify } = request.into_inner();
        let certify = certify.ok_or_else(|| Status::invalid_argument("the request names no key"))?;
        let joined = self.join(&secret, &certify).await;
        if let Err(status) = &joined {
            let (kind, name) = loggable(&certify);
            // A reason may repeat what was sent, which only somebody with a token may write into the log.
            let reason = if name.is_some() { status.message() } else { "what it calls itself is none of a part's names" };
            tracing::warn!(kind, name, reason, "a part was not let in");
        }
        joined.map(Response::new)
    }

    async fn certify(&self, request: Request<CertifyRequest>) -> Result<Response<Certified>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let request = request.into_inner();
        let certified = match peer {
            Some(peer @ Peer { identity: Some(_), .. }) => {
                let identity = peer.identity.clone().ok_or_else(|| Status::permission_denied("show a certificate"))?;
                self.renew(&peer, &identity, &request).await?
            }
            Some(_) => return Err(Status::permission_denied("show a certificate, or join")),
            // The kernel has said that this is root or our own user, who could read the authority's key as well. A host on this machine needs none.
            None => match kind(&request)? {
                Kind::Host => return Err(Status::invalid_argument("a host of this machine speaks over the socket of hosts")),
                kind => self.sign(kind, &request)?,
            },
        };
        Ok(Response::new(certified))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_without_a_token_sends_does_not_stand_in_the_log() {
        let of = |kind: &str, name: &str| {
            let request = CertifyRequest { kind: kind.into(), name: name.into(), ..CertifyRequest::default() };
            let (kind, name) = loggable(&request);
            (kind, name.map(str::to_owned))
        };
        assert_eq!(of("gateway", "gw-1"), (Some("gateway"), Some("gw-1".to_owned())));
        assert_eq!(of("king", &"x".repeat(65)), (None, None));
        assert_eq!(of("host", "\u{1b}[2J"), (Some("host"), None));
    }
}
