//! NAT gateways: made in a subnet, with an interface of their own, and carried out by a host of its zone.
//!
//! ```text
//!   pending ──its host reports it──▶ available ──delete──▶ deleting ──its host has buried it──▶ deleted ──an hour──▶ forgotten
//!      └ what it needs is not there ─▶ failed ──an hour──▶ forgotten
//! ```
//!
//! One without a host, since none of the zone was there or its own was removed or drained, is placed by a reconciler. Its address goes along.

pub mod address;

use std::collections::HashMap;

use freehold_proto::id::NatGatewayId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, QueryOrder, Set};

use self::address::Wanted;
use super::interface::{self, Secondary};
use super::{elastic, restate, route};
use crate::hosts::{Driver, SIMULATED};
use crate::lifecycle::terminate::{self, kind};
use crate::store::nat_gateway::{Column, Entity, Model};
use crate::store::{Outcome, Tx, elastic_address, host, internet_gateway, nat_gateway_address, network_interface, subnet, tombstone};

/// EC2's words for how it is.
pub mod state {
    pub const PENDING: &str = "pending";
    pub const AVAILABLE: &str = "available";
    pub const DELETING: &str = "deleting";
    pub const DELETED: &str = "deleted";
    pub const FAILED: &str = "failed";

    /// Those in which it has an interface, and a host or the wish for one.
    pub const STANDING: [&str; 2] = [PENDING, AVAILABLE];
}

pub const PUBLIC: &str = "public";
pub const PRIVATE: &str = "private";

/// An account's. EC2's is 5 in each zone until one asks for more; an operator has nobody to ask.
pub const MOST: u64 = 1_000;

/// What a gateway is made of.
pub struct New<'a> {
    pub subnet: &'a subnet::Model,
    /// None: it is a private one.
    pub address: Option<elastic_address::Model>,
    /// One that is free; none to have one drawn.
    pub private: Option<&'a str>,
    pub secondary: Wanted,
}

/// Makes a gateway of the transaction's account. Where what it needs is missing it is there, and has failed.
pub async fn create(tx: &mut Tx, new: New<'_>) -> Outcome<Model> {
    let New { subnet, address, private, secondary } = new;
    let row = Model {
        nat_gateway_id: NatGatewayId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        availability_zone: subnet.availability_zone.clone(),
        connectivity_type: if address.is_some() { PUBLIC } else { PRIVATE }.into(),
        state: state::PENDING.into(),
        failure_code: String::new(),
        failure_message: String::new(),
        network_interface_id: String::new(),
        private_ip_address: String::new(),
        public_ip: None,
        allocation_id: address.as_ref().map(|row| row.allocation_id.clone()),
        association_id: None,
        host_id: None,
        generation: 1,
        since: tx.now(),
        created: tx.now(),
        ended: None,
    };
    let addresses: Vec<&elastic_address::Model> = address.iter().chain(&secondary.elastic).collect();
    if let Some((code, message)) = unfit(tx, subnet, &addresses).await? {
        let (state, ended) = (state::FAILED.into(), Some(tx.now()));
        let failed = Model { state, failure_code: code.into(), failure_message: message, ended, ..row };
        let failed = failed.into_active_model().insert(tx.db()).await?;
        address::write_off(tx, &failed, &secondary.elastic).await?;
        return Ok(failed);
    }
    let row = connect(tx, row, subnet, private, address, secondary).await?;
    place(tx, row, None).await
}

/// Why a gateway can not be public there, in EC2's words.
async fn unfit(tx: &Tx, subnet: &subnet::Model, addresses: &[&elastic_address::Model]) -> Outcome<Option<(&'static str, String)>> {
    if addresses.is_empty() {
        return Ok(None);
    }
    if let Err(fault) = addresses.iter().try_for_each(|address| refuse_associated(address)) {
        return Ok(Some((fault.code.as_str(), fault.message)));
    }
    let gateway = internet_gateway::Entity::find().filter(internet_gateway::Column::VpcId.eq(&subnet.vpc_id)).one(tx.db()).await?;
    let message = || format!("Network {} has no Internet gateway attached", subnet.vpc_id);
    Ok(gateway.is_none().then(|| ("Gateway.NotAttached", message())))
}

