//! The gateway's door: day keys by access key and scope, and which keys changed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::Fault;
use freehold_proto::internal::identity::identity_server::Identity;
use freehold_proto::internal::identity::{FollowKeysRequest, FollowKeysResponse, GetDayKeyRequest, GetDayKeyResponse};
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::day_key::{Scope, derive};
use super::{KeyFeed, Vault, access_key, root_arn};
use crate::store::{Kind, Outcome, Store};

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
        let (id, messages) = self.feed.enter();
        let feed = Arc::clone(&self.feed);
        let mut said = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Ok(Some(message))) = tokio::time::timeout(SILENT, said.message()).await {
                if !feed.hear(id, &message) {
                    break;
                }
            }
            feed.leave(id);
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(messages))))
    }
}

/// Passes on what other processes on the same store changed. What this one changes is announced by who changed it.
pub async fn follow(store: Arc<Store>, feed: Arc<KeyFeed>) {
    let mut changes = store.follow();
    loop {
        match changes.recv().await {
            Ok(change) if change.kind == Kind::AccessKey => drop(feed.tell(&change.id)),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => drop(feed.tell("")),
            Err(RecvError::Closed) => return,
        }
    }
}
