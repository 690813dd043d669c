//! The door at which parts get their certificates.

use std::sync::Arc;
use std::time::Duration;

use freehold_link::identity::{Identity, Kind};
use freehold_link::tls::{Authority, Denied, Peer};
use freehold_proto::Fault;
use freehold_proto::internal::parts::parts_server::Parts;
use freehold_proto::internal::parts::{Certified, CertifyRequest, JoinRequest};
use tonic::{Request, Response, Status};

use super::{Trust, has_joined, token};
use crate::store::{Failure, Store};

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
            Denied::Request | Denied::Name(_) => Status::invalid_argument(denied.to_string()),
            Denied::Failed(error) => Fault::internal("making a certificate", error).into(),
        })
    }

    async fn join(&self, secret: &str, request: &CertifyRequest) -> Result<Certified, Status> {
        let kind = kind(request)?;
        let key = Authority::requested_key(&request.request).map_err(|denied| Status::invalid_argument(denied.to_string()))?;
        let tx = self.store.begin("").await.map_err(failed)?;
        token::spend(&tx, secret, kind, &request.name, &key).await.map_err(failed)?;
        // Before the commit: a request that can not be certified spends nothing.
        let certified = self.sign(kind, request)?;
        tx.commit().await.map_err(failed)?;
        tracing::info!(%kind, name = request.name, "a part has joined");
        Ok(certified)
    }

    /// A part with a certificate gets another one for itself and for nobody else.
    async fn renew(&self, identity: &Identity, request: &CertifyRequest) -> Result<Certified, Status> {
        let kind = kind(request)?;
        if (identity.kind, identity.name.as_str()) != (kind, request.name.as_str()) {
            return Err(Status::permission_denied(format!("{identity} asks for a certificate of {kind} {}", request.name)));
        }
        let tx = self.store.begin("").await.map_err(failed)?;
        if !has_joined(tx.db(), kind, &request.name).await.map_err(failed)? {
            return Err(Status::permission_denied(format!(
                "{kind} {} has been removed from this cluster; it may join again",
                request.name
            )));
        }
        let certified = self.sign(kind, request)?;
        token::note(&tx, kind, &request.name).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(certified)
    }
}

fn kind(request: &CertifyRequest) -> Result<Kind, Status> {
    Kind::parse(&request.kind).ok_or_else(|| Status::invalid_argument(format!("there is no part of the kind '{}'", request.kind)))
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
            tracing::warn!(kind = certify.kind, name = certify.name, reason = status.message(), "a part was not let in");
        }
        joined.map(Response::new)
    }

    async fn certify(&self, request: Request<CertifyRequest>) -> Result<Response<Certified>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let request = request.into_inner();
        let certified = match peer {
            Some(Peer { identity: Some(identity), .. }) => self.renew(&identity, &request).await?,
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
