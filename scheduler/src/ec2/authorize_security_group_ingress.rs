//! `AuthorizeSecurityGroupIngress`, and what it shares with Revoke: finding the group and reading the permissions.
//!
//! All rules of a request are made, or none.

use freehold_proto::aws::ec2;
use freehold_proto::id::{SecurityGroupId, SecurityGroupRuleId};
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, Set};

use super::create_tags::insert_tags;
use super::describe_security_groups::absent_name;
use super::message::{self, missing};
use super::model::security_group::{permission, rule_message};
use super::resolve::{SECURITY_GROUP, SECURITY_GROUP_RULE};
use crate::engine::Command;
use crate::security_group::{self as rules, GroupReference, MAX_RULES_PER_DIRECTION, Peer, Permission, PermissionPeer, Rule};
use crate::store::{Kind, Outcome, Tx, is_unique_violation, security_group, security_group_rule, vpc};
use crate::tags::Tags;

impl Command for ec2::AuthorizeSecurityGroupIngressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPermissionDuplicate,
        ErrorCode::InvalidPermissionMalformed,
        ErrorCode::MissingParameter,
        ErrorCode::RulesPerSecurityGroupLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AuthorizeSecurityGroupIngressResult> {
        let group = find(tx, self.group_id.as_deref(), self.group_name.as_deref()).await?;
        let plain = PlainRule {
            ip_protocol: self.ip_protocol.as_deref(),
            from_port: self.from_port,
            to_port: self.to_port,
            cidr_ip: self.cidr_ip.as_deref(),
        };
        let rules = read(tx, &group, &plain, &self.ip_permissions).await?;
        let tags = message::tags_on_create(SECURITY_GROUP_RULE.resource_type, &self.tag_specifications)?;
        let mut made = Vec::with_capacity(rules.len());
        for rule in rules {
            made.push(insert(tx, &group, rule, &tags).await?);
        }
        check_limit(tx, &group).await?;
        touch(tx, &group).await?;
        let region = &tx.settings().region;
        let shown = made.iter().map(|row| ec2::SecurityGroupRule { tags: message::tags(&tags), ..rule_message(row, &group, region) });
        Ok(ec2::AuthorizeSecurityGroupIngressResult { r#return: Some(true), security_group_rules: shown.collect() })
    }
}

/// The one rule that a request may give without `IpPermissions`.
pub(super) struct PlainRule<'a> {
    pub ip_protocol: Option<&'a str>,
    pub from_port: Option<i32>,
    pub to_port: Option<i32>,
    pub cidr_ip: Option<&'a str>,
}

impl<'a> PlainRule<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.ip_protocol.is_none() && self.from_port.is_none() && self.to_port.is_none() && self.cidr_ip.is_none()
    }

    fn permission(&self) -> Permission<'a> {
        let peers = self.cidr_ip.map(|cidr| (PermissionPeer::Cidr(Some(cidr)), None));
        Permission { ip_protocol: self.ip_protocol, from_port: self.from_port, to_port: self.to_port, peers: peers.into_iter().collect() }
    }
}

/// The group that a request changes, by id or by its name in the default VPC.
pub(super) async fn find(tx: &Tx, group_id: Option<&str>, group_name: Option<&str>) -> Outcome<security_group::Model> {
    let of_account = security_group::Entity::find().filter(security_group::Column::AccountId.eq(tx.account()));
    match (group_id, group_name) {
        (Some(id), None) => {
            SECURITY_GROUP.check(id)?;
            let group = of_account.filter(security_group::Column::GroupId.eq(id)).one(tx.db()).await?;
            Ok(group.ok_or_else(|| SECURITY_GROUP.absent(id))?)
        }
        (None, Some(name)) => {
            let vpc_id = default_vpc_id(tx).await?;
            let of_vpc = of_account.filter(security_group::Column::VpcId.eq(&vpc_id));
            let group = of_vpc.filter(security_group::Column::GroupName.eq(name)).one(tx.db()).await?;
            Ok(group.ok_or_else(|| absent_name(name, &vpc_id))?)
        }
        (None, None) => Err(missing("GroupId or GroupName").into()),
        (Some(_), Some(_)) => {
            let message = "The parameter GroupName cannot be used with the parameter GroupId";
            Err(Fault::new(ErrorCode::InvalidParameterCombination, message).into())
        }
    }
}

