//! A NAT gateway's secondary addresses: on its interface beside the primary one, given to new connections by turns.
//!
//! ```text
//!   associating, assigning ──its host uses it──▶ succeeded ──taken away──▶ disassociating, unassigning ──its drain is over──▶ gone
//! ```
//!
//! One that is to go gets no new connection from then on, and keeps those that it has until then.

use std::net::Ipv4Addr;

use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, QueryOrder, Set,
};

use super::{PUBLIC, sends_no_packets, state};
use crate::network::elastic;
use crate::network::interface::{self, Secondary};
use crate::store::nat_gateway::Model as Gateway;
use crate::store::nat_gateway_address::{Column, Entity, Model};
use crate::store::{Outcome, Tx, elastic_address, nat_gateway, network_interface, subnet};

/// EC2's words for how one is.
pub mod status {
    pub const ASSIGNING: &str = "assigning";
    pub const ASSOCIATING: &str = "associating";
    pub const SUCCEEDED: &str = "succeeded";
    pub const UNASSIGNING: &str = "unassigning";
    pub const DISASSOCIATING: &str = "disassociating";
    pub const FAILED: &str = "failed";

    /// Those of which a host has not said that it uses them.
    pub const COMING: [&str; 2] = [ASSIGNING, ASSOCIATING];
    /// Those that get no new connection.
    pub const GOING: [&str; 2] = [UNASSIGNING, DISASSOCIATING];
}

/// A gateway's, its primary one among them. EC2's is 8 private ones, and 2 Elastic IPs until one asks for up to 8; an operator has nobody to ask.
pub const MOST: usize = 8;

/// Addresses beside the primary one.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub named: Vec<String>,
    /// How many more to draw.
    pub drawn: usize,
    /// Of a public gateway, as many as there are addresses: each of the one in its place.
    pub elastic: Vec<elastic_address::Model>,
}

impl Wanted {
    pub fn count(&self) -> usize {
        self.named.len() + self.drawn
    }
}

/// A gateway's, in the order in which they came.
pub async fn of(db: &impl ConnectionTrait, nat_gateway_id: &str) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::NatGatewayId.eq(nat_gateway_id)).order_by_asc(Column::Number).all(db).await
}

/// Whether there are any that its host is yet to use.
pub async fn any_coming(db: &impl ConnectionTrait, nat_gateway_id: &str) -> Result<bool, DbErr> {
    Ok(of(db, nat_gateway_id).await?.iter().any(|row| status::COMING.contains(&row.status.as_str())))
}

/// Gives them to an available gateway, and tells its host.
pub async fn add(tx: &mut Tx, gateway: Gateway, subnet: &subnet::Model, wanted: Wanted) -> Outcome<Vec<Model>> {
    let interface = network_interface::Entity::find_by_id(&gateway.network_interface_id).one(tx.db()).await?;
    let gone = || freehold_proto::Fault::internal("a NAT gateway is without its interface", gateway.nat_gateway_id.clone());
    let interface = interface.ok_or_else(gone)?;
    let mut private = interface::add_addresses(tx, &interface, subnet, Secondary::Named(&wanted.named)).await?;
    private.extend(interface::add_addresses(tx, &interface, subnet, Secondary::Drawn(wanted.drawn)).await?);
    let added = write_down(tx, &gateway, &interface, private, wanted.elastic).await?;
    tell(tx, gateway).await?;
    Ok(added)
}

/// Those of a new gateway, of which its interface has those that are named.
pub(super) async fn come_with(
    tx: &mut Tx,
    gateway: &Gateway,
    interface: &network_interface::Model,
    subnet: &subnet::Model,
    wanted: Wanted,
) -> Outcome<()> {
    let mut private: Vec<Ipv4Addr> = wanted.named.iter().filter_map(|named| named.parse().ok()).collect();
    private.extend(interface::add_addresses(tx, interface, subnet, Secondary::Drawn(wanted.drawn)).await?);
    write_down(tx, gateway, interface, private, wanted.elastic).await.map(drop)
}

