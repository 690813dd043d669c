//! Every error code that the actions of security groups declare, but for inbound rules.

use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::network_refusals::new_vpc;
use super::refusals::{many_keys, refuse_filters, refuse_ids, refuse_pages, strings};
use super::security_groups::{group_of, group_request, permission};
use super::*;
use crate::store::security_group;

pub async fn refusals(bench: &Bench) {
    refuse_filters!(bench, DescribeSecurityGroupRulesRequest, "group-id");
    refuse_pages!(bench, DescribeSecurityGroupRulesRequest);
    refuse_ids!(
        bench,
        DescribeSecurityGroupRulesRequest,
        security_group_rule_ids,
        "sgr",
        InvalidSecurityGroupRuleIdMalformed,
        InvalidSecurityGroupRuleIdNotFound
    );
    let vpc = new_vpc(bench, "10.60.0.0/16").await.vpc_id.expect("an id");
    groups(bench, &vpc).await;
    let group = group_of(bench, &vpc, "rules").await;
    outbound(bench, &group).await;
    revoked(bench, &group).await;
    modified(bench, &group).await;
    inbound_descriptions(bench, &group).await;
    outbound_descriptions(bench, &group).await;
    limit(bench, &vpc).await;
}

async fn groups(bench: &Bench, vpc: &str) {
    let create = |name: &str| group_request(vpc, name);
    bench.refused(ErrorCode::MissingParameter, create("")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::CreateSecurityGroupRequest { description: String::new(), ..create("a") }).await;
    for name in ["sg-web", "default", "Default", "b\u{fc}ro", " "] {
        bench.refused(ErrorCode::InvalidParameterValue, create(name)).await;
    }
    bench.refused(ErrorCode::InvalidParameterValue, ec2::CreateSecurityGroupRequest { description: "a|b".into(), ..create("a") }).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, group_request("vpc-zzz", "a")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, group_request("vpc-0123456789abcdef0", "a")).await;
    let keys = many_keys();
    let tags = tagged("security-group", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateSecurityGroupRequest { tag_specifications: tags, ..create("a") }).await;
    let one = group_of(bench, vpc, "one").await;
    bench.refused(ErrorCode::InvalidGroupDuplicate, create("one")).await;
    bench.refused(ErrorCode::InvalidGroupDuplicate, create("ONE")).await;

    let delete = |id: Option<&str>, name: Option<&str>| ec2::DeleteSecurityGroupRequest {
        group_id: id.map(Into::into),
        group_name: name.map(Into::into),
        dry_run: None,
    };
    bench.refused(ErrorCode::MissingParameter, delete(None, None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, delete(Some(&one), Some("one"))).await;
    bench.refused(ErrorCode::InvalidGroupIdMalformed, delete(Some("sg-x"), None)).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, delete(Some("sg-0123abcd"), None)).await;
    // A name is one of the default VPC.
    bench.refused(ErrorCode::InvalidGroupNotFound, delete(None, Some("one"))).await;
    bench.refused(ErrorCode::CannotDelete, delete(None, Some("default"))).await;
    let naming = group_of(bench, vpc, "naming").await;
    let pair = ec2::UserIdGroupPair { group_id: Some(one.clone()), ..Default::default() };
    let permission = ec2::IpPermission { user_id_group_pairs: vec![pair], ..permission("tcp", 1, &[]) };
    bench.get(ec2::AuthorizeSecurityGroupEgressRequest { ip_permissions: vec![permission], ..egress(&naming) }).await;
    let fault = bench.refused(ErrorCode::DependencyViolation, delete(Some(&one), None)).await;
    assert!(fault.message.contains(&naming), "{}", fault.message);
    for id in [&naming, &one] {
        assert_eq!(bench.get(delete(Some(id), None)).await.group_id.as_ref(), Some(id));
    }
}

fn egress(group: &str) -> ec2::AuthorizeSecurityGroupEgressRequest {
    ec2::AuthorizeSecurityGroupEgressRequest { group_id: group.into(), ..Default::default() }
}

fn ipv6(protocol: &str, cidr: &str) -> ec2::IpPermission {
    let range = ec2::Ipv6Range { cidr_ipv6: Some(cidr.into()), description: None };
    ec2::IpPermission { ipv6_ranges: vec![range], ..permission(protocol, 1, &[]) }
}