/// A request's rules, in either of its two forms.
pub(super) async fn read(tx: &Tx, group: &security_group::Model, plain: &PlainRule<'_>, given: &[ec2::IpPermission]) -> Outcome<Vec<Rule>> {
    let permissions: Vec<Permission<'_>> = match (plain.is_empty(), given.is_empty()) {
        (true, true) => return Err(missing("IpPermissions").into()),
        (true, false) => given.iter().map(permission).collect(),
        (false, true) => vec![plain.permission()],
        (false, false) => {
            let message =
                "The parameter IpPermissions cannot be used with IpProtocol, FromPort, ToPort and CidrIp. Give one of the two forms.";
            return Err(Fault::new(ErrorCode::InvalidParameterCombination, message).into());
        }
    };
    let of_vpc = security_group::Entity::find()
        .filter(security_group::Column::AccountId.eq(tx.account()))
        .filter(security_group::Column::VpcId.eq(&group.vpc_id));
    let neighbours = of_vpc.all(tx.db()).await?;
    let default_vpc = default_vpc_id(tx).await?;
    Ok(rules::read(permissions, |reference| resolve(reference, &neighbours, &default_vpc))?)
}

/// "" where the account has none.
pub(super) async fn default_vpc_id(tx: &Tx) -> Outcome<String> {
    let default = vpc::Entity::find().filter(vpc::Column::AccountId.eq(tx.account())).filter(vpc::Column::IsDefault.eq(true));
    Ok(default.one(tx.db()).await?.map(|vpc| vpc.vpc_id).unwrap_or_default())
}

/// A rule may name a group of the same VPC, by id or, in the default VPC, by name; its account too, as Describe answers it, and another
/// account has none here.
fn resolve(reference: &GroupReference<'_>, neighbours: &[security_group::Model], default_vpc: &str) -> Result<SecurityGroupId, Fault> {
    let own = |group: &&security_group::Model| reference.user_id.is_none_or(|account_id| account_id == group.account_id);
    let mut neighbours = neighbours.iter().filter(own);
    let (found, absent) = match (reference.group_id, reference.group_name) {
        (Some(id), None) => {
            SECURITY_GROUP.check(id)?;
            (neighbours.find(|group| group.group_id == id), SECURITY_GROUP.absent(id))
        }
        (None, Some(name)) => {
            let named = |group: &&security_group::Model| group.vpc_id == default_vpc && group.group_name == name;
            (neighbours.find(named), absent_name(name, default_vpc))
        }
        (None, None) => return Err(missing("IpPermissions.N.Groups.M.GroupId")),
        (Some(_), Some(_)) => {
            let message = "Each of Groups is named by GroupId or by GroupName, not by both.";
            return Err(Fault::new(ErrorCode::InvalidParameterCombination, message));
        }
    };
    found.and_then(|group| SecurityGroupId::parse(&group.group_id).ok()).ok_or(absent)
}

/// A rule's row, ready to be inserted or compared.
fn row(tx: &Tx, group: &security_group::Model, rule: Rule) -> security_group_rule::Model {
    let (cidr_ipv4, referenced_group_id) = match rule.spec.peer {
        Peer::Ipv4(net) => (Some(net.to_string()), None),
        Peer::Group(group_id) => (None, Some(group_id)),
    };
    security_group_rule::Model {
        security_group_rule_id: SecurityGroupRuleId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        group_id: group.group_id.clone(),
        is_egress: false,
        ip_protocol: rule.spec.protocol.to_string(),
        from_port: rule.spec.ports.from,
        to_port: rule.spec.ports.to,
        cidr_ipv4,
        referenced_group_id,
        description: rule.description,
        created: tx.now(),
    }
}

async fn insert(tx: &Tx, group: &security_group::Model, rule: Rule, tags: &Tags) -> Outcome<security_group_rule::Model> {
    let words = rule.spec.to_string();
    match row(tx, group, rule).into_active_model().insert(tx.db()).await {
        Err(error) if is_unique_violation(&error) => {
            let message = format!("the specified rule \"{words}\" already exists");
            Err(Fault::new(ErrorCode::InvalidPermissionDuplicate, message).into())
        }
        inserted => {
            let made = inserted?;
            insert_tags(tx, &made.security_group_rule_id, SECURITY_GROUP_RULE.resource_type, tags).await?;
            Ok(made)
        }
    }
}

async fn check_limit(tx: &Tx, group: &security_group::Model) -> Outcome<()> {
    let of_group = security_group_rule::Entity::find().filter(security_group_rule::Column::GroupId.eq(&group.group_id));
    let count = of_group.filter(security_group_rule::Column::IsEgress.eq(false)).count(tx.db()).await?;
    if count > MAX_RULES_PER_DIRECTION as u64 {
        let message = format!("The maximum number of rules per security group has been reached: {MAX_RULES_PER_DIRECTION} inbound rules.");
        return Err(Fault::new(ErrorCode::RulesPerSecurityGroupLimitExceeded, message).into());
    }
    Ok(())
}

/// Lets every host that filters by the group know.
pub(super) async fn touch(tx: &mut Tx, group: &security_group::Model) -> Outcome<()> {
    let mut changed = group.clone().into_active_model();
    changed.generation = Set(group.generation + 1);
    changed.update(tx.db()).await?;
    tx.changed(Kind::SecurityGroup, &group.group_id);
    Ok(())
}
