//! Public addresses that an account keeps, and puts on one interface after another.
//!
//! An address on an interface has a row in `public_address`, as the pool's own have: what hosts are told and Describes show follows from that
//! one table.

use freehold_proto::id::ElasticAddressAssociationId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, Set};

use super::{interface, restate};
use crate::addresses;
use crate::lifecycle::transition::power;
use crate::store::{Failure, Outcome, Tx, elastic_address, internet_gateway, network_interface, private_address, public_address, vpc};

/// An account's. EC2's is 5 until one asks for more; an operator has nobody to ask.
pub const MOST: u64 = 1_000;

/// Those on an interface.
async fn all_on(tx: &Tx, interface_id: &str) -> Outcome<Vec<elastic_address::Model>> {
    let there = elastic_address::Entity::find().filter(elastic_address::Column::NetworkInterfaceId.eq(interface_id));
    Ok(there.all(tx.db()).await?)
}

/// The one of an interface's private address.
pub async fn on(tx: &Tx, interface_id: &str, private: &str) -> Outcome<Option<elastic_address::Model>> {
    let all = all_on(tx, interface_id).await?;
    Ok(all.into_iter().find(|row| row.private_ip_address.as_deref() == Some(private)))
}

/// Puts it on a private address of an interface, in the place of what that has, and takes it from where it is. Answers the association's id.
pub async fn associate(tx: &mut Tx, row: elastic_address::Model, interface: &network_interface::Model, private: &str) -> Outcome<String> {
    let id = &interface.network_interface_id;
    if row.network_interface_id.as_ref() == Some(id) && row.private_ip_address.as_deref() == Some(private) {
        let there = || Fault::internal("an address is on an interface without an association", row.allocation_id.clone());
        return Ok(row.association_id.clone().ok_or_else(there)?);
    }
    let gateway = internet_gateway::Entity::find().filter(internet_gateway::Column::VpcId.eq(&interface.vpc_id));
    if gateway.one(tx.db()).await?.is_none() {
        let message = format!("Network {} is not attached to any internet gateway", interface.vpc_id);
        return Err(Fault::new(ErrorCode::GatewayNotAttached, message).into());
    }
    let before = row.network_interface_id.clone();
    if let Some(other) = on(tx, id, private).await? {
        take_off(tx, other).await?;
    }
    let of_pool = public_address::Entity::delete_many().filter(public_address::Column::NetworkInterfaceId.eq(id));
    of_pool.filter(public_address::Column::PrivateIpAddress.eq(private)).exec(tx.db()).await?;
    let row = take_off(tx, row).await?;
    let association_id: String = ElasticAddressAssociationId::draw(tx.entropy()).into();
    let used = public_address::Model {
        address: row.address.clone(),
        account_id: row.account_id.clone(),
        network_interface_id: id.clone(),
        private_ip_address: private.to_owned(),
    };
    used.into_active_model().insert(tx.db()).await?;
    let mut row = row.into_active_model();
    row.association_id = Set(Some(association_id.clone()));
    row.network_interface_id = Set(Some(id.clone()));
    row.private_ip_address = Set(Some(private.to_owned()));
    row.update(tx.db()).await?;
    if let Some(before) = before {
        left(tx, &before).await?;
    }
    interface::restate(tx, id).await?;
    Ok(association_id)
}

/// Gives it a reverse DNS name, or takes that away. The resolvers of the account's VPCs know it from then on.
pub async fn call(tx: &mut Tx, row: elastic_address::Model, name: Option<String>) -> Outcome<elastic_address::Model> {
    if row.ptr_record == name {
        return Ok(row);
    }
    let mut row = row.into_active_model();
    row.ptr_record = Set(name);
    let row = row.update(tx.db()).await?;
    for vpc in vpc::Entity::find().filter(vpc::Column::AccountId.eq(&row.account_id)).all(tx.db()).await? {
        restate(tx, &vpc.vpc_id).await?;
    }
    Ok(row)
}

/// Takes it from its interface, whose instance gets an address of the pool again where it is to have one.
pub async fn disassociate(tx: &mut Tx, row: elastic_address::Model) -> Outcome<()> {
    let Some(interface_id) = row.network_interface_id.clone() else { return Ok(()) };
    take_off(tx, row).await?;
    left(tx, &interface_id).await
}

/// Its interface goes.
pub async fn leave(tx: &Tx, interface_id: &str) -> Outcome<()> {
    for row in all_on(tx, interface_id).await? {
        take_off(tx, row).await?;
    }
    Ok(())
}

/// A secondary private address leaves its interface, and with it what means it.
pub async fn leave_with(tx: &Tx, private: &private_address::Model) -> Outcome<()> {
    match on(tx, &private.network_interface_id, &private.address).await? {
        Some(row) => take_off(tx, row).await.map(drop),
        None => Ok(()),
    }
}

/// A secondary private address goes from one interface to another one, and what means it goes along.
pub async fn move_with(tx: &Tx, row: elastic_address::Model, to: &network_interface::Model) -> Outcome<()> {
    let public = public_address::Entity::find_by_id(&row.address).one(tx.db()).await?;
    if let Some(public) = public {
        let mut public = public.into_active_model();
        public.network_interface_id = Set(to.network_interface_id.clone());
        public.update(tx.db()).await?;
    }
    let mut row = row.into_active_model();
    row.network_interface_id = Set(Some(to.network_interface_id.clone()));
    row.update(tx.db()).await?;
    Ok(())
}

async fn take_off(tx: &Tx, row: elastic_address::Model) -> Outcome<elastic_address::Model> {
    public_address::Entity::delete_by_id(&row.address).exec(tx.db()).await?;
    let mut row = row.into_active_model();
    row.association_id = Set(None);
    row.network_interface_id = Set(None);
    row.private_ip_address = Set(None);
    Ok(row.update(tx.db()).await?)
}

async fn left(tx: &mut Tx, interface_id: &str) -> Outcome<()> {
    if let Some(instance) = interface::instance_of(tx, interface_id).await?
        && instance.associate_public_ip_address
        && instance.desired_power == power::RUNNING
    {
        match addresses::assign_public(tx, &instance.instance_id).await {
            // What it has not, it does without until its next start.
            Err(Failure::Fault(fault)) if fault.code == ErrorCode::InsufficientAddressCapacity => {}
            settled => settled?,
        }
    }
    interface::restate(tx, interface_id).await
}
