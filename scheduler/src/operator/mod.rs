//! The operator's commands, over a socket that only root can open. Not AWS's API: no account owns them, so they see every account.

mod attention;
pub(crate) mod explain;
pub(crate) mod hosts;
pub(crate) mod images;
mod network;
mod pools;
mod problems;
mod quarantine;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use hosts::list as hosts;
pub use images::register as register_image;
pub use status::status;

use freehold_link::tls;
use freehold_proto::Fault;
use freehold_proto::internal::operator as proto;
use freehold_proto::internal::operator::operator_server::Operator;
use tonic::{Request, Response, Status};

use crate::Overcommit;
pub(crate) use crate::ec2::message::timestamp;
use crate::identity::{KeyFeed, Vault, access_key, account};
use crate::parts::{self, Trust};
use crate::store::{self, Outcome, Store};

pub struct OperatorService {
    pub store: Arc<Store>,
    pub vault: Arc<Vault>,
    pub trust: Arc<Trust>,
    pub keys: Arc<KeyFeed>,
    /// Whose answers these are.
    pub scheduler_id: String,
}

/// To the second, as people read it: `2026-01-02T03:04:05Z`.
fn written(stamp: prost_types::Timestamp) -> String {
    prost_types::Timestamp { nanos: 0, ..stamp }.to_string()
}

fn answered<T>(outcome: Outcome<T>) -> Result<Response<T>, Status> {
    match outcome.map_err(Fault::from) {
        Ok(answer) => Ok(Response::new(answer)),
        Err(fault) => {
            if let Some(source) = &fault.source {
                tracing::error!(error = %source, cause = source.source().map(ToString::to_string), "an operator's command failed");
            }
            Err(fault.into())
        }
    }
}

impl From<store::account::Model> for proto::Account {
    fn from(row: store::account::Model) -> Self {
        Self { account_id: row.account_id, name: row.name, created: Some(timestamp(row.created)) }
    }
}

impl From<store::access_key::Model> for proto::ListedAccessKey {
    fn from(row: store::access_key::Model) -> Self {
        Self { access_key_id: row.access_key_id, account_id: row.account_id, active: row.active, created: Some(timestamp(row.created)) }
    }
}

impl From<store::part::Model> for proto::Part {
    fn from(row: store::part::Model) -> Self {
        Self { kind: row.kind, name: row.name, joined: Some(timestamp(row.joined)), certified: Some(timestamp(row.certified)) }
    }
}

#[tonic::async_trait]
impl Operator for OperatorService {
    async fn create_account(&self, request: Request<proto::CreateAccountRequest>) -> Result<Response<proto::Account>, Status> {
        let proto::CreateAccountRequest { account_id, name } = request.into_inner();
        answered(account::create(&self.store, &account_id, &name).await.map(Into::into))
    }

    async fn list_accounts(&self, _: Request<proto::ListAccountsRequest>) -> Result<Response<proto::ListAccountsResponse>, Status> {
        let accounts = account::list(&self.store).await;
        answered(accounts.map(|rows| proto::ListAccountsResponse { accounts: rows.into_iter().map(Into::into).collect() }))
    }

    async fn create_access_key(&self, request: Request<proto::CreateAccessKeyRequest>) -> Result<Response<proto::AccessKey>, Status> {
        let account_id = request.into_inner().account_id;
        let created = access_key::create(&self.store, &self.vault, &account_id).await;
        answered(created.map(|key| proto::AccessKey {
            access_key_id: key.access_key_id,
            secret_access_key: key.secret_access_key,
            account_id,
        }))
    }

    async fn list_access_keys(
        &self,
        request: Request<proto::ListAccessKeysRequest>,
    ) -> Result<Response<proto::ListAccessKeysResponse>, Status> {
        let keys = access_key::list(&self.store, &request.get_ref().account_id).await;
        answered(keys.map(|rows| proto::ListAccessKeysResponse { keys: rows.into_iter().map(Into::into).collect() }))
    }

    async fn set_access_key(&self, request: Request<proto::SetAccessKeyRequest>) -> Result<Response<proto::SetAccessKeyResponse>, Status> {
        let proto::SetAccessKeyRequest { access_key_id, active } = request.into_inner();
        let set = access_key::set_active(&self.store, &access_key_id, active).await;
        if set.is_ok() {
            self.keys.announce(&access_key_id).await;
        }
        answered(set.map(|()| proto::SetAccessKeyResponse {}))
    }

    async fn delete_access_key(
        &self,
        request: Request<proto::DeleteAccessKeyRequest>,
    ) -> Result<Response<proto::DeleteAccessKeyResponse>, Status> {
        let access_key_id = request.into_inner().access_key_id;
        let deleted = access_key::delete(&self.store, &access_key_id).await;
        if deleted.is_ok() {
            self.keys.announce(&access_key_id).await;
        }
        answered(deleted.map(|()| proto::DeleteAccessKeyResponse {}))
    }

    async fn create_join_token(&self, request: Request<proto::CreateJoinTokenRequest>) -> Result<Response<proto::JoinToken>, Status> {
        let proto::CreateJoinTokenRequest { kind, name, lifetime_seconds } = request.into_inner();
        let created = parts::create(&self.store, &kind, &name, Duration::from_secs(lifetime_seconds)).await;
        answered(created.map(|token| proto::JoinToken {
            secret: token.secret,
            authority_fingerprint: tls::fingerprint(self.trust.authority.certificate()).to_vec().into(),
            expires: Some(timestamp(token.expires)),
        }))
    }

