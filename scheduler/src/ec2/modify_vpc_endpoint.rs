//! `ModifyVpcEndpoint`: its policy, and which route tables lead to it.

use std::collections::BTreeSet;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};

use super::message::missing;
use super::resolve::{ROUTE_TABLE, VPC_ENDPOINT};
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::network::{endpoint, restate};
use crate::store::{Outcome, Tx, route_table, vpc_endpoint};

impl Command for ec2::ModifyVpcEndpointRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameter,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPolicyDocument,
        ErrorCode::InvalidRouteTableIdMalformed,
        ErrorCode::InvalidRouteTableIdNotFound,
        ErrorCode::InvalidVpcEndpointIdMalformed,
        ErrorCode::InvalidVpcEndpointIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::RouteAlreadyExists,
        ErrorCode::RouteLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyVpcEndpointResult> {
        if self.vpc_endpoint_id.is_empty() {
            return Err(missing("VpcEndpointId").into());
        }
        let row = VPC_ENDPOINT.own::<vpc_endpoint::Entity>(tx, &self.vpc_endpoint_id).await?;
        for table in tables(tx, &row, &self.remove_route_table_ids).await? {
            endpoint::part_from(tx, &row, &table).await?;
        }
        for table in tables(tx, &row, &self.add_route_table_ids).await? {
            endpoint::lead_from(tx, &row, &table).await?;
        }
        let vpc_id = row.vpc_id.clone();
        set_policy(tx, row, self.policy_document, self.reset_policy.unwrap_or_default()).await?;
        restate(tx, &vpc_id).await?;
        Ok(ec2::ModifyVpcEndpointResult { r#return: Some(true) })
    }
}

async fn set_policy(tx: &Tx, row: vpc_endpoint::Model, given: Option<String>, reset: bool) -> Outcome<()> {
    let policy = match (given, reset) {
        (None, false) => return Ok(()),
        (None, true) => endpoint::ALL_MAY.to_owned(),
        (Some(text), false) => endpoint::check_policy(&text).map(|()| text)?,
        (Some(_), true) => return Err(combination("The parameter PolicyDocument cannot be used with ResetPolicy.").into()),
    };
    let mut row = row.into_active_model();
    row.policy_document = Set(policy);
    row.update(tx.db()).await?;
    Ok(())
}

/// The caller's tables of these ids, each once, which are of the endpoint's VPC.
pub async fn tables(tx: &Tx, endpoint: &vpc_endpoint::Model, ids: &[String]) -> Outcome<Vec<route_table::Model>> {
    let mut tables = Vec::new();
    for id in ids.iter().collect::<BTreeSet<_>>() {
        let table = ROUTE_TABLE.own::<route_table::Entity>(tx, id).await?;
        if table.vpc_id != endpoint.vpc_id {
            let message = format!("route table {id} and VPC endpoint {} belong to different networks", endpoint.vpc_endpoint_id);
            return Err(invalid(message).into());
        }
        tables.push(table);
    }
    Ok(tables)
}
