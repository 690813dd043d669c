//! The groups that rules of a group may name: those of its own VPC, and those of VPCs that it is peered with.

use std::collections::{BTreeMap, BTreeSet};

use freehold_proto::Fault;
use freehold_proto::id::SecurityGroupId;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::default_vpc_id;
use crate::ec2::describe_security_groups::absent_name;
use crate::ec2::message::missing;
use crate::ec2::resolve::SECURITY_GROUP;
use crate::ec2::run_instances::combination;
use crate::network::peering;
use crate::security_group::GroupReference;
use crate::store::read::resources::{Foreign, foreign};
use crate::store::{Outcome, Tx, security_group, security_group_rule, vpc_peering_connection};

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those that a new rule may name.
    Now,
    /// Those, too, that a rule of the group names although they are out of reach by now: their connection is gone.
    OrNamed,
}

pub struct Reachable {
    own: Vec<security_group::Model>,
    /// Of other VPCs, each with the connection that leads there.
    foreign: Vec<(security_group::Model, Foreign)>,
    default_vpc: String,
}

impl Reachable {
    pub async fn from(tx: &Tx, group: &security_group::Model, reach: Reach) -> Outcome<Self> {
        let own = security_group::Entity::find()
            .filter(security_group::Column::AccountId.eq(tx.account()))
            .filter(security_group::Column::VpcId.eq(&group.vpc_id));
        let own = own.all(tx.db()).await?;
        Ok(Self { own, foreign: foreign_groups(tx, group, reach).await?, default_vpc: default_vpc_id(tx).await? })
    }

    /// A rule may name a group by id or, in the default VPC, by name; its account too, as Describe answers it, and the VPC and the connection
    /// of a peer's.
    pub fn resolve(&self, reference: &GroupReference<'_>) -> Result<SecurityGroupId, Fault> {
        let account = |group: &security_group::Model| reference.user_id.is_none_or(|account_id| account_id == group.account_id);
        let vpc = |group: &security_group::Model| reference.vpc_id.is_none_or(|vpc_id| vpc_id == group.vpc_id);
        let mut own = self.own.iter().filter(|group| account(group) && vpc(group) && reference.peering_id.is_none());
        let (found, absent) = match (reference.group_id, reference.group_name) {
            (Some(id), None) => {
                SECURITY_GROUP.check(id)?;
                let by = |foreign: &Foreign| reference.peering_id.is_none_or(|peering_id| peering_id == foreign.peering_id);
                let foreign = self.foreign.iter().filter(|(group, foreign)| account(group) && vpc(group) && by(foreign));
                let found = own.find(|group| group.group_id == id);
                (found.or_else(|| foreign.map(|(group, _)| group).find(|group| group.group_id == id)), SECURITY_GROUP.absent(id))
            }
            (None, Some(name)) => {
                let named = |group: &&security_group::Model| group.vpc_id == self.default_vpc && group.group_name == name;
                (own.find(named), absent_name(name, &self.default_vpc))
            }
            (None, None) => return Err(missing("IpPermissions.N.Groups.M.GroupId")),
            (Some(_), Some(_)) => {
                return Err(combination("Each of Groups is named by GroupId or by GroupName, not by both."));
            }
        };
        found.and_then(|group| SecurityGroupId::parse(&group.group_id).ok()).ok_or(absent)
    }

    /// What is to be shown of those of other VPCs, by their ids.
    pub fn shown(&self) -> BTreeMap<String, Foreign> {
        self.foreign.iter().map(|(group, foreign)| (group.group_id.clone(), foreign.clone())).collect()
    }
}

async fn foreign_groups(tx: &Tx, group: &security_group::Model, reach: Reach) -> Outcome<Vec<(security_group::Model, Foreign)>> {
    use security_group::{Column, Entity};
    use vpc_peering_connection::Column as Peering;
    let mut connections = peering::active(tx.db(), &group.vpc_id).await?;
    let peers: Vec<String> = connections.iter().map(|row| peering::peer(row, &group.vpc_id).to_owned()).collect();
    let mut groups = if peers.is_empty() { Vec::new() } else { Entity::find().filter(Column::VpcId.is_in(peers)).all(tx.db()).await? };
    if reach == Reach::OrNamed {
        let named = security_group_rule::Entity::find().filter(security_group_rule::Column::GroupId.eq(&group.group_id));
        let named = named.filter(security_group_rule::Column::ReferencedGroupId.is_not_null()).all(tx.db()).await?;
        let there: BTreeSet<String> = groups.iter().map(|group| group.group_id.clone()).collect();
        let named: BTreeSet<String> = named.into_iter().filter_map(|rule| rule.referenced_group_id).collect();
        let beyond = Column::GroupId.is_in(named.difference(&there).cloned());
        groups.extend(Entity::find().filter(beyond).filter(Column::VpcId.ne(&group.vpc_id)).all(tx.db()).await?);
        let of_vpc = sea_orm::Condition::any().add(Peering::RequesterVpcId.eq(&group.vpc_id)).add(Peering::AccepterVpcId.eq(&group.vpc_id));
        connections = vpc_peering_connection::Entity::find().filter(of_vpc).all(tx.db()).await?;
    }
    Ok(groups
        .into_iter()
        .filter_map(|other| Some((foreign(connections.iter(), &group.vpc_id, &other)?, other)))
        .map(|(to, other)| (other, to))
        .collect())
}
