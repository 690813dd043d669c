//! The gateway's door: day keys by access key and scope, and which keys changed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::Fault;
use freehold_proto::internal::identity::identity_server::Identity;
use freehold_proto::internal::identity::{FollowKeysRequest, FollowKeysResponse, GetDayKeyRequest, GetDayKeyResponse};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::day_key::{Scope, derive};
use super::{KeyFeed, Vault, access_key, root_arn};
use crate::store::{Change, Kind, Outcome, Store};

/// A gateway that follows says something several times a second.
const SILENT: Duration = Duration::from_secs(10);

pub struct IdentityService {
    pub store: Arc<Store>,
    pub vault: Arc<Vault>,
    pub feed: Arc<KeyFeed>,
}

impl IdentityService {
    async fn day_key(&self, request: &GetDayKeyRequest) -> Outcome<GetDayKeyResponse> {
        let scope = Scope { date: &request.date, region: &request.region, service: &request.service };
        scope.check()?;
        let Some((account_id, secret)) = access_key::find(&self.store, &self.vault, &request.access_key_id).await? else {
            return Ok(GetDayKeyResponse::default());
        };
        Ok(GetDayKeyResponse {
            found: true,
            signing_key: derive(&secret, &scope).into(),
            principal_arn: root_arn(&account_id),
            user_id: account_id.clone(),
            account_id,
            session_token: String::new(),
        })
    }
}

#[tonic::async_trait]
impl Identity for IdentityService {
    type FollowKeysStream = Pin<Box<dyn Stream<Item = Result<FollowKeysResponse, Status>> + Send>>;

    async fn get_day_key(&self, request: Request<GetDayKeyRequest>) -> Result<Response<GetDayKeyResponse>, Status> {
        let answer = self.day_key(request.get_ref()).await.map_err(Fault::from)?;
        Ok(Response::new(answer))
    }

    async fn follow_keys(&self, request: Request<Streaming<FollowKeysRequest>>) -> Result<Response<Self::FollowKeysStream>, Status> {
        // From before the gateway is told anything, so that nothing falls in between.
        let changes = self.store.follow();
        let (id, messages) = self.feed.enter();
        let follower = Follower { id, store: Arc::clone(&self.store), feed: Arc::clone(&self.feed), changes };
        tokio::spawn(follower.run(request.into_inner()));
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

/// One gateway, as long as it follows.
struct Follower {
    id: u64,
    store: Arc<Store>,
    feed: Arc<KeyFeed>,
    changes: broadcast::Receiver<Change>,
}

impl Follower {
    async fn run(mut self, mut said: Streaming<FollowKeysRequest>) {
        let mut heard = Instant::now();
        loop {
            let follows = tokio::select! {
                message = tokio::time::timeout_at(heard + SILENT, said.message()) => match message {
                    Ok(Ok(Some(message))) => {
                        heard = Instant::now();
                        self.hear(&message).await
                    }
                    _ => false,
                },
                change = self.changes.recv() => self.pass_on(change),
            };
            if !follows {
                break;
            }
        }
        self.feed.leave(self.id);
    }

    /// Answers a ping once the gateway has been told whatever other processes had committed before. Where the store can not say, there
    /// is no answer, and the gateway soon trusts nothing.
    async fn hear(&mut self, message: &FollowKeysRequest) -> bool {
        if message.ping != 0 && self.store.is_shared() {
            if self.store.world().caught_up().await.is_err() {
                return self.feed.hear(self.id, &FollowKeysRequest { ping: 0, ..*message });
            }
            loop {
                let change = match self.changes.try_recv() {
                    Ok(change) => Ok(change),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                    Err(TryRecvError::Closed) => Err(RecvError::Closed),
                };
                if !self.pass_on(change) {
                    return false;
                }
            }
        }
        self.feed.hear(self.id, message)
    }

    fn pass_on(&self, change: Result<Change, RecvError>) -> bool {
        match change {
            Ok(change) if change.kind == Kind::AccessKey => self.feed.tell(self.id, &change.id),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => self.feed.tell(self.id, ""),
            Err(RecvError::Closed) => return false,
        }
        true
    }
}
