use super::*;
use crate::store::security_group;
use sea_orm::EntityTrait;

pub fn permission(protocol: &str, port: i32, cidrs: &[&str]) -> ec2::IpPermission {
    let range = |cidr: &&str| ec2::IpRange { cidr_ip: Some((*cidr).into()), description: None };
    ec2::IpPermission {
        ip_protocol: Some(protocol.into()),
        from_port: Some(port),
        to_port: Some(port),
        ip_ranges: cidrs.iter().map(range).collect(),
        ..Default::default()
    }
}

pub fn authorize(group: &ec2::SecurityGroup, ip_permissions: Vec<ec2::IpPermission>) -> ec2::AuthorizeSecurityGroupIngressRequest {
    ec2::AuthorizeSecurityGroupIngressRequest { group_id: group.group_id.clone(), ip_permissions, ..Default::default() }
}

pub fn revoke(group: &ec2::SecurityGroup, ip_permissions: Vec<ec2::IpPermission>) -> ec2::RevokeSecurityGroupIngressRequest {
    ec2::RevokeSecurityGroupIngressRequest { group_id: group.group_id.clone(), ip_permissions, ..Default::default() }
}

async fn generation(bench: &Bench, group: &ec2::SecurityGroup) -> i64 {
    let id = group.group_id.clone().expect("an id");
    let row = security_group::Entity::find_by_id(id).one(bench.scheduler.engine().store.reader()).await;
    row.expect("a read").expect("a row").generation
}

#[tokio::test]
async fn the_default_group_lets_its_members_in_and_everything_out() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    let [inbound] = group.ip_permissions.as_slice() else { panic!("{group:?}") };
    assert_eq!((inbound.ip_protocol.as_deref(), inbound.from_port), (Some("-1"), None));
    let [pair] = inbound.user_id_group_pairs.as_slice() else { panic!("{inbound:?}") };
    assert_eq!((&pair.group_id, pair.user_id.as_deref(), &pair.group_name), (&group.group_id, Some(ONE), &None));
    assert_eq!(group.ip_permissions_egress[0].ip_ranges[0].cidr_ip.as_deref(), Some("0.0.0.0/0"));
}

#[tokio::test]
async fn authorized_rules_come_back_as_one_permission_and_tell_the_hosts() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    let mut changes = bench.scheduler.engine().store.follow();
    let before = generation(&bench, &group).await;
    let answer = bench.get(authorize(&group, vec![permission("6", 22, &["10.1.2.3/8", "192.0.2.1/32"])])).await;
    assert_eq!(answer.security_group_rules.len(), 2, "one rule for each range");
    assert_eq!(answer.security_group_rules[0].cidr_ipv4.as_deref(), Some("10.0.0.0/8"), "host bits are cleared");
    assert_eq!(generation(&bench, &group).await, before + 1);
    assert_eq!(Some(changes.recv().await.expect("a change").id), group.group_id);
    bench.get(authorize(&group, vec![permission("tcp", 22, &["198.51.100.0/24"])])).await;
    let shown = default_group(&bench).await.ip_permissions;
    let ssh: Vec<_> = shown.iter().filter(|permission| permission.from_port == Some(22)).collect();
    assert_eq!(ssh.len(), 1, "{shown:?}");
    assert_eq!((ssh[0].ip_protocol.as_deref(), ssh[0].ip_ranges.len()), (Some("tcp"), 3));
}

#[tokio::test]
async fn the_plain_form_makes_one_rule_in_the_group_of_that_name() {
    let bench = Bench::new().await;
    let request = ec2::AuthorizeSecurityGroupIngressRequest {
        group_name: Some("default".into()),
        ip_protocol: Some("udp".into()),
        from_port: Some(53),
        to_port: Some(54),
        cidr_ip: Some("10.0.0.0/8".into()),
        tag_specifications: tagged("security-group-rule", &[("why", "dns")]),
        ..Default::default()
    };
    let rule = bench.get(request).await.security_group_rules.remove(0);
    assert_eq!((rule.from_port, rule.to_port, rule.ip_protocol.as_deref()), (Some(53), Some(54), Some("udp")));
    assert_eq!(rule.tags, [tag("why", "dns")]);
}