async fn outbound(bench: &Bench, group: &str) {
    let with = |ip_permissions| ec2::AuthorizeSecurityGroupEgressRequest { ip_permissions, ..egress(group) };
    let one = || vec![permission("tcp", 1, &["10.0.0.0/8"])];
    let of = |id: &str| ec2::AuthorizeSecurityGroupEgressRequest { group_id: id.into(), ..with(one()) };
    bench.refused(ErrorCode::InvalidGroupIdMalformed, of("sg-x")).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, of("sg-0123abcd")).await;
    bench.refused(ErrorCode::MissingParameter, of("")).await;
    bench.refused(ErrorCode::MissingParameter, with(vec![])).await;
    bench.refused(ErrorCode::InvalidParameterValue, with(vec![permission("tcp", 1, &["10.0.0.0"])])).await;
    bench.refused(ErrorCode::InvalidPermissionMalformed, with(vec![permission("ip", 1, &["10.0.0.0/8"])])).await;
    bench.refused(ErrorCode::InvalidParameterValue, with(vec![ipv6("tcp", "::/200")])).await;
    let pair = ec2::UserIdGroupPair { group_id: Some(group.into()), group_name: Some("rules".into()), ..Default::default() };
    let both = ec2::IpPermission { user_id_group_pairs: vec![pair], ..permission("tcp", 1, &[]) };
    bench.refused(ErrorCode::InvalidParameterCombination, with(vec![both])).await;
    bench.get(with(one())).await;
    bench.refused(ErrorCode::InvalidPermissionDuplicate, with(one())).await;
    // The one that every group begins with and the one above leave room for 58.
    let ranges: Vec<String> = (0..59).map(|n| format!("10.{n}.0.0/16")).collect();
    let ranges: Vec<&str> = ranges.iter().map(String::as_str).collect();
    let fault = bench.refused(ErrorCode::RulesPerSecurityGroupLimitExceeded, with(vec![permission("tcp", 2, &ranges)])).await;
    assert!(fault.message.contains("outbound"), "{}", fault.message);
    let keys = many_keys();
    let tags = tagged("security-group-rule", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    let request =
        ec2::AuthorizeSecurityGroupEgressRequest { tag_specifications: tags, ..with(vec![permission("tcp", 3, &["10.0.0.0/8"])]) };
    bench.refused(ErrorCode::TagLimitExceeded, request).await;
}

async fn revoked(bench: &Bench, group: &str) {
    let with = |ip_permissions| ec2::RevokeSecurityGroupEgressRequest { group_id: group.into(), ip_permissions, ..Default::default() };
    let one = || vec![permission("tcp", 9, &["10.0.0.0/8"])];
    let of = |id: &str| ec2::RevokeSecurityGroupEgressRequest { group_id: id.into(), ..with(one()) };
    bench.refused(ErrorCode::InvalidGroupIdMalformed, of("sg-x")).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, of("sg-0123abcd")).await;
    bench.refused(ErrorCode::MissingParameter, with(vec![])).await;
    bench.refused(ErrorCode::InvalidParameterValue, with(vec![permission("tcp", -2, &["10.0.0.0/8"])])).await;
    bench.refused(ErrorCode::InvalidPermissionMalformed, with(vec![permission("ip", 1, &["10.0.0.0/8"])])).await;
    bench.refused(ErrorCode::InvalidPermissionNotFound, with(one())).await;
    // What Terraform asks of each group that it makes: there is no such rule, but the request is understood.
    bench.refused(ErrorCode::InvalidPermissionNotFound, with(vec![ipv6("-1", "::/0")])).await;
    bench.refused(ErrorCode::InvalidParameterValue, with(vec![ipv6("-1", "::/200")])).await;
    let by_id = |id: &str| ec2::RevokeSecurityGroupEgressRequest { security_group_rule_ids: strings(&[id]), ..with(vec![]) };
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdMalformed, by_id("sgr-x")).await;
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, by_id("sgr-0123abcd")).await;
    let both = ec2::RevokeSecurityGroupEgressRequest { ip_permissions: one(), ..by_id("sgr-0123abcd") };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
}

