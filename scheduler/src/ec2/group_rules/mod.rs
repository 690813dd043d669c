//! What the actions on rules of security groups share, for either direction: finding the group and reading the rules that a request gives.

pub mod authorize;
pub mod descriptions;
pub mod reachable;
pub mod revoke;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::describe_security_groups::absent_name;
use super::message::missing;
use super::model::security_group::permission;
use super::resolve::{PREFIX_LIST, SECURITY_GROUP};
use super::run_instances::combination;
use crate::lifecycle::terminate::restate_groups;
use crate::network::{default, prefix_list as lists};
use crate::security_group::{self as rules, Direction, Permission, PermissionPeer, Rule};
use crate::store::{Outcome, Tx, security_group, security_group_rule};

pub use reachable::{Reach, Reachable};

/// What a request says of a group's rules.
#[derive(Clone, Copy, Default)]
pub struct Asked<'a> {
    pub group_id: Option<&'a str>,
    pub group_name: Option<&'a str>,
    pub plain: PlainRule<'a>,
    pub ip_permissions: &'a [ec2::IpPermission],
    pub rule_ids: &'a [String],
}

/// The one rule that a request about inbound rules may give without `IpPermissions`.
#[derive(Clone, Copy, Default)]
pub struct PlainRule<'a> {
    pub ip_protocol: Option<&'a str>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<&'a str>,
}

impl<'a> PlainRule<'a> {
    fn is_empty(&self) -> bool {
        self.ip_protocol.is_none() && self.from_port.is_none() && self.to_port.is_none() && self.cidr_ip.is_none()
    }

    fn permission(&self) -> Permission<'a> {
        let peers = self.cidr_ip.map(|cidr| (PermissionPeer::Cidr(Some(cidr)), None));
        Permission { ip_protocol: self.ip_protocol, from_port: self.from_port, to_port: self.to_port, peers: peers.into_iter().collect() }
    }
}

/// The group that a request is about, by id or by its name in the default VPC.
pub async fn find(tx: &Tx, group_id: Option<&str>, group_name: Option<&str>) -> Outcome<security_group::Model> {
    let given = |text: Option<&'_ str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    match (given(group_id), given(group_name)) {
        (Some(id), None) => SECURITY_GROUP.own::<security_group::Entity>(tx, &id).await,
        (None, Some(name)) => {
            let vpc_id = default_vpc_id(tx).await?;
            let of_vpc = security_group::Entity::find().filter(security_group::Column::VpcId.eq(&vpc_id));
            let group = of_vpc.filter(security_group::Column::GroupName.eq(&name)).one(tx.db()).await?;
            Ok(group.ok_or_else(|| absent_name(&name, &vpc_id))?)
        }
        (None, None) => Err(missing("GroupId or GroupName").into()),
        (Some(_), Some(_)) => Err(combination("The parameter GroupName cannot be used with the parameter GroupId").into()),
    }
}

/// A request's rules, in either of their two forms.
pub async fn read(tx: &Tx, group: &security_group::Model, asked: &Asked<'_>, reach: Reach) -> Outcome<Vec<Rule>> {
    let permissions: Vec<Permission<'_>> = match (asked.plain.is_empty(), asked.ip_permissions.is_empty()) {
        (true, true) => return Err(missing("IpPermissions").into()),
        (true, false) => asked.ip_permissions.iter().map(permission).collect(),
        (false, true) => vec![asked.plain.permission()],
        (false, false) => {
            let message =
                "The parameter IpPermissions cannot be used with IpProtocol, FromPort, ToPort and CidrIp. Give one of the two forms.";
            return Err(combination(message).into());
        }
    };
    read_permissions(tx, group, permissions, reach).await
}

pub async fn read_permissions(
    tx: &Tx,
    group: &security_group::Model,
    permissions: Vec<Permission<'_>>,
    reach: Reach,
) -> Outcome<Vec<Rule>> {
    let reachable = Reachable::from(tx, group, reach).await?;
    let known = lists::visible_of(tx, lists_named(&permissions)).await?;
    let list = |id: &str| if known.contains(id) { Ok(()) } else { Err(PREFIX_LIST.absent(id)) };
    Ok(rules::read(permissions, |reference| reachable.resolve(reference), list)?)
}

fn lists_named(permissions: &[Permission<'_>]) -> Vec<String> {
    let peers = permissions.iter().flat_map(|permission| &permission.peers);
    let list = |peer: &PermissionPeer<'_>| match peer {
        PermissionPeer::PrefixList(id) => id.map(str::to_owned),
        PermissionPeer::Cidr(_) | PermissionPeer::Cidr6(_) | PermissionPeer::Group(_) => None,
    };
    peers.filter_map(|(peer, _)| list(peer)).collect()
}

/// "" where the account has none.
pub async fn default_vpc_id(tx: &Tx) -> Outcome<String> {
    Ok(default::of_account(tx).await?.map(|vpc| vpc.vpc_id).unwrap_or_default())
}

/// A group's rules of one direction.
pub async fn present(tx: &Tx, group: &security_group::Model, direction: Direction) -> Outcome<Vec<security_group_rule::Model>> {
    let of_group = security_group_rule::Entity::find().filter(security_group_rule::Column::GroupId.eq(&group.group_id));
    Ok(of_group.filter(security_group_rule::Column::IsEgress.eq(direction.is_egress())).all(tx.db()).await?)
}

/// No rule of the group is like it.
pub fn no_such_rule() -> Fault {
    Fault::new(ErrorCode::InvalidPermissionNotFound, "The specified rule does not exist in this security group.")
}

/// Lets every host that filters by the group know.
pub async fn touch(tx: &mut Tx, group: &security_group::Model) -> Outcome<()> {
    restate_groups(tx, std::slice::from_ref(&group.group_id)).await
}
