//! `CreateVpcEndpoint`. There are gateway endpoints: what makes another kind of it is refused by name.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::id::VpcEndpointId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::modify_vpc_endpoint::tables;
use super::resolve::{VPC, VPC_ENDPOINT};
use super::shown::Shows;
use crate::engine::Command;
use crate::network::{endpoint, restate};
use crate::store::read::endpoints::VpcEndpointView;
use crate::store::{Outcome, Tx, vpc, vpc_endpoint};

impl Command for ec2::CreateVpcEndpointRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPolicyDocument,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::InvalidServiceName,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::RouteAlreadyExists,
        ErrorCode::RouteLimitExceeded,
        ErrorCode::TagLimitExceeded,
        ErrorCode::VpcEndpointLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateVpcEndpointResult> {
        if self.vpc_id.is_empty() {
            return Err(missing("VpcId").into());
        }
        let tags = message::tags_on_create(VPC_ENDPOINT.resource_type, &self.tag_specifications)?;
        let vpc = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        check_quota(tx, &vpc.vpc_id).await?;
        let row = vpc_endpoint::Model {
            vpc_endpoint_id: VpcEndpointId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            vpc_id: vpc.vpc_id.clone(),
            service: service(tx, self.service_name.as_deref())?,
            policy_document: policy(self.policy_document)?,
            created: tx.now(),
        };
        let row = row.into_active_model().insert(tx.db()).await?;
        insert_tags(tx, &row.vpc_endpoint_id, VPC_ENDPOINT.resource_type, &tags).await?;
        let tables = tables(tx, &row, &self.route_table_ids).await?;
        for table in &tables {
            endpoint::lead_from(tx, &row, table).await?;
        }
        restate(tx, &vpc.vpc_id).await?;
        let route_table_ids = tables.into_iter().map(|table| table.route_table_id).collect();
        let view = VpcEndpointView { endpoint: Arc::new(row), tags, route_table_ids };
        Ok(ec2::CreateVpcEndpointResult { vpc_endpoint: Some(view.message(tx.settings())?), client_token: self.client_token })
    }
}

async fn check_quota(tx: &Tx, vpc_id: &str) -> Outcome<()> {
    let of_vpc = vpc_endpoint::Entity::find().filter(vpc_endpoint::Column::VpcId.eq(vpc_id));
    if of_vpc.count(tx.db()).await? < endpoint::MOST {
        return Ok(());
    }
    let message = format!("A VPC has at most {} gateway endpoints. Delete some of '{vpc_id}' first.", endpoint::MOST);
    Err(Fault::new(ErrorCode::VpcEndpointLimitExceeded, message).into())
}

fn service(tx: &Tx, name: Option<&str>) -> Result<String, Fault> {
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| missing("ServiceName"))?;
    Ok(tx.settings().endpoint_service(name).ok_or_else(|| no_service(name))?.word.clone())
}

pub fn no_service(name: &str) -> Fault {
    Fault::new(ErrorCode::InvalidServiceName, format!("The Vpc Endpoint Service '{name}' does not exist"))
}

fn policy(given: Option<String>) -> Result<String, Fault> {
    let given = given.filter(|text| !text.is_empty());
    given.as_deref().map_or(Ok(()), endpoint::check_policy)?;
    Ok(given.unwrap_or_else(|| endpoint::ALL_MAY.to_owned()))
}