async fn modified(bench: &Bench, group: &str) {
    let shown = bench.get(ec2::DescribeSecurityGroupRulesRequest { filters: vec![filter("group-id", &[group])], ..Default::default() });
    let shown = shown.await.security_group_rules;
    let ids: Vec<&str> = shown.iter().filter_map(|rule| rule.security_group_rule_id.as_deref()).collect();
    let block = |cidr: &str| ec2::SecurityGroupRuleRequest {
        ip_protocol: Some("tcp".into()),
        from_port: Some(5),
        to_port: Some(5),
        cidr_ipv4: Some(cidr.into()),
        ..Default::default()
    };
    let update = |id: &str, rule| ec2::SecurityGroupRuleUpdate { security_group_rule_id: id.into(), security_group_rule: Some(rule) };
    let with = |security_group_rules| ec2::ModifySecurityGroupRulesRequest { group_id: group.into(), security_group_rules, dry_run: None };
    let one = |rule| with(vec![update(ids[0], rule)]);
    let of = |id: &str| ec2::ModifySecurityGroupRulesRequest { group_id: id.into(), ..one(block("10.0.0.0/8")) };
    bench.refused(ErrorCode::MissingParameter, of("")).await;
    bench.refused(ErrorCode::InvalidGroupIdMalformed, of("sg-x")).await;
    bench.refused(ErrorCode::InvalidGroupNotFound, of("sg-0123abcd")).await;
    bench.refused(ErrorCode::MissingParameter, with(vec![])).await;
    bench.refused(ErrorCode::MissingParameter, with(vec![update("", block("10.0.0.0/8"))])).await;
    let bare = ec2::SecurityGroupRuleUpdate { security_group_rule: None, ..update(ids[0], block("10.0.0.0/8")) };
    bench.refused(ErrorCode::MissingParameter, with(vec![bare])).await;
    bench.refused(ErrorCode::MissingParameter, one(ec2::SecurityGroupRuleRequest { cidr_ipv4: None, ..block("") })).await;
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdMalformed, with(vec![update("sgr-x", block("10.0.0.0/8"))])).await;
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, with(vec![update("sgr-0123abcd", block("10.0.0.0/8"))])).await;
    let twice = vec![update(ids[0], block("10.0.0.0/8")), update(ids[0], block("11.0.0.0/8"))];
    bench.refused(ErrorCode::InvalidParameterValue, with(twice)).await;
    bench.refused(ErrorCode::InvalidParameterValue, one(block("10.0.0.0"))).await;
    let naming = ec2::SecurityGroupRuleRequest { referenced_group_id: Some(group.into()), ..block("10.0.0.0/8") };
    bench.refused(ErrorCode::InvalidParameterCombination, one(naming.clone())).await;
    // A rule with a block does not become one with a group, nor with a block of IPv6.
    bench.refused(ErrorCode::InvalidParameterValue, one(ec2::SecurityGroupRuleRequest { cidr_ipv4: None, ..naming })).await;
    let sixth = ec2::SecurityGroupRuleRequest { cidr_ipv4: None, cidr_ipv6: Some("::/0".into()), ..block("") };
    bench.refused(ErrorCode::InvalidParameterValue, one(sixth)).await;
    let unknown = ec2::SecurityGroupRuleRequest { ip_protocol: Some("ip".into()), ..block("10.0.0.0/8") };
    bench.refused(ErrorCode::InvalidPermissionMalformed, one(unknown)).await;
    let same = vec![update(ids[0], block("12.0.0.0/8")), update(ids[1], block("12.0.0.0/8"))];
    bench.refused(ErrorCode::InvalidPermissionDuplicate, with(same)).await;
}

macro_rules! refuse_descriptions {
    ($name:ident, $request:ident) => {
        async fn $name(bench: &Bench, group: &str) {
            let with = |ip_permissions| ec2::$request { group_id: Some(group.into()), ip_permissions, ..Default::default() };
            let one = || vec![permission("tcp", 9, &["10.0.0.0/8"])];
            let of = |id: &str| ec2::$request { group_id: Some(id.into()), ..with(one()) };
            bench.refused(ErrorCode::InvalidGroupIdMalformed, of("sg-x")).await;
            bench.refused(ErrorCode::InvalidGroupNotFound, of("sg-0123abcd")).await;
            bench.refused(ErrorCode::MissingParameter, with(vec![])).await;
            bench.refused(ErrorCode::InvalidParameterValue, with(vec![permission("tcp", -2, &["10.0.0.0/8"])])).await;
            bench.refused(ErrorCode::InvalidPermissionMalformed, with(vec![permission("ip", 1, &["10.0.0.0/8"])])).await;
            bench.refused(ErrorCode::InvalidPermissionNotFound, with(one())).await;
            let named = |id: &str| {
                let one = ec2::SecurityGroupRuleDescription { security_group_rule_id: Some(id.into()), description: None };
                ec2::$request { security_group_rule_descriptions: vec![one], ..with(vec![]) }
            };
            bench.refused(ErrorCode::InvalidSecurityGroupRuleIdMalformed, named("sgr-x")).await;
            bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, named("sgr-0123abcd")).await;
            let both = ec2::$request { ip_permissions: one(), ..named("sgr-0123abcd") };
            bench.refused(ErrorCode::InvalidParameterCombination, both).await;
        }
    };
}
refuse_descriptions!(inbound_descriptions, UpdateSecurityGroupRuleDescriptionsIngressRequest);
refuse_descriptions!(outbound_descriptions, UpdateSecurityGroupRuleDescriptionsEgressRequest);

async fn limit(bench: &Bench, vpc: &str) {
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let copies = (0..2_500_u32).map(|number| security_group::Model {
        group_id: format!("sg-{number:017x}"),
        account_id: ONE.into(),
        vpc_id: vpc.into(),
        group_name: format!("copy {number}"),
        description: String::new(),
        generation: 1,
        created: 0,
    });
    let insert = security_group::Entity::insert_many(copies.map(IntoActiveModel::into_active_model));
    insert.exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
    bench.refused(ErrorCode::SecurityGroupLimitExceeded, group_request(vpc, "one more")).await;
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let copies = security_group::Entity::delete_many().filter(security_group::Column::GroupName.like("copy %"));
    copies.exec(tx.db()).await.expect("deleted");
    tx.commit().await.expect("committed");
}