/// Rows for addresses that its interface has.
async fn write_down(
    tx: &mut Tx,
    gateway: &Gateway,
    interface: &network_interface::Model,
    private: Vec<Ipv4Addr>,
    elastic: Vec<elastic_address::Model>,
) -> Outcome<Vec<Model>> {
    let mut number = of(tx.db(), &gateway.nat_gateway_id).await?.last().map_or(0, |row| row.number);
    let status = if gateway.connectivity_type == PUBLIC { status::ASSOCIATING } else { status::ASSIGNING };
    let (mut elastic, mut added) = (elastic.into_iter(), Vec::new());
    for private in private {
        number += 1;
        let mut row = Model { private_ip_address: private.to_string(), ..blank(gateway, number, status) };
        if let Some(address) = elastic.next() {
            (row.public_ip, row.allocation_id) = (Some(address.address.clone()), Some(address.allocation_id.clone()));
            row.association_id = Some(elastic::associate(tx, address, interface, &row.private_ip_address).await?);
        }
        added.push(row.into_active_model().insert(tx.db()).await?);
    }
    Ok(added)
}

/// Rows for what a gateway that has failed was to have.
pub(super) async fn write_off(tx: &Tx, gateway: &Gateway, elastic: &[elastic_address::Model]) -> Outcome<()> {
    for (number, address) in (1..).zip(elastic) {
        let (public_ip, allocation_id) = (Some(address.address.clone()), Some(address.allocation_id.clone()));
        let row = Model { public_ip, allocation_id, ..blank(gateway, number, status::FAILED) };
        row.into_active_model().insert(tx.db()).await?;
    }
    Ok(())
}

fn blank(gateway: &Gateway, number: i32, status: &str) -> Model {
    Model {
        nat_gateway_id: gateway.nat_gateway_id.clone(),
        number,
        account_id: gateway.account_id.clone(),
        status: status.to_owned(),
        private_ip_address: String::new(),
        public_ip: None,
        allocation_id: None,
        association_id: None,
        until: None,
    }
}

/// No new connection gets them any more. They are taken away after `drain_millis`, or at once where nothing sends packets.
pub async fn drain(tx: &mut Tx, gateway: Gateway, going: Vec<Model>, drain_millis: i64) -> Outcome<Vec<Model>> {
    let idle = sends_no_packets(tx, &gateway).await?;
    let until = tx.now() + if idle { 0 } else { drain_millis };
    let status = if gateway.connectivity_type == PUBLIC { status::DISASSOCIATING } else { status::UNASSIGNING };
    let mut draining = Vec::with_capacity(going.len());
    for row in going {
        let mut row = row.into_active_model();
        row.status = Set(status.into());
        row.until = Set(Some(until));
        draining.push(row.update(tx.db()).await?);
    }
    tell(tx, gateway).await?;
    Ok(draining)
}

/// A standing gateway's address whose drain is over is given back.
pub async fn release(tx: &mut Tx, row: Model) -> Outcome<()> {
    let Some(gateway) = nat_gateway::Entity::find_by_id(&row.nat_gateway_id).one(tx.db()).await? else { return Ok(()) };
    if !state::STANDING.contains(&gateway.state.as_str()) {
        return Ok(());
    }
    let all = interface::addresses(tx, &gateway.network_interface_id).await?;
    if let Some(private) = all.into_iter().find(|one| one.address == row.private_ip_address && !one.is_primary) {
        elastic::leave_with(tx, &private).await?;
        private.delete(tx.db()).await?;
    }
    row.delete(tx.db()).await?;
    tell(tx, gateway).await
}

/// Its host uses all that it was told of.
pub(super) async fn came_up(tx: &Tx, gateway: &Gateway) -> Outcome<()> {
    let coming =
        Entity::update_many().filter(Column::NatGatewayId.eq(&gateway.nat_gateway_id)).filter(Column::Status.is_in(status::COMING));
    coming.col_expr(Column::Status, status::SUCCEEDED.into()).exec(tx.db()).await?;
    Ok(())
}

/// Its host hears of it, as it is by now.
async fn tell(tx: &Tx, gateway: Gateway) -> Outcome<()> {
    let generation = gateway.generation + 1;
    let mut gateway = gateway.into_active_model();
    gateway.generation = Set(generation);
    gateway.update(tx.db()).await?;
    Ok(())
}
