//! `CreateRouteTable`. No subnet has it yet, so no host need hear of it.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::id::RouteTableId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::resolve::{ROUTE_TABLE, VPC};
use super::shown::Shows;
use crate::engine::Command;
use crate::network::route::MOST_TABLES;
use crate::network::vpc as network_vpc;
use crate::store::read::networks::RouteTableView;
use crate::store::{Outcome, Tx, route_table, vpc};

impl Command for ec2::CreateRouteTableRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidVpcIdMalformed,
        ErrorCode::InvalidVpcIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::RouteTableLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateRouteTableResult> {
        if self.vpc_id.is_empty() {
            return Err(missing("vpcId").into());
        }
        let tags = message::tags_on_create(ROUTE_TABLE.resource_type, &self.tag_specifications)?;
        let vpc = VPC.own::<vpc::Entity>(tx, &self.vpc_id).await?;
        let of_vpc = route_table::Entity::find().filter(route_table::Column::VpcId.eq(&vpc.vpc_id));
        if of_vpc.count(tx.db()).await? >= MOST_TABLES {
            let message = format!("A VPC has at most {MOST_TABLES} route tables. Delete some of '{}' first.", vpc.vpc_id);
            return Err(Fault::new(ErrorCode::RouteTableLimitExceeded, message).into());
        }
        let row = route_table::Model {
            route_table_id: RouteTableId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            vpc_id: vpc.vpc_id.clone(),
            created: tx.now(),
        };
        let row = row.into_active_model().insert(tx.db()).await?;
        insert_tags(tx, &row.route_table_id, ROUTE_TABLE.resource_type, &tags).await?;
        let local = network_vpc::blocks(tx, &vpc).await?.iter().map(ToString::to_string).collect();
        let view = RouteTableView { table: Arc::new(row), tags, local, routes: Vec::new(), associations: Vec::new() };
        Ok(ec2::CreateRouteTableResult { route_table: Some(view.message(tx.settings())?), client_token: self.client_token })
    }
}
