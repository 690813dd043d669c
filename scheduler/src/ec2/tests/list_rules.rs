//! Rules of security groups that name a prefix list: as clients see them, and as hosts are told.

use freehold_proto::internal::host::{SecurityGroupDesired, rule_desired::Peer};

use super::prefix_lists::{ABSENT, associations_of, delete, made, modify, resize};
use super::security_groups::{authorize, group_of, permission, revoke};
use super::*;
use crate::hosts::desired;

fn naming(list: &str, port: i32) -> ec2::IpPermission {
    let list = ec2::PrefixListId { prefix_list_id: Some(list.into()), description: Some("offices".into()) };
    ec2::IpPermission { prefix_list_ids: vec![list], ..permission("tcp", port, &[]) }
}

fn outbound(group: &str, ip_permissions: Vec<ec2::IpPermission>) -> ec2::AuthorizeSecurityGroupEgressRequest {
    ec2::AuthorizeSecurityGroupEgressRequest { group_id: group.into(), ip_permissions, ..Default::default() }
}

fn rewrite(group: &str, rule: &str, list: &str) -> ec2::ModifySecurityGroupRulesRequest {
    let to = ec2::SecurityGroupRuleRequest {
        ip_protocol: Some("tcp".into()),
        from_port: Some(7),
        to_port: Some(7),
        prefix_list_id: Some(list.into()),
        ..Default::default()
    };
    let update = ec2::SecurityGroupRuleUpdate { security_group_rule_id: rule.into(), security_group_rule: Some(to) };
    ec2::ModifySecurityGroupRulesRequest { group_id: group.into(), security_group_rules: vec![update], dry_run: None }
}

pub async fn refusals(bench: &Bench) {
    let group = default_group(bench).await;
    let id = group.group_id.clone().expect("an id");
    let absent = || vec![naming(ABSENT, 1)];
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, authorize(&group, absent())).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, authorize(&group, vec![naming("offices", 1)])).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, outbound(&id, absent())).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, revoke(&group, absent())).await;
    let request = ec2::RevokeSecurityGroupEgressRequest { group_id: id.clone(), ip_permissions: absent(), ..Default::default() };
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, request).await;
    let (group_id, ip_permissions) = (Some(id.clone()), absent());
    let request = ec2::UpdateSecurityGroupRuleDescriptionsIngressRequest { group_id, ip_permissions, ..Default::default() };
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, request).await;
    let (group_id, ip_permissions) = (Some(id.clone()), absent());
    let request = ec2::UpdateSecurityGroupRuleDescriptionsEgressRequest { group_id, ip_permissions, ..Default::default() };
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, request).await;

    let foreign = super::prefix_lists::create(1, &[]);
    let foreign = bench.ask(TWO, foreign).await.expect("a list").prefix_list.expect("a list").prefix_list_id.expect("an id");
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, authorize(&group, vec![naming(&foreign, 1)])).await;
    sizes(bench, &id).await;
}

/// A rule counts as its list has room for.
async fn sizes(bench: &Bench, group: &str) {
    let (small, large) = (made(bench, 1, &["10.0.0.0/8"]).await, made(bench, 60, &[]).await);
    bench.refused(ErrorCode::RulesPerSecurityGroupLimitExceeded, outbound(group, vec![naming(&large, 1)])).await;
    let rule = bench.get(outbound(group, vec![naming(&small, 1)])).await.security_group_rules.remove(0);
    let rule = rule.security_group_rule_id.expect("an id");
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, rewrite(group, &rule, ABSENT)).await;
    bench.refused(ErrorCode::RulesPerSecurityGroupLimitExceeded, rewrite(group, &rule, &large)).await;
    // The group has a rule besides.
    let fault = bench.refused(ErrorCode::ResourceLimitExceeded, resize(&small, 60)).await;
    assert!(fault.message.contains(group), "{}", fault.message);
    bench.get(resize(&small, 59)).await;
    let fault = bench.refused(ErrorCode::DependencyViolation, delete(&small)).await;
    assert!(fault.message.contains(group), "{}", fault.message);
    let by_id = ec2::RevokeSecurityGroupEgressRequest { group_id: group.into(), security_group_rule_ids: vec![rule], ..Default::default() };
    bench.get(by_id).await;
    bench.get(delete(&small)).await;
}

