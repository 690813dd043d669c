//! The end of an instance, in two steps: what its host is told ([`begin`]), and what is left when the host has carried it out
//! ([`finish`]). In between its addresses and disks stay taken, since the host still has them.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, ExprTrait, IntoActiveModel, ModelTrait, QueryFilter, QuerySelect, QueryTrait};

use super::step::State;
use super::transition::{power, save, save_restated};
use crate::network::{self, peering, restate, route};
use crate::store::{
    Kind, Outcome, Tx, instance, nat_gateway, network_interface_attachment, security_group, tag, tombstone, volume, volume_attachment,
};

/// `tombstone.kind`
pub mod kind {
    pub const INSTANCE: &str = "instance";
    pub const VPC: &str = "vpc";
    pub const SECURITY_GROUP: &str = "security-group";
    pub const NAT_GATEWAY: &str = "nat-gateway";
}

/// Orders the burial. `row` is legal to terminate and carries its reason.
pub async fn begin(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    row.ended_from = std::mem::replace(&mut row.state, State::ShuttingDown.as_str().to_owned());
    power::TERMINATED.clone_into(&mut row.desired_power);
    route::restate_through(tx, &row.instance_id).await?;
    let row = save_restated(tx, row).await?;
    match row.host_id.clone() {
        Some(host_id) => {
            order(tx, &host_id, kind::INSTANCE, &row.instance_id, row.generation).await?;
            Ok(row)
        }
        None => finish(tx, row).await,
    }
}

/// Adds a tombstone, or raises the generation of one that stands.
pub async fn order(tx: &mut Tx, host_id: &str, kind: &str, id: &str, generation: i64) -> Outcome<()> {
    let key = (host_id.to_owned(), kind.to_owned(), id.to_owned());
    if let Some(standing) = tombstone::Entity::find_by_id(key).one(tx.db()).await? {
        standing.delete(tx.db()).await?;
    }
    let row = tombstone::Model {
        host_id: host_id.to_owned(),
        kind: kind.to_owned(),
        id: id.to_owned(),
        account_id: tx.account().to_owned(),
        generation,
        created: tx.now(),
    };
    row.into_active_model().insert(tx.db()).await?;
    tx.changed(Kind::Tombstone, host_id);
    Ok(())
}

/// Nothing of it is left on its host: its addresses, interfaces and disks are free, the row stays to be seen for a while.
pub async fn finish(tx: &mut Tx, mut row: instance::Model) -> Outcome<instance::Model> {
    release_volumes(tx, &row.instance_id).await?;
    release_interfaces(tx, &row.instance_id).await?;
    State::Terminated.as_str().clone_into(&mut row.state);
    row.terminated_at = Some(tx.now());
    let row = save(tx, row).await?;
    if row.resource_name_dns_a_record {
        restate(tx, &row.vpc_id).await?;
    }
    if let Some(host_id) = &row.host_id {
        leave_vpc(tx, host_id, &row.vpc_id).await?;
    }
    Ok(row)
}

async fn release_volumes(tx: &Tx, instance_id: &str) -> Outcome<()> {
    let attached = volume_attachment::Entity::find().filter(volume_attachment::Column::InstanceId.eq(instance_id)).all(tx.db()).await?;
    for attachment in attached {
        let (volume_id, deleted) = (attachment.volume_id.clone(), attachment.delete_on_termination);
        attachment.delete(tx.db()).await?;
        if deleted {
            volume::Entity::delete_by_id(&volume_id).exec(tx.db()).await?;
            forget_tags(tx, &volume_id).await?;
        }
    }
    Ok(())
}

async fn release_interfaces(tx: &Tx, instance_id: &str) -> Outcome<()> {
    use network_interface_attachment::{Column, Entity};
    for attachment in Entity::find().filter(Column::InstanceId.eq(instance_id)).all(tx.db()).await? {
        let (interface, deleted) = (attachment.network_interface_id.clone(), attachment.delete_on_termination);
        attachment.delete(tx.db()).await?;
        if deleted {
            network::interface::delete(tx, &interface).await?;
        }
    }
    Ok(())
}

/// Whoever put them there.
pub async fn forget_tags(tx: &Tx, resource_id: &str) -> Outcome<()> {
    tag::Entity::delete_many().filter(tag::Column::ResourceId.eq(resource_id)).exec(tx.db()).await?;
    Ok(())
}

/// A host has no use for a VPC and its groups once it has neither an instance nor a NAT gateway in it, nor in one that the VPC is peered with.
pub async fn leave_vpc(tx: &mut Tx, host_id: &str, vpc_id: &str) -> Outcome<()> {
    for vpc_id in peering::with_peers(tx.db(), vpc_id).await? {
        if !hosts_told_of(tx, &vpc_id).await?.contains(host_id) {
            bury_vpc(tx, host_id, &vpc_id).await?;
        }
    }
    Ok(())
}

