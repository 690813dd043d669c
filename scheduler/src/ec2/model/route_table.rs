//! Route tables.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message;
use crate::ec2::shown::{Shown, Shows, never, shown};
use crate::filter::{Table, flag};
use crate::network::route::{Target, list_of};
use crate::store::read::networks::{RouteTableView, RouteView};
use crate::store::route_table_association;

pub const FILTERS: Table<Shown<RouteTableView>> = Table {
    names: &[
        never!("association.gateway-id"),
        ("association.main", |view, say| view.associations.iter().for_each(|row| say(flag(row.subnet_id.is_none())))),
        shown!("association.route-table-association-id" => associations.route_table_association_id),
        shown!("association.route-table-id" => associations.route_table_id),
        shown!("association.subnet-id" => associations.subnet_id),
        ("owner-id", |view, say| say(&view.table.account_id)),
        ("route-table-id", |view, say| say(&view.table.route_table_id)),
        shown!("route.destination-cidr-block" => routes.destination_cidr_block),
        never!("route.destination-ipv6-cidr-block"),
        shown!("route.destination-prefix-list-id" => routes.destination_prefix_list_id),
        never!("route.egress-only-internet-gateway-id"),
        shown!("route.gateway-id" => routes.gateway_id),
        shown!("route.instance-id" => routes.instance_id),
        shown!("route.nat-gateway-id" => routes.nat_gateway_id),
        shown!("route.origin" => routes.origin),
        shown!("route.state" => routes.state),
        never!("route.transit-gateway-id"),
        shown!("route.vpc-peering-connection-id" => routes.vpc_peering_connection_id),
        ("vpc-id", |view, say| say(&view.table.vpc_id)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for RouteTableView {
    type Message = ec2::RouteTable;

    fn message(&self, _: &Settings) -> Result<ec2::RouteTable, Fault> {
        Ok(ec2::RouteTable {
            route_table_id: Some(self.table.route_table_id.clone()),
            owner_id: Some(self.table.account_id.clone()),
            vpc_id: Some(self.table.vpc_id.clone()),
            routes: self.routes(),
            associations: self.associations.iter().map(|row| association(row)).collect(),
            tags: message::tags(&self.tags),
            ..ec2::RouteTable::default()
        })
    }
}

impl RouteTableView {
    /// The ways to the VPC's blocks first, then the client's.
    fn routes(&self) -> Vec<ec2::Route> {
        let made = |to: &str| self.routes.iter().find(|view| view.route.destination == to);
        let own = self.local.iter().map(|to| made(to).map_or_else(|| local(to), |view| route(view, MADE_WITH_TABLE)));
        let others = self.routes.iter().filter(|view| !self.local.contains(&view.route.destination));
        own.chain(others.map(|view| route(view, MADE_BY_CLIENT))).collect()
    }
}

/// Whoever is in the VPC reaches whoever else is.
fn local(block: &str) -> ec2::Route {
    ec2::Route {
        destination_cidr_block: Some(block.to_owned()),
        gateway_id: Some("local".into()),
        origin: Some(MADE_WITH_TABLE.into()),
        state: Some("active".into()),
        ..ec2::Route::default()
    }
}

fn route(view: &RouteView, origin: &str) -> ec2::Route {
    let row = &view.route;
    let target = Target::of(&row.target);
    let list = list_of(&row.destination);
    let is = |kind: Target| (target == kind).then(|| row.target.clone());
    ec2::Route {
        destination_cidr_block: list.is_none().then(|| row.destination.clone()),
        destination_prefix_list_id: list.map(str::to_owned),
        gateway_id: is(Target::Gateway),
        nat_gateway_id: is(Target::NatGateway),
        network_interface_id: is(Target::Interface),
        instance_id: view.attachment.as_ref().map(|row| row.instance_id.clone()),
        vpc_peering_connection_id: is(Target::Peering),
        instance_owner_id: view.attachment.as_ref().map(|row| row.account_id.clone()),
        origin: Some(origin.to_owned()),
        state: Some(if view.is_active { "active" } else { "blackhole" }.into()),
        ..ec2::Route::default()
    }
}

/// EC2's words for where a route came from.
const MADE_WITH_TABLE: &str = "CreateRouteTable";
const MADE_BY_CLIENT: &str = "CreateRoute";

/// An association is there from the transaction that makes it on.
pub fn associated() -> ec2::RouteTableAssociationState {
    ec2::RouteTableAssociationState { state: Some("associated".into()), status_message: None }
}

fn association(row: &route_table_association::Model) -> ec2::RouteTableAssociation {
    ec2::RouteTableAssociation {
        main: Some(row.subnet_id.is_none()),
        route_table_association_id: Some(row.association_id.clone()),
        route_table_id: Some(row.route_table_id.clone()),
        subnet_id: row.subnet_id.clone(),
        association_state: Some(associated()),
        ..ec2::RouteTableAssociation::default()
    }
}
