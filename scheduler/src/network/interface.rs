//! Network interfaces: made by themselves or with an instance, changed, and deleted with what hangs on them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use freehold_proto::id::NetworkInterfaceId;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::elastic;
use crate::addresses;
use crate::lifecycle::transition::save_restated;
use crate::store::{
    Outcome, Tx, instance, interface_security_group, network_interface, network_interface_attachment, private_address, public_address,
    subnet, tag,
};

/// What an interface is made of.
pub struct New<'a> {
    pub subnet: &'a subnet::Model,
    pub description: String,
    pub group_ids: &'a [String],
    /// One that is free; none to have one drawn.
    pub primary: Option<&'a str>,
    pub secondary: Secondary<'a>,
}

/// Addresses beside the primary one.
#[derive(Clone, Copy, Debug)]
pub enum Secondary<'a> {
    Named(&'a [String]),
    Drawn(usize),
}

impl Secondary<'_> {
    pub fn count(&self) -> usize {
        match self {
            Self::Named(addresses) => addresses.len(),
            Self::Drawn(count) => *count,
        }
    }
}

/// Makes an interface of the transaction's account, and says its primary address. It is attached to nothing yet.
pub async fn create(tx: &Tx, new: New<'_>) -> Outcome<(network_interface::Model, Ipv4Addr)> {
    let New { subnet, description, group_ids, primary, secondary } = new;
    let row = network_interface::Model {
        network_interface_id: NetworkInterfaceId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        vpc_id: subnet.vpc_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        availability_zone: subnet.availability_zone.clone(),
        mac_address: addresses::free_mac(tx).await?,
        description,
        source_dest_check: true,
        created: tx.now(),
    };
    let row = row.into_active_model().insert(tx.db()).await?;
    let primary = if let Some(chosen) = primary {
        let primary = addresses::check_private(tx, subnet, chosen).await?;
        give(tx, &row, primary, true).await?;
        add_addresses(tx, &row, subnet, secondary).await?;
        primary
    } else {
        // Drawn last, so that it is none of those that are named.
        add_addresses(tx, &row, subnet, secondary).await?;
        let primary = addresses::free_private(tx, subnet).await?;
        give(tx, &row, primary, true).await?;
        primary
    };
    insert_groups(tx, &row.network_interface_id, group_ids.iter()).await?;
    Ok((row, primary))
}

/// Adds secondary addresses, and says which.
pub async fn add_addresses(
    tx: &Tx,
    row: &network_interface::Model,
    subnet: &subnet::Model,
    secondary: Secondary<'_>,
) -> Outcome<Vec<Ipv4Addr>> {
    let mut added = Vec::with_capacity(secondary.count());
    for at in 0..secondary.count() {
        let address = match secondary {
            Secondary::Named(named) => addresses::check_private(tx, subnet, &named[at]).await?,
            Secondary::Drawn(_) => addresses::free_private(tx, subnet).await?,
        };
        give(tx, row, address, false).await?;
        added.push(address);
    }
    Ok(added)
}

async fn give(tx: &Tx, row: &network_interface::Model, address: Ipv4Addr, is_primary: bool) -> Outcome<()> {
    let address = private_address::Model {
        subnet_id: row.subnet_id.clone(),
        address: address.to_string(),
        account_id: row.account_id.clone(),
        network_interface_id: row.network_interface_id.clone(),
        is_primary,
    };
    address.into_active_model().insert(tx.db()).await?;
    Ok(())
}

async fn insert_groups(tx: &Tx, id: &str, group_ids: impl Iterator<Item = &String>) -> Outcome<()> {
    for group_id in group_ids {
        let membership = interface_security_group::Model {
            network_interface_id: id.to_owned(),
            group_id: group_id.clone(),
            account_id: tx.account().to_owned(),
        };
        membership.into_active_model().insert(tx.db()).await?;
    }
    Ok(())
}

/// The groups that an interface is in.
pub async fn groups(tx: &Tx, id: &str) -> Outcome<BTreeSet<String>> {
    use interface_security_group::{Column, Entity};
    let rows = Entity::find().filter(Column::NetworkInterfaceId.eq(id)).all(tx.db()).await?;
    Ok(rows.into_iter().map(|membership| membership.group_id).collect())
}

/// The interface is in these groups from now on, and in no other. Its host filters by them, and every host by who is in a group, of which the
/// others are told by the feed.
pub async fn replace_groups(tx: &mut Tx, id: &str, group_ids: Vec<String>) -> Outcome<()> {
    use interface_security_group::{Column, Entity};
    let (present, wanted) = (groups(tx, id).await?, BTreeSet::from_iter(group_ids));
    if wanted == present {
        return Ok(());
    }
    let gone: Vec<&String> = present.difference(&wanted).collect();
    Entity::delete_many().filter(Column::NetworkInterfaceId.eq(id)).filter(Column::GroupId.is_in(gone)).exec(tx.db()).await?;
    insert_groups(tx, id, wanted.difference(&present)).await?;
    restate(tx, id).await
}

/// Tells the host of the instance that it is attached to, if there is one.
pub async fn restate(tx: &mut Tx, id: &str) -> Outcome<()> {
    match instance_of(tx, id).await? {
        Some(row) => save_restated(tx, row).await.map(drop),
        None => Ok(()),
    }
}

/// The instance that it is attached to.
pub async fn instance_of(tx: &Tx, id: &str) -> Outcome<Option<instance::Model>> {
    let Some(attachment) = attachment(tx, id).await? else { return Ok(None) };
    Ok(instance::Entity::find_by_id(attachment.instance_id).one(tx.db()).await?)
}

pub async fn attachment(tx: &Tx, id: &str) -> Outcome<Option<network_interface_attachment::Model>> {
    use network_interface_attachment::{Column, Entity};
    Ok(Entity::find().filter(Column::NetworkInterfaceId.eq(id)).one(tx.db()).await?)
}

/// The private addresses that it has.
pub async fn addresses(tx: &Tx, id: &str) -> Outcome<Vec<private_address::Model>> {
    Ok(private_address::Entity::find().filter(private_address::Column::NetworkInterfaceId.eq(id)).all(tx.db()).await?)
}

/// Deletes an interface that nothing is attached to.
pub async fn delete(tx: &Tx, id: &str) -> Outcome<()> {
    interface_security_group::Entity::delete_many()
        .filter(interface_security_group::Column::NetworkInterfaceId.eq(id))
        .exec(tx.db())
        .await?;
    private_address::Entity::delete_many().filter(private_address::Column::NetworkInterfaceId.eq(id)).exec(tx.db()).await?;
    public_address::Entity::delete_many().filter(public_address::Column::NetworkInterfaceId.eq(id)).exec(tx.db()).await?;
    elastic::leave(tx, id).await?;
    network_interface::Entity::delete_by_id(id).exec(tx.db()).await?;
    tag::Entity::delete_many().filter(tag::Column::ResourceId.eq(id)).exec(tx.db()).await?;
    Ok(())
}
