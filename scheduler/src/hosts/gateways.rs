//! The NAT gateways of a host: what it is told of them, and what it says.

use freehold_proto::internal::host::{InterfaceAttachment, NatGatewayDesired, NatGatewayObserved};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::Seat;
use super::desired::meaning;
use crate::network::nat::address::status::GOING;
use crate::network::nat::{self, address, state};
use crate::store::nat_gateway::{Column, Entity, Model};
use crate::store::read::{chosen, interfaces};
use crate::store::{Outcome, Select, Store};

/// Those that a host should hold, of `among` or all. One that is going has a tombstone instead.
pub async fn desired(db: &impl ConnectionTrait, host_id: &str, among: &Select) -> Outcome<Vec<NatGatewayDesired>> {
    let rows = Entity::find().filter(Column::HostId.eq(host_id)).filter(Column::State.is_in(state::STANDING));
    let mut desired = Vec::new();
    for row in chosen(db, rows, Column::NatGatewayId, among).await? {
        desired.extend(one(db, row).await?);
    }
    Ok(desired)
}

async fn one(db: &impl ConnectionTrait, row: Model) -> Result<Option<NatGatewayDesired>, DbErr> {
    let Some(view) = interfaces::load(db, &row.network_interface_id).await? else { return Ok(None) };
    let interface = InterfaceAttachment {
        network_interface_id: row.network_interface_id,
        vpc_id: row.vpc_id,
        subnet_id: row.subnet_id,
        mac_address: view.interface.mac_address.clone(),
        private_ip_address: view.primary_address().to_owned(),
        public_ip_address: view.public_address().unwrap_or_default().to_owned(),
        source_dest_check: view.interface.source_dest_check,
        secondary_private_ip_addresses: view.secondary_addresses().map(str::to_owned).collect(),
        other_public_ip_addresses: view.other_public_addresses().map(meaning).collect(),
        ..InterfaceAttachment::default()
    };
    let addresses = address::of(db, &row.nat_gateway_id).await?;
    let going = addresses.into_iter().filter(|address| GOING.contains(&address.status.as_str()));
    Ok(Some(NatGatewayDesired {
        nat_gateway_id: row.nat_gateway_id,
        account_id: row.account_id,
        generation: u64::try_from(row.generation).unwrap_or_default(),
        interface: Some(interface),
        draining_private_ip_addresses: going.map(|address| address.private_ip_address).collect(),
    }))
}

/// One of them passes packets on, or can not be made; then it stays pending and is stated again.
pub async fn apply(store: &Store, seat: &Seat, report: &NatGatewayObserved) -> Outcome<()> {
    let host_id = seat.host_id();
    if !report.available {
        tracing::warn!(host = host_id, nat_gateway_id = report.nat_gateway_id, fault = report.fault_message, "a NAT gateway is not up");
        return Ok(());
    }
    let waits = |row: &Model| {
        let current = i64::try_from(report.generation).is_ok_and(|generation| generation == row.generation);
        current && state::STANDING.contains(&row.state.as_str()) && row.host_id.as_deref() == Some(host_id)
    };
    let Some(seen) = Entity::find_by_id(&report.nat_gateway_id).one(store.reader()).await?.filter(waits) else { return Ok(()) };
    if seen.state == state::AVAILABLE && !address::any_coming(store.reader(), &seen.nat_gateway_id).await? {
        return Ok(());
    }
    let mut tx = store.begin(&seen.account_id).await?;
    if !seat.is_held(&tx).await? {
        return Ok(());
    }
    let Some(row) = Entity::find_by_id(&report.nat_gateway_id).one(tx.db()).await?.filter(waits) else { return Ok(()) };
    nat::came_up(&mut tx, row).await?;
    tx.commit().await?;
    Ok(())
}