/// Refuses an address that is on an interface.
pub fn refuse_associated(address: &elastic_address::Model) -> Result<(), Fault> {
    if address.association_id.is_none() {
        return Ok(());
    }
    let message = format!("Elastic IP address [{}] is already associated", address.allocation_id);
    Err(Fault::new(ErrorCode::ResourceAlreadyAssociated, message))
}

/// Its interface, with its addresses.
async fn connect(
    tx: &mut Tx,
    row: Model,
    subnet: &subnet::Model,
    private: Option<&str>,
    address: Option<elastic_address::Model>,
    secondary: Wanted,
) -> Outcome<Model> {
    let new = interface::New {
        subnet,
        description: format!("Interface for NAT Gateway {}", row.nat_gateway_id),
        group_ids: &[],
        primary: private,
        secondary: Secondary::Named(&secondary.named),
    };
    let (interface, private) = interface::create(tx, new).await?;
    let mut forwarding = interface.into_active_model();
    forwarding.source_dest_check = Set(false);
    let interface: network_interface::Model = forwarding.update(tx.db()).await?;
    let public_ip = address.as_ref().map(|address| address.address.clone());
    let association_id = match address {
        Some(address) => Some(elastic::associate(tx, address, &interface, &private.to_string()).await?),
        None => None,
    };
    let network_interface_id = interface.network_interface_id.clone();
    let row = Model { network_interface_id, private_ip_address: private.to_string(), public_ip, association_id, ..row };
    let row = row.into_active_model().insert(tx.db()).await?;
    address::come_with(tx, &row, &interface, subnet, secondary).await?;
    Ok(row)
}

/// Gives it the host of its zone that serves it best and has the fewest, if there is one that takes anything new, other than `except`; else it stays as it is.
pub async fn place(tx: &mut Tx, row: Model, except: Option<&str>) -> Outcome<Model> {
    let Some(host_id) = candidate(tx, &row, except).await? else { return Ok(row) };
    // What was ordered away is wanted again; the raised generation outdates an order that is on its way.
    let order = (host_id.clone(), kind::NAT_GATEWAY.to_owned(), row.nat_gateway_id.clone());
    tombstone::Entity::delete_by_id(order).exec(tx.db()).await?;
    terminate::enter_vpc(tx, &host_id, &row.vpc_id).await?;
    let (id, vpc_id, generation) = (row.network_interface_id.clone(), row.vpc_id.clone(), row.generation + 1);
    let mut row = row.into_active_model();
    row.host_id = Set(Some(host_id));
    row.state = Set(state::PENDING.into());
    row.generation = Set(generation);
    row.since = Set(tx.now());
    let row = row.update(tx.db()).await?;
    restate(tx, &vpc_id).await?;
    route::restate_to(tx, vec![id, row.nat_gateway_id.clone()]).await?;
    Ok(row)
}

async fn candidate(tx: &Tx, row: &Model, except: Option<&str>) -> Outcome<Option<String>> {
    use host::Column as Host;
    let hosts = host::Entity::find().filter(Host::AvailabilityZone.eq(&row.availability_zone));
    let hosts = hosts.filter(Host::Connected.eq(true)).filter(Host::DrainedSince.is_null()).order_by_asc(Host::HostId);
    let hosts = hosts.all(tx.db()).await?;
    let mut load: HashMap<String, usize> = HashMap::new();
    for other in Entity::find().filter(Column::HostId.is_not_null()).all(tx.db()).await? {
        *load.entry(other.host_id.unwrap_or_default()).or_default() += 1;
    }
    let others = hosts.into_iter().filter(|host| Some(host.host_id.as_str()) != except);
    let fewest = |host: &host::Model| load.get(&host.host_id).copied().unwrap_or_default();
    // Where guests are real and on several hosts, so has it to be, and reached by all of them.
    let chosen = others.min_by_key(|host| (is_simulated(host), host.tunnel_address.is_empty(), fewest(host)));
    Ok(chosen.map(|host| host.host_id))
}

/// Whether no packet passes it, since its host has simulated guests alone, or it has no host.
async fn sends_no_packets(tx: &Tx, row: &Model) -> Outcome<bool> {
    let Some(host_id) = &row.host_id else { return Ok(true) };
    Ok(host::Entity::find_by_id(host_id).one(tx.db()).await?.is_none_or(|host| is_simulated(&host)))
}

