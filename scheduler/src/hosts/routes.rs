//! The subnets and route tables of a VPC as a host should hold them.

use std::collections::{BTreeMap, HashMap};

use freehold_proto::internal::host::{RouteDesired, RouteTableDesired, SubnetDesired, route_desired};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use crate::store::{internet_gateway, route, route_table_association, subnet};

/// Each with its own route table, or the main one.
pub async fn subnets(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<SubnetDesired>, DbErr> {
    let associations = associations(db, vpc_id).await?;
    let tables: HashMap<_, _> = associations.into_iter().map(|row| (row.subnet_id, row.route_table_id)).collect();
    let rows = subnet::Entity::find().filter(subnet::Column::VpcId.eq(vpc_id)).order_by_asc(subnet::Column::SubnetId).all(db).await?;
    let stated = rows.into_iter().map(|row| {
        let own = tables.get(&Some(row.subnet_id.clone()));
        let route_table_id = own.or_else(|| tables.get(&None)).cloned().unwrap_or_default();
        SubnetDesired { subnet_id: row.subnet_id, cidr_block: row.cidr_block, route_table_id }
    });
    Ok(stated.collect())
}

/// Those that a subnet has.
pub async fn route_tables(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<RouteTableDesired>, DbErr> {
    let gateway = internet_gateway::Entity::find().filter(internet_gateway::Column::VpcId.eq(vpc_id)).one(db).await?;
    let gateway = gateway.map(|row| row.internet_gateway_id);
    let mut tables: BTreeMap<String, Vec<RouteDesired>> =
        associations(db, vpc_id).await?.into_iter().map(|row| (row.route_table_id, Vec::new())).collect();
    let ids: Vec<&str> = tables.keys().map(String::as_str).collect();
    let routes = route::Entity::find().filter(route::Column::RouteTableId.is_in(ids)).order_by_asc(route::Column::Destination);
    for row in routes.all(db).await? {
        let there = gateway.as_ref() == Some(&row.target);
        let target = there.then_some(route_desired::Target::InternetGatewayId(row.target));
        tables.entry(row.route_table_id).or_default().push(RouteDesired { cidr_block: row.destination, target });
    }
    Ok(tables.into_iter().map(|(route_table_id, routes)| RouteTableDesired { route_table_id, routes }).collect())
}

async fn associations(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<route_table_association::Model>, DbErr> {
    route_table_association::Entity::find().filter(route_table_association::Column::VpcId.eq(vpc_id)).all(db).await
}
