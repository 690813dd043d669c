//! `CreateDhcpOptions`. No VPC has the set yet, so no host need hear of it.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::id::DhcpOptionsId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message;
use super::resolve::DHCP_OPTIONS;
use super::shown::Shows;
use crate::engine::Command;
use crate::network::dhcp;
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, dhcp_options};

impl Command for ec2::CreateDhcpOptionsRequest {
    const ERRORS: &'static [ErrorCode] =
        &[ErrorCode::DhcpOptionsLimitExceeded, ErrorCode::InvalidParameterValue, ErrorCode::MissingParameter, ErrorCode::TagLimitExceeded];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateDhcpOptionsResult> {
        let tags = message::tags_on_create(DHCP_OPTIONS.resource_type, &self.tag_specifications)?;
        let given = self.dhcp_configurations.into_iter();
        let given = given.map(|given| dhcp::Configuration { key: given.key.unwrap_or_default(), values: given.values });
        let configurations = dhcp::check(given.collect())?;
        let of_account = dhcp_options::Entity::find().filter(dhcp_options::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= dhcp::MOST {
            let message = format!("An account has at most {} sets of DHCP options. Delete some first.", dhcp::MOST);
            return Err(Fault::new(ErrorCode::DhcpOptionsLimitExceeded, message).into());
        }
        let row = dhcp::row(tx, DhcpOptionsId::draw(tx.entropy()).into(), &configurations)?;
        let row = row.into_active_model().insert(tx.db()).await?;
        insert_tags(tx, &row.dhcp_options_id, DHCP_OPTIONS.resource_type, &tags).await?;
        let dhcp_options = Some(Tagged { item: Arc::new(row), tags }.message(tx.settings())?);
        Ok(ec2::CreateDhcpOptionsResult { dhcp_options })
    }
}