/// Whether nothing that is on the host sends packets.
fn is_simulated(host: &host::Model) -> bool {
    let drivers: Vec<Driver> = serde_json::from_str(&host.drivers).unwrap_or_default();
    drivers.iter().all(|driver| driver.name == SIMULATED)
}

/// Its host says that it passes packets on, under all of its addresses.
pub async fn came_up(tx: &mut Tx, row: Model) -> Outcome<()> {
    address::came_up(tx, &row).await?;
    if row.state == state::AVAILABLE {
        return Ok(());
    }
    let mut row = row.into_active_model();
    row.state = Set(state::AVAILABLE.into());
    let row = row.update(tx.db()).await?;
    route::restate_to(tx, vec![row.nat_gateway_id]).await
}

/// It is to go: at once where no host has it.
pub async fn delete(tx: &mut Tx, row: Model) -> Outcome<Model> {
    if !state::STANDING.contains(&row.state.as_str()) {
        return Ok(row);
    }
    let mut row = row.into_active_model();
    row.state = Set(state::DELETING.into());
    let row = row.update(tx.db()).await?;
    route::restate_to(tx, vec![row.nat_gateway_id.clone()]).await?;
    match row.host_id.clone() {
        Some(host_id) => {
            terminate::order(tx, &host_id, kind::NAT_GATEWAY, &row.nat_gateway_id, row.generation).await?;
            Ok(row)
        }
        None => finish(tx, row).await,
    }
}

/// Nothing of it is left on its host: its addresses are free, the row stays to be seen for a while.
pub async fn finish(tx: &mut Tx, row: Model) -> Outcome<Model> {
    interface::delete(tx, &row.network_interface_id).await?;
    let (host_id, vpc_id) = (row.host_id.clone(), row.vpc_id.clone());
    let mut row = row.into_active_model();
    row.state = Set(state::DELETED.into());
    row.host_id = Set(None);
    row.ended = Set(Some(tx.now()));
    let row = row.update(tx.db()).await?;
    if let Some(host_id) = host_id {
        terminate::leave_vpc(tx, &host_id, &vpc_id).await?;
    }
    Ok(row)
}

/// Takes it from a host that is to take nothing new, and gives it to another one.
pub async fn move_on(tx: &mut Tx, row: Model) -> Outcome<()> {
    let from = row.host_id.clone();
    let (id, vpc_id, generation) = (row.nat_gateway_id.clone(), row.vpc_id.clone(), row.generation);
    let placed = place(tx, row, from.as_deref()).await?;
    if let Some(from) = from.filter(|from| placed.host_id.as_ref() != Some(from)) {
        terminate::order(tx, &from, kind::NAT_GATEWAY, &id, generation).await?;
        terminate::leave_vpc(tx, &from, &vpc_id).await?;
    }
    Ok(())
}

/// Its host is removed: another one takes it, or it waits for one.
pub async fn lose_host(tx: &mut Tx, host_id: &str) -> Outcome<()> {
    for row in Entity::find().filter(Column::HostId.eq(host_id)).all(tx.db()).await? {
        if row.state == state::DELETING {
            finish(tx, row).await?;
            continue;
        }
        let generation = row.generation + 1;
        let mut row = row.into_active_model();
        row.host_id = Set(None);
        row.state = Set(state::PENDING.into());
        row.generation = Set(generation);
        row.since = Set(tx.now());
        let row = row.update(tx.db()).await?;
        place(tx, row, Some(host_id)).await?;
    }
    Ok(())
}

/// The gateway that an interface is of, if it is one's.
pub async fn of_interface(tx: &Tx, network_interface_id: &str) -> Outcome<Option<Model>> {
    let standing = [state::PENDING, state::AVAILABLE, state::DELETING];
    let of = Entity::find().filter(Column::NetworkInterfaceId.eq(network_interface_id)).filter(Column::State.is_in(standing));
    Ok(of.one(tx.db()).await?)
}

/// Takes away what is no longer shown.
pub async fn forget(tx: &Tx, row: Model) -> Outcome<()> {
    crate::ec2::create_tags::remove_tags(tx, &row.nat_gateway_id).await?;
    nat_gateway_address::Entity::delete_many()
        .filter(nat_gateway_address::Column::NatGatewayId.eq(&row.nat_gateway_id))
        .exec(tx.db())
        .await?;
    row.delete(tx.db()).await?;
    Ok(())
}