async fn bury_vpc(tx: &mut Tx, host_id: &str, vpc_id: &str) -> Outcome<()> {
    let Some(vpc) = crate::store::vpc::Entity::find_by_id(vpc_id).one(tx.db()).await? else { return Ok(()) };
    for group in security_group::Entity::find().filter(security_group::Column::VpcId.eq(vpc_id)).all(tx.db()).await? {
        order(tx, host_id, kind::SECURITY_GROUP, &group.group_id, group.generation).await?;
    }
    order(tx, host_id, kind::VPC, vpc_id, vpc.generation).await
}

/// The hosts that are told of a VPC: they have something in it, or in one that it is peered with.
async fn hosts_told_of(tx: &Tx, vpc_id: &str) -> Outcome<BTreeSet<String>> {
    hosts_of_vpcs(tx, peering::with_peers(tx.db(), vpc_id).await?).await
}

/// The hosts that have something in one of these.
async fn hosts_of_vpcs(tx: &Tx, vpcs: BTreeSet<String>) -> Outcome<BTreeSet<String>> {
    let instances = instance::Entity::find()
        .filter(instance::Column::VpcId.is_in(vpcs.clone()))
        .filter(instance::Column::State.ne(State::Terminated.as_str()));
    let instances = instances.select_only().column(instance::Column::HostId).distinct().into_tuple::<Option<String>>();
    let gateways = nat_gateway::Entity::find().filter(nat_gateway::Column::VpcId.is_in(vpcs));
    let gateways = gateways.select_only().column(nat_gateway::Column::HostId).distinct().into_tuple::<Option<String>>();
    Ok(instances.all(tx.db()).await?.into_iter().chain(gateways.all(tx.db()).await?).flatten().collect())
}

/// Two VPCs are peered from now on: the hosts of each are told of the other.
pub async fn join_vpcs(tx: &mut Tx, one: &str, other: &str) -> Outcome<()> {
    for host_id in hosts_of_vpcs(tx, BTreeSet::from([one.to_owned(), other.to_owned()])).await? {
        for vpc_id in [one, other] {
            want_vpc(tx, &host_id, vpc_id).await?;
        }
    }
    Ok(())
}

/// They no longer are.
pub async fn part_vpcs(tx: &mut Tx, one: &str, other: &str) -> Outcome<()> {
    for host_id in hosts_of_vpcs(tx, BTreeSet::from([one.to_owned(), other.to_owned()])).await? {
        for vpc_id in [one, other] {
            if !hosts_told_of(tx, vpc_id).await?.contains(&host_id) {
                bury_vpc(tx, &host_id, vpc_id).await?;
            }
        }
    }
    Ok(())
}

/// A security group is deleted: whoever may have been told of it buries it. Those who left its VPC are ordered to already.
pub async fn bury_group(tx: &mut Tx, group: &security_group::Model) -> Outcome<()> {
    for host_id in hosts_told_of(tx, &group.vpc_id).await? {
        order(tx, &host_id, kind::SECURITY_GROUP, &group.group_id, group.generation).await?;
    }
    Ok(())
}

/// An instance arrives at a host: what was to be buried there with its VPC and the peers of that is wanted again.
pub async fn enter_vpc(tx: &mut Tx, host_id: &str, vpc_id: &str) -> Outcome<()> {
    for vpc_id in peering::with_peers(tx.db(), vpc_id).await? {
        want_vpc(tx, host_id, &vpc_id).await?;
    }
    Ok(())
}

/// The raised generations tell the host that the orders are out of date, should it read the two in any order. A host says one by one what it
/// has buried, so of a VPC and its groups any may still have an order.
async fn want_vpc(tx: &mut Tx, host_id: &str, vpc_id: &str) -> Outcome<()> {
    let standing = orders_of_vpc(tx, host_id, vpc_id).await?;
    let mut groups = Vec::new();
    for order in standing {
        let (kind, id) = (order.kind.clone(), order.id.clone());
        order.delete(tx.db()).await?;
        match kind.as_str() {
            kind::VPC => restate(tx, &id).await?,
            _ => groups.push(id),
        }
    }
    restate_groups(tx, &groups).await
}

/// What stands for a host of a VPC and its groups.
async fn orders_of_vpc(tx: &Tx, host_id: &str, vpc_id: &str) -> Outcome<Vec<tombstone::Model>> {
    use tombstone::{Column, Entity};
    let groups = security_group::Entity::find()
        .select_only()
        .column(security_group::Column::GroupId)
        .filter(security_group::Column::VpcId.eq(vpc_id))
        .into_query();
    let of_vpc = Column::Kind.eq(kind::VPC).and(Column::Id.eq(vpc_id));
    let of_groups = Column::Kind.eq(kind::SECURITY_GROUP).and(Column::Id.in_subquery(groups));
    Ok(Entity::find().filter(Column::HostId.eq(host_id)).filter(of_vpc.or(of_groups)).all(tx.db()).await?)
}

/// Raises the generation of groups whose rules changed.
pub async fn restate_groups(tx: &mut Tx, groups: &[String]) -> Outcome<()> {
    for id in groups {
        security_group::Entity::update_many()
            .col_expr(security_group::Column::Generation, Expr::col(security_group::Column::Generation).add(1))
            .filter(security_group::Column::GroupId.eq(id))
            .exec(tx.db())
            .await?;
        tx.changed(Kind::SecurityGroup, id.clone());
    }
    Ok(())
}
