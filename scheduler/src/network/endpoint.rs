//! Gateway endpoints: a route to a service's prefix list in each of some route tables, which the endpoint makes and takes away. Nobody else
//! changes them.
//!
//! Behind an endpoint there is nothing yet: its routes have no target on hosts, which so drop what goes to the service's blocks.
//!
//! Source: <https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html>.

use freehold_proto::id::VpcEndpointId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, ModelTrait, QueryFilter};

use super::prefix_list::{cloud, weight};
use super::restate;
use super::route::{MOST_ROUTES, insert, list_of};
use crate::store::{Failure, Outcome, Tx, route, route_table, vpc_endpoint};

/// A VPC's.
pub const MOST: u64 = 255;
const LONGEST_POLICY: usize = 20_480;

/// What an endpoint has whose client gives none: everybody may do everything.
pub const ALL_MAY: &str = r#"{"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}"#;

/// The endpoint that a stored target is, unless it is something else.
pub fn endpoint_of(target: &str) -> Option<&str> {
    VpcEndpointId::parse(target).is_ok().then_some(target)
}

/// Checks a policy's form: statements in JSON.
pub fn check_policy(text: &str) -> Result<(), Fault> {
    let is_long = text.chars().count() > LONGEST_POLICY;
    let parsed: Result<serde_json::Value, _> = serde_json::from_str(text);
    if !is_long && parsed.is_ok_and(|policy| policy.get("Statement").is_some_and(|some| some.is_array() || some.is_object())) {
        return Ok(());
    }
    let message = format!("The policy document is invalid. It is a JSON object with Statement, of at most {LONGEST_POLICY} characters.");
    Err(Fault::new(ErrorCode::InvalidPolicyDocument, message))
}

/// Leads the service's packets from a table of the endpoint's VPC to the endpoint.
pub async fn lead_from(tx: &Tx, endpoint: &vpc_endpoint::Model, table: &route_table::Model) -> Outcome<()> {
    let list = cloud::list_id(&endpoint.service);
    let routes = route::Entity::find().filter(route::Column::RouteTableId.eq(&table.route_table_id)).all(tx.db()).await?;
    if routes.iter().any(|row| row.destination == list) {
        let message = format!("route table {} already has a route with destination-prefix-list-id {list}", table.route_table_id);
        return Err(Failure::refuse(ErrorCode::RouteAlreadyExists, message));
    }
    let destinations = routes.iter().map(|row| row.destination.as_str()).chain([list.as_str()]);
    if weight(tx, destinations.map(list_of)).await? > MOST_ROUTES {
        let message = format!("A route table has at most {MOST_ROUTES} routes. Delete some of '{}' first.", table.route_table_id);
        return Err(Failure::refuse(ErrorCode::RouteLimitExceeded, message));
    }
    insert(tx, (table.route_table_id.clone(), table.account_id.clone()), list, endpoint.vpc_endpoint_id.clone()).await
}

/// Takes that away again.
pub async fn part_from(tx: &Tx, endpoint: &vpc_endpoint::Model, table: &route_table::Model) -> Outcome<()> {
    let key = (table.route_table_id.clone(), cloud::list_id(&endpoint.service));
    let row = route::Entity::find_by_id(key).one(tx.db()).await?.filter(|row| row.target == endpoint.vpc_endpoint_id);
    let Some(row) = row else {
        let message = format!("route table {} is not associated with VPC endpoint {}", table.route_table_id, endpoint.vpc_endpoint_id);
        return Err(Failure::refuse(ErrorCode::InvalidParameter, message));
    };
    row.delete(tx.db()).await?;
    Ok(())
}

/// Takes an endpoint away, with its routes.
pub async fn delete(tx: &mut Tx, endpoint: vpc_endpoint::Model) -> Outcome<()> {
    route::Entity::delete_many().filter(route::Column::Target.eq(&endpoint.vpc_endpoint_id)).exec(tx.db()).await?;
    let vpc_id = endpoint.vpc_id.clone();
    endpoint.delete(tx.db()).await?;
    restate(tx, &vpc_id).await
}

/// Refuses to change or take away a route that an endpoint has made.
pub fn check_not_of_endpoint(row: &route::Model, what: &str) -> Result<(), Fault> {
    match endpoint_of(&row.target) {
        None => Ok(()),
        Some(endpoint) => {
            let message = format!(
                "cannot {what} VPC endpoint route {} in route table {}: it is {endpoint}'s, which ModifyVpcEndpoint changes",
                row.destination, row.route_table_id
            );
            Err(Fault::new(ErrorCode::InvalidParameterValue, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_json_with_statements() {
        for text in [ALL_MAY, r#"{"Statement":{}}"#] {
            assert!(check_policy(text).is_ok(), "{text}");
        }
        let long = format!(r#"{{"Statement":[],"Id":"{}"}}"#, "x".repeat(LONGEST_POLICY));
        for text in ["", "{", "[]", "null", r#"{"Version":"2008-10-17"}"#, r#"{"Statement":"*"}"#, &long] {
            assert_eq!(check_policy(text).expect_err("refused").code, ErrorCode::InvalidPolicyDocument, "{text}");
        }
    }
}