#[tokio::test]
async fn a_refused_rule_takes_the_others_of_its_request_with_it() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    bench.get(authorize(&group, vec![permission("tcp", 22, &["10.0.0.0/8"])])).await;
    let before = default_group(&bench).await;
    let request = authorize(&group, vec![permission("tcp", 80, &["10.0.0.0/8"]), permission("tcp", 22, &["10.0.0.0/8"])]);
    let fault = bench.refused(ErrorCode::InvalidPermissionDuplicate, request).await;
    assert!(fault.message.contains("peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW"), "{}", fault.message);
    assert_eq!(default_group(&bench).await, before);
}

#[tokio::test]
async fn a_revoked_rule_is_gone_whatever_its_description_and_ports_of_all_traffic_say_nothing() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    let mut described = permission("-1", 0, &["10.0.0.0/8"]);
    described.ip_ranges[0].description = Some("all of it".into());
    bench.get(authorize(&group, vec![described])).await;
    let answer = bench.get(revoke(&group, vec![permission("-1", -1, &["10.0.0.0/8"])])).await;
    assert_eq!(answer.revoked_security_group_rules.len(), 1);
    assert_eq!(answer.unknown_ip_permissions, []);
    assert_eq!(default_group(&bench).await.ip_permissions, group.ip_permissions);
}

#[tokio::test]
async fn a_rule_is_revoked_by_its_id() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    let made = bench.get(authorize(&group, vec![permission("tcp", 1, &["10.0.0.0/8", "11.0.0.0/8"])])).await;
    let id = made.security_group_rules[0].security_group_rule_id.clone().expect("an id");
    let by_id = ec2::RevokeSecurityGroupIngressRequest { security_group_rule_ids: vec![id.clone()], ..revoke(&group, vec![]) };
    let revoked = bench.get(by_id.clone()).await.revoked_security_group_rules;
    assert_eq!(revoked[0].security_group_rule_id, Some(id));
    let left = default_group(&bench).await.ip_permissions;
    let left = left.iter().find(|permission| permission.from_port == Some(1)).expect("the other rule");
    assert_eq!(left.ip_ranges.len(), 1);
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, by_id).await;
}

#[tokio::test]
async fn in_the_default_vpc_unknown_permissions_are_answered_and_the_rest_is_revoked() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    bench.get(authorize(&group, vec![permission("tcp", 1, &["10.0.0.0/8"])])).await;
    let request = revoke(&group, vec![permission("tcp", 1, &["10.0.0.0/8", "11.0.0.0/8"])]);
    let answer = bench.get(request).await;
    assert_eq!(answer.revoked_security_group_rules.len(), 1);
    assert_eq!(answer.unknown_ip_permissions[0].ip_ranges[0].cidr_ip.as_deref(), Some("11.0.0.0/8"));
}

#[tokio::test]
async fn another_accounts_group_is_as_absent_as_none() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    let fault = bench.ask(TWO, authorize(&group, vec![permission("tcp", 1, &["10.0.0.0/8"])])).await.expect_err("foreign");
    assert_eq!(fault.code, ErrorCode::InvalidGroupNotFound);
    let own = bench.ask(TWO, ec2::DescribeSecurityGroupsRequest::default()).await.expect("an answer").security_groups;
    assert_eq!(own.len(), 1);
    assert_ne!(own[0].group_id, group.group_id);
    // Nor may a rule name it as its source.
    let pair = ec2::UserIdGroupPair { group_id: own[0].group_id.clone(), ..Default::default() };
    let naming = ec2::IpPermission { user_id_group_pairs: vec![pair], ..permission("tcp", 1, &[]) };
    bench.refused(ErrorCode::InvalidGroupNotFound, authorize(&group, vec![naming])).await;
}

#[tokio::test]
async fn a_rule_may_name_a_group_of_the_default_vpc_by_its_name() {
    let bench = Bench::new().await;
    let group = default_group(&bench).await;
    let from = |name: &str, id: Option<String>| {
        let pair = ec2::UserIdGroupPair { group_name: Some(name.into()), group_id: id, ..Default::default() };
        authorize(&group, vec![ec2::IpPermission { user_id_group_pairs: vec![pair], ..permission("tcp", 1, &[]) }])
    };
    let made = bench.get(from("default", None)).await.security_group_rules.remove(0);
    assert_eq!(made.referenced_group_info.expect("a group").group_id, group.group_id);
    bench.refused(ErrorCode::InvalidGroupNotFound, from("nobody", None)).await;
    bench.refused(ErrorCode::InvalidParameterCombination, from("default", group.group_id.clone())).await;
}
