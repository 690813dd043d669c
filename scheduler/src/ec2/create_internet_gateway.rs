//! `CreateInternetGateway`.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::id::InternetGatewayId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message;
use super::resolve::INTERNET_GATEWAY;
use crate::engine::Command;
use crate::network::vpc;
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, internet_gateway};

impl Command for ec2::CreateInternetGatewayRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::InternetGatewayLimitExceeded, ErrorCode::InvalidParameterValue, ErrorCode::TagLimitExceeded];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateInternetGatewayResult> {
        let tags = message::tags_on_create(INTERNET_GATEWAY.resource_type, &self.tag_specifications)?;
        let of_account = internet_gateway::Entity::find().filter(internet_gateway::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= vpc::MOST {
            let message = format!("An account has at most {} internet gateways, as many as VPCs. Delete some first.", vpc::MOST);
            return Err(Fault::new(ErrorCode::InternetGatewayLimitExceeded, message).into());
        }
        let row = internet_gateway::Model {
            internet_gateway_id: InternetGatewayId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            vpc_id: None,
            created: tx.now(),
        };
        let row = row.into_active_model().insert(tx.db()).await?;
        insert_tags(tx, &row.internet_gateway_id, INTERNET_GATEWAY.resource_type, &tags).await?;
        let internet_gateway = Some((&Tagged { item: Arc::new(row), tags }).into());
        Ok(ec2::CreateInternetGatewayResult { internet_gateway })
    }
}
