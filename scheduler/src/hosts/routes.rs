//! The subnets and route tables of a VPC as a host should hold them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use freehold_proto::internal::host::{RouteDesired, RouteTableDesired, RouterInterface, SubnetDesired, route_desired};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};

use super::lists::{self, Blocks};
use crate::lifecycle::step::State;
use crate::network::nat::state::AVAILABLE;
use crate::network::peering;
use crate::network::route::{Target, list_of};
use crate::store::read::chosen;
use crate::store::{
    Select, instance, internet_gateway, nat_gateway, network_interface_attachment, private_address, route, route_table_association, subnet,
};

/// Each with its own route table, or the main one.
pub async fn subnets(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<SubnetDesired>, DbErr> {
    let associations = associations(db, vpc_id).await?;
    let tables: HashMap<_, _> = associations.into_iter().map(|row| (row.subnet_id, row.route_table_id)).collect();
    let rows = subnet::Entity::find().filter(subnet::Column::VpcId.eq(vpc_id)).order_by_asc(subnet::Column::SubnetId).all(db).await?;
    let stated = rows.into_iter().map(|row| {
        let own = tables.get(&Some(row.subnet_id.clone()));
        let route_table_id = own.or_else(|| tables.get(&None)).cloned().unwrap_or_default();
        SubnetDesired { subnet_id: row.subnet_id, cidr_block: row.cidr_block, route_table_id, ..SubnetDesired::default() }
    });
    Ok(stated.collect())
}

/// Those that a subnet has.
pub async fn route_tables(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<RouteTableDesired>, DbErr> {
    let gateway = internet_gateway::Entity::find().filter(internet_gateway::Column::VpcId.eq(vpc_id)).one(db).await?;
    let gateway = gateway.map(|row| row.internet_gateway_id);
    let peerings: BTreeSet<String> = peering::active(db, vpc_id).await?.into_iter().map(|row| row.vpc_peering_connection_id).collect();
    let mut tables: BTreeMap<String, Vec<RouteDesired>> =
        associations(db, vpc_id).await?.into_iter().map(|row| (row.route_table_id, Vec::new())).collect();
    let ids: Vec<&str> = tables.keys().map(String::as_str).collect();
    let routes = route::Entity::find().filter(route::Column::RouteTableId.is_in(ids)).order_by_asc(route::Column::Destination);
    let routes = routes.all(db).await?;
    let interfaces = routes.iter().filter(|row| Target::of(&row.target) == Target::Interface).map(|row| row.target.clone());
    let mut there = routers(db, interfaces.collect()).await?;
    let translating = routes.iter().filter(|row| Target::of(&row.target) == Target::NatGateway).map(|row| row.target.clone());
    there.extend(translators(db, translating.collect()).await?);
    let lists = Blocks::of(db, routes.iter().filter_map(|row| list_of(&row.destination)).map(str::to_owned)).await?;
    let own = lists::own_blocks(db, vpc_id).await?;
    for row in routes {
        let target = if gateway.as_ref() == Some(&row.target) {
            Some(route_desired::Target::InternetGatewayId(row.target))
        } else if peerings.contains(&row.target) {
            Some(route_desired::Target::VpcPeeringConnectionId(row.target))
        } else {
            there.get(&row.target).cloned().map(route_desired::Target::NetworkInterface)
        };
        let table = tables.entry(row.route_table_id).or_default();
        match list_of(&row.destination) {
            None => table.push(RouteDesired { cidr_block: row.destination, target }),
            // Behind the blocks, which so have been there before any list.
            Some(list) => {
                let blocks = lists.routed(list, &own, table);
                table.extend(blocks.into_iter().map(|cidr_block| RouteDesired { cidr_block, target: target.clone() }));
            }
        }
    }
    Ok(tables.into_iter().map(|(route_table_id, routes)| RouteTableDesired { route_table_id, routes }).collect())
}

/// Those of `interfaces` that take packets now: each is attached to an instance that runs.
async fn routers(db: &impl ConnectionTrait, interfaces: BTreeSet<String>) -> Result<HashMap<String, RouterInterface>, DbErr> {
    use network_interface_attachment::Entity as Attachment;
    let interfaces = Select::Ids(interfaces.into_iter().collect());
    let attached = chosen(db, Attachment::find(), network_interface_attachment::Column::NetworkInterfaceId, &interfaces).await?;
    let running = instance::Entity::find().filter(instance::Column::State.eq(State::Running.as_str()));
    let instances = Select::Ids(attached.iter().map(|row| row.instance_id.clone()).collect());
    let running = chosen(db, running, instance::Column::InstanceId, &instances).await?;
    let running: BTreeSet<String> = running.into_iter().map(|row| row.instance_id).collect();
    let there = attached.into_iter().filter(|row| running.contains(&row.instance_id)).map(|row| row.network_interface_id);
    let primary = private_address::Entity::find().filter(private_address::Column::IsPrimary.eq(true));
    let addresses = chosen(db, primary, private_address::Column::NetworkInterfaceId, &Select::Ids(there.collect())).await?;
    let router = |row: private_address::Model| {
        let (id, private_ip_address) = (row.network_interface_id, row.address);
        (id.clone(), RouterInterface { network_interface_id: id, private_ip_address })
    };
    Ok(addresses.into_iter().map(router).collect())
}

/// Those of these NAT gateways that pass packets on, by their interfaces.
async fn translators(db: &impl ConnectionTrait, gateways: BTreeSet<String>) -> Result<HashMap<String, RouterInterface>, DbErr> {
    let available = nat_gateway::Entity::find().filter(nat_gateway::Column::State.eq(AVAILABLE));
    let rows = chosen(db, available, nat_gateway::Column::NatGatewayId, &Select::Ids(gateways.into_iter().collect())).await?;
    let router = |row: nat_gateway::Model| {
        let (network_interface_id, private_ip_address) = (row.network_interface_id, row.private_ip_address);
        (row.nat_gateway_id, RouterInterface { network_interface_id, private_ip_address })
    };
    Ok(rows.into_iter().map(router).collect())
}

async fn associations(db: &impl ConnectionTrait, vpc_id: &str) -> Result<Vec<route_table_association::Model>, DbErr> {
    route_table_association::Entity::find().filter(route_table_association::Column::VpcId.eq(vpc_id)).all(db).await
}