    async fn list_parts(&self, _: Request<proto::ListPartsRequest>) -> Result<Response<proto::ListPartsResponse>, Status> {
        let parts = parts::list(&self.store).await;
        answered(parts.map(|rows| proto::ListPartsResponse { parts: rows.into_iter().map(Into::into).collect() }))
    }

    async fn remove_part(&self, request: Request<proto::RemovePartRequest>) -> Result<Response<proto::RemovePartResponse>, Status> {
        let proto::RemovePartRequest { kind, name } = request.into_inner();
        answered(parts::remove_listed(&self.store, &kind, &name).await.map(|()| proto::RemovePartResponse {}))
    }

    async fn get_authority(&self, _: Request<proto::GetAuthorityRequest>) -> Result<Response<proto::Authority>, Status> {
        Ok(Response::new(proto::Authority { certificate: self.trust.pem() }))
    }

    async fn list_hosts(&self, _: Request<proto::ListHostsRequest>) -> Result<Response<proto::ListHostsResponse>, Status> {
        let Overcommit { vcpus, memory, disk } = self.store.settings().overcommit;
        let overcommit = Some(proto::Overcommit { vcpus, memory, disk });
        answered(hosts::list(&self.store).await.map(|hosts| proto::ListHostsResponse { hosts, overcommit }))
    }

    async fn drain_host(&self, request: Request<proto::DrainHostRequest>) -> Result<Response<proto::Host>, Status> {
        answered(hosts::drain(&self.store, &request.into_inner()).await)
    }

    async fn remove_host(&self, request: Request<proto::RemoveHostRequest>) -> Result<Response<proto::RemoveHostResponse>, Status> {
        answered(hosts::remove(&self.store, &request.into_inner()).await)
    }

    async fn list_quarantined(
        &self,
        _: Request<proto::ListQuarantinedRequest>,
    ) -> Result<Response<proto::ListQuarantinedResponse>, Status> {
        answered(quarantine::list(&self.store).await.map(|guests| proto::ListQuarantinedResponse { guests }))
    }

    async fn destroy_quarantined(
        &self,
        request: Request<proto::DestroyQuarantinedRequest>,
    ) -> Result<Response<proto::DestroyQuarantinedResponse>, Status> {
        answered(quarantine::destroy(&self.store, &request.into_inner()).await.map(|()| proto::DestroyQuarantinedResponse {}))
    }

    async fn explain(&self, request: Request<proto::ExplainRequest>) -> Result<Response<proto::Explanation>, Status> {
        answered(explain::explain(&self.store, &request.into_inner().subject).await)
    }

    async fn read_network(&self, request: Request<proto::ReadNetworkRequest>) -> Result<Response<proto::ReadNetworkResponse>, Status> {
        let hosts = network::read(&self.store, &request.into_inner()).await;
        answered(hosts.map(|hosts| proto::ReadNetworkResponse { hosts }))
    }

    async fn list_address_pools(
        &self,
        _: Request<proto::ListAddressPoolsRequest>,
    ) -> Result<Response<proto::ListAddressPoolsResponse>, Status> {
        answered(pools::list(&self.store).await.map(|pools| proto::ListAddressPoolsResponse { pools }))
    }

    async fn add_address_pool(&self, request: Request<proto::AddAddressPoolRequest>) -> Result<Response<proto::AddressPool>, Status> {
        answered(pools::add(&self.store, &request.into_inner()).await)
    }

    async fn close_address_pool(&self, request: Request<proto::CloseAddressPoolRequest>) -> Result<Response<proto::AddressPool>, Status> {
        answered(pools::close(&self.store, &request.into_inner()).await)
    }

    async fn remove_address_pool(
        &self,
        request: Request<proto::RemoveAddressPoolRequest>,
    ) -> Result<Response<proto::RemoveAddressPoolResponse>, Status> {
        let removed = pools::remove(&self.store, &request.into_inner().cidr_block).await;
        answered(removed.map(|()| proto::RemoveAddressPoolResponse {}))
    }

    async fn register_image(
        &self,
        request: Request<proto::RegisterImageRequest>,
    ) -> Result<Response<proto::RegisterImageResponse>, Status> {
        answered(images::register(&self.store, request.into_inner()).await)
    }

    async fn list_images(&self, _: Request<proto::ListImagesRequest>) -> Result<Response<proto::ListImagesResponse>, Status> {
        answered(images::list(&self.store).await.map(|images| proto::ListImagesResponse { images }))
    }

    async fn deregister_image(
        &self,
        request: Request<proto::DeregisterImageRequest>,
    ) -> Result<Response<proto::DeregisterImageResponse>, Status> {
        answered(images::deregister(&self.store, &request.into_inner().image_id).await.map(|()| proto::DeregisterImageResponse {}))
    }

    async fn get_status(&self, _: Request<proto::GetStatusRequest>) -> Result<Response<proto::Status>, Status> {
        answered(status::status(&self.store, &self.scheduler_id).await)
    }
}