async fn told(bench: &Bench, group: &str) -> SecurityGroupDesired {
    desired::security_group(bench.scheduler.store().reader(), group).await.expect("a read").expect("a group")
}

/// Sorted: which rule comes first is nobody's to say.
fn blocks(group: &SecurityGroupDesired, port: i32) -> Vec<&str> {
    let of_port = group.rules.iter().filter(|rule| rule.from_port == port);
    let mut found: Vec<&str> = of_port
        .map(|rule| match &rule.peer {
            Some(Peer::CidrIpv4(block)) => block.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    found.sort_unstable();
    found
}

#[tokio::test]
async fn hosts_are_told_a_rule_for_each_block_and_of_each_change_of_the_list() {
    let bench = Bench::new().await;
    let vpc = super::network_refusals::new_vpc(&bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    let group = group_of(&bench, &vpc, "web").await;
    let list = made(&bench, 5, &["10.0.0.0/8", "192.0.2.0/24"]).await;
    let rules = [naming(&list, 80), permission("tcp", 80, &["203.0.113.0/24"])];
    let request =
        ec2::AuthorizeSecurityGroupIngressRequest { group_id: Some(group.clone()), ip_permissions: rules.to_vec(), ..Default::default() };
    let rule = bench.get(request).await.security_group_rules.remove(0);
    assert_eq!((rule.prefix_list_id.as_ref(), rule.cidr_ipv4, rule.description.as_deref()), (Some(&list), None, Some("offices")));
    assert_eq!(blocks(&told(&bench, &group).await, 80), ["10.0.0.0/8", "192.0.2.0/24", "203.0.113.0/24"]);
    let before = told(&bench, &group).await.generation;
    bench.get(modify(&list, &["198.51.100.0/24"], &["10.0.0.0/8"])).await;
    let now = told(&bench, &group).await;
    assert_eq!(blocks(&now, 80), ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"]);
    assert_eq!(now.generation, before + 1);
    bench.get(ec2::ModifyManagedPrefixListRequest { prefix_list_name: Some("other".into()), ..modify(&list, &[], &[]) }).await;
    assert_eq!(told(&bench, &group).await.generation, now.generation, "another name is nothing to a host");

    let shown =
        ec2::DescribeSecurityGroupsRequest { filters: vec![filter("ip-permission.prefix-list-id", &[&list])], ..Default::default() };
    let shown = bench.get(shown).await.security_groups.remove(0);
    let [permission] = shown.ip_permissions.as_slice() else { panic!("{shown:?}") };
    assert_eq!((permission.prefix_list_ids.len(), permission.ip_ranges.len()), (1, 1));
    assert_eq!(permission.prefix_list_ids[0].prefix_list_id.as_ref(), Some(&list));
    let egress = filter("egress.ip-permission.prefix-list-id", &[&list]);
    let none = ec2::DescribeSecurityGroupsRequest { filters: vec![egress], ..Default::default() };
    assert_eq!(bench.get(none).await.security_groups, []);
    let named = bench.get(associations_of(&list)).await.prefix_list_associations;
    assert_eq!(named, [ec2::PrefixListAssociation { resource_id: Some(group.clone()), resource_owner: Some(ONE.into()) }]);

    let rule = rule.security_group_rule_id.expect("an id");
    bench.get(rewrite(&group, &rule, &list)).await;
    assert_eq!(blocks(&told(&bench, &group).await, 7), ["192.0.2.0/24", "198.51.100.0/24"]);
    let gone = ec2::RevokeSecurityGroupIngressRequest {
        group_id: Some(group.clone()),
        ip_permissions: vec![naming(&list, 7)],
        ..Default::default()
    };
    let revoked = bench.get(gone).await.revoked_security_group_rules;
    assert_eq!(revoked[0].prefix_list_id.as_ref(), Some(&list));
    assert_eq!(blocks(&told(&bench, &group).await, 7), [] as [&str; 0]);
    assert_eq!(bench.get(associations_of(&list)).await.prefix_list_associations, []);
    bench.get(delete(&list)).await;
}
