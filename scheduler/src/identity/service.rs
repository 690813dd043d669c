//! The gateway's door: day keys by access key and scope.

use std::sync::Arc;

use freehold_proto::Fault;
use freehold_proto::internal::identity::identity_server::Identity;
use freehold_proto::internal::identity::{GetDayKeyRequest, GetDayKeyResponse};
use tonic::{Request, Response, Status};

use super::day_key::{Scope, derive};
use super::{Vault, access_key, root_arn};
use crate::store::{Outcome, Store};

pub struct IdentityService {
    pub store: Arc<Store>,
    pub vault: Arc<Vault>,
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
    async fn get_day_key(&self, request: Request<GetDayKeyRequest>) -> Result<Response<GetDayKeyResponse>, Status> {
        let answer = self.day_key(request.get_ref()).await.map_err(Fault::from)?;
        Ok(Response::new(answer))
    }
}
