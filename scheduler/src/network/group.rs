//! Making and unmaking a security group.

use freehold_proto::id::{SecurityGroupId, SecurityGroupRuleId};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter};

use crate::ec2::create_tags::remove_tags;
use crate::lifecycle::terminate::{forget_tags, restate_groups};
use crate::security_group::DEFAULT;
use crate::store::{Outcome, Tx, security_group, security_group_rule, vpc};

/// Makes a group that lets everything out and nothing in.
pub async fn create(tx: &Tx, vpc: &vpc::Model, name: &str, description: &str) -> Outcome<security_group::Model> {
    let group = security_group::Model {
        group_id: SecurityGroupId::draw(tx.entropy()).into(),
        account_id: vpc.account_id.clone(),
        vpc_id: vpc.vpc_id.clone(),
        group_name: name.to_owned(),
        description: description.to_owned(),
        generation: 1,
        created: tx.now(),
    };
    let group = group.into_active_model().insert(tx.db()).await?;
    insert_all_traffic(tx, &group, true, Some(Ipv4Net::default().to_string()), None).await?;
    Ok(group)
}

/// Makes a VPC's default group: its members talk to each other and out.
pub async fn create_default(tx: &Tx, vpc: &vpc::Model) -> Outcome<()> {
    let group = create(tx, vpc, DEFAULT, "default VPC security group").await?;
    insert_all_traffic(tx, &group, false, None, Some(group.group_id.clone())).await
}

async fn insert_all_traffic(
    tx: &Tx,
    group: &security_group::Model,
    is_egress: bool,
    cidr_ipv4: Option<String>,
    referenced_group_id: Option<String>,
) -> Outcome<()> {
    let rule = security_group_rule::Model {
        security_group_rule_id: SecurityGroupRuleId::draw(tx.entropy()).into(),
        account_id: group.account_id.clone(),
        group_id: group.group_id.clone(),
        is_egress,
        ip_protocol: "-1".into(),
        from_port: -1,
        to_port: -1,
        cidr_ipv4,
        cidr_ipv6: None,
        referenced_group_id,
        prefix_list_id: None,
        description: None,
        created: tx.now(),
    };
    rule.into_active_model().insert(tx.db()).await?;
    Ok(())
}

/// Takes a group away with its rules. Nothing in its VPC refers to it; what does in another one goes with it, as it lets nothing pass.
pub async fn delete(tx: &mut Tx, group: security_group::Model) -> Outcome<()> {
    use security_group_rule::{Column, Entity};
    let naming = Entity::find().filter(Column::ReferencedGroupId.eq(&group.group_id)).filter(Column::GroupId.ne(&group.group_id));
    for rule in naming.all(tx.db()).await? {
        forget_tags(tx, &rule.security_group_rule_id).await?;
        restate_groups(tx, std::slice::from_ref(&rule.group_id)).await?;
        rule.delete(tx.db()).await?;
    }
    for rule in Entity::find().filter(Column::GroupId.eq(&group.group_id)).all(tx.db()).await? {
        remove_tags(tx, &rule.security_group_rule_id).await?;
        rule.delete(tx.db()).await?;
    }
    remove_tags(tx, &group.group_id).await?;
    group.delete(tx.db()).await?;
    Ok(())
}
