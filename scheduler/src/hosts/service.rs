//! The agents' door.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use freehold_link::identity::{Identity, Kind};
use freehold_link::tls::Peer;
use freehold_proto::Fault;
use freehold_proto::internal::host::hosts_server;
use freehold_proto::internal::host::{FromAgent, Hello, ToAgent, Welcome, from_agent, to_agent};
use sea_orm::EntityTrait;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::elsewhere::Said;
use super::grants::Grants;
use super::session::{Attendance, Quarantine, Session};
use super::{Hosts, presence};
use crate::parts::{self, Trust};
use crate::store::{Store, cluster};

/// Messages on their way to an agent before the session waits for it.
const IN_FLIGHT: usize = 256;

/// How long a new connection may take to say who it is.
const HELLO: Duration = Duration::from_secs(10);

pub struct HostsService {
    pub store: Arc<Store>,
    pub hosts: Arc<Hosts>,
    pub trust: Arc<Trust>,
}

#[tonic::async_trait]
impl hosts_server::Hosts for HostsService {
    type AttendStream = Pin<Box<dyn tokio_stream::Stream<Item = Result<ToAgent, Status>> + Send>>;

    async fn attend(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<Self::AttendStream>, Status> {
        let peer = request.extensions().get::<Peer>().cloned();
        let mut up = request.into_inner();
        let hello = hello(&mut up).await?;
        if let Some(peer) = &peer {
            self.check_speaks_for_itself(peer.identity.as_ref(), &hello).await?;
        }
        // A host of this machine reads images over a socket that asks for no grant.
        let grants = peer.map(|_| Grants::new(Arc::clone(&self.trust), &hello.host_id));
        let (down, messages) = mpsc::channel(IN_FLIGHT);
        tokio::spawn(self.admit(hello, grants, down).await?.run(up));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

impl HostsService {
    /// Lets a host in, or says why not. What it is told goes to `down`, the Welcome first.
    pub async fn admit(
        &self,
        hello: Hello,
        grants: Option<Grants>,
        down: mpsc::Sender<Result<ToAgent, Status>>,
    ) -> Result<Attendance, Status> {
        let welcome = self.welcome(&hello).await?;
        let _ = down.try_send(Ok(ToAgent { kind: Some(to_agent::Kind::Welcome(welcome)), ..ToAgent::default() }));
        // From here on nothing that changes is missed, and nothing that changed before is heard of again.
        self.store.world().caught_up().await?;
        let changes = self.store.follow();
        let entered = self.hosts.enter(&hello.host_id);
        let (seat, questions) = entered.ok_or_else(|| Status::unavailable("the scheduler is about to stop"))?;
        self.store.metrics().came(&hello.host_id, self.skew(&hello));
        // The session looks at the World to see that it is still the host's newest, so that has to know of it.
        let attended = async {
            presence::attend(&self.store, &self.hosts, &hello, grants.is_some()).await.map_err(Fault::from)?;
            self.store.world().caught_up().await
        };
        if let Err(fault) = attended.await {
            return Err(fault.into());
        }
        tracing::info!(host = %hello.host_id, hostname = %hello.hostname, "a host attends");
        let said = Said::nothing(&hello.host_id, hello.tunnel_address.is_empty());
        let (store, hosts) = (Arc::clone(&self.store), Arc::clone(&self.hosts));
        let session = Session { host_id: hello.host_id, seat, store, hosts, grants, said, down };
        Ok(Attendance { session, changes, questions, quarantine: Quarantine::default() })
    }

    /// How far the host's clock is ahead of ours, in milliseconds; what the Hello was on its way for is in it.
    fn skew(&self, hello: &Hello) -> Option<i64> {
        let now = hello.now?;
        let theirs = now.seconds.checked_mul(1000)?.checked_add(i64::from(now.nanos) / 1_000_000)?;
        theirs.checked_sub(self.store.clock().now_millis())
    }

    /// Over TLS, a host is whom its certificate names, for as long as it is part of the cluster.
    async fn check_speaks_for_itself(&self, identity: Option<&Identity>, hello: &Hello) -> Result<(), Status> {
        let own = identity.is_some_and(|identity| identity.kind == Kind::Host && identity.name == hello.host_id);
        if !own {
            let who = identity.map_or_else(|| "a peer without a certificate".to_owned(), ToString::to_string);
            tracing::warn!(who, host = %hello.host_id, "refused an agent that speaks for another host");
            return Err(Status::permission_denied(format!("{who} can not speak for {}", hello.host_id)));
        }
        // One that was given up as lost is told so and its knock is noted; that it is no part any more is the lesser news.
        presence::admit(&self.store, &hello.host_id).await?;
        let joined = parts::has_joined(self.store.reader(), Kind::Host, &hello.host_id).await;
        if joined.map_err(|error| Fault::internal("reading who has joined", error))? {
            return Ok(());
        }
        Err(Status::permission_denied(presence::removed(&hello.host_id)))
    }

    async fn welcome(&self, hello: &Hello) -> Result<Welcome, Status> {
        let cluster = cluster::Entity::find().one(self.store.reader()).await;
        let cluster = cluster
            .map_err(|error| Fault::internal("reading the cluster's row", error))?
            .ok_or_else(|| Fault::internal("the store has no cluster row", "it was not opened by a scheduler"))?;
        if !hello.cluster_id.is_empty() && hello.cluster_id != cluster.cluster_id {
            return Err(Status::permission_denied(format!(
                "this host belongs to the cluster {} and this scheduler to {}; point the agent at its own scheduler",
                hello.cluster_id, cluster.cluster_id
            )));
        }
        if self.store.settings().zone(&hello.availability_zone).is_none() {
            return Err(Status::invalid_argument(format!(
                "the host's availability zone '{}' is none of this region's",
                hello.availability_zone
            )));
        }
        presence::admit(&self.store, &hello.host_id).await?;
        Ok(Welcome { cluster_id: cluster.cluster_id, epoch: u64::try_from(cluster.epoch).unwrap_or_default() })
    }
}

async fn hello(up: &mut Streaming<FromAgent>) -> Result<Hello, Status> {
    let first = tokio::time::timeout(HELLO, up.message()).await.map_err(|_| Status::deadline_exceeded("no Hello came"))??;
    match first.and_then(|message| message.kind) {
        Some(from_agent::Kind::Hello(hello)) => super::hello::check(&hello).map(|()| hello),
        _ => Err(Status::invalid_argument("the first message must be Hello")),
    }
}
