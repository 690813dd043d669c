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

pub fn group_request(vpc: &str, name: &str) -> ec2::CreateSecurityGroupRequest {
    let vpc_id = (!vpc.is_empty()).then(|| vpc.into());
    ec2::CreateSecurityGroupRequest { group_name: name.into(), description: "of a test".into(), vpc_id, ..Default::default() }
}

/// Makes a group and answers its id.
pub async fn group_of(bench: &Bench, vpc: &str, name: &str) -> String {
    bench.get(group_request(vpc, name)).await.group_id.expect("an id")
}

async fn group_by_id(bench: &Bench, id: &str) -> ec2::SecurityGroup {
    bench.get(ec2::DescribeSecurityGroupsRequest { group_ids: vec![id.into()], ..Default::default() }).await.security_groups.remove(0)
}

async fn rules_of(bench: &Bench, group: &str) -> Vec<ec2::SecurityGroupRule> {
    let of_group = ec2::DescribeSecurityGroupRulesRequest { filters: vec![filter("group-id", &[group])], ..Default::default() };
    bench.get(of_group).await.security_group_rules
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

#[tokio::test]
async fn a_new_group_lets_everything_out_and_nothing_in() {
    let bench = Bench::new().await;
    let vpc = default_group(&bench).await.vpc_id.expect("a VPC");
    let request = ec2::CreateSecurityGroupRequest {
        tag_specifications: tagged("security-group", &[("colour", "blue")]),
        ..group_request("", "web servers ")
    };
    let made = bench.get(request).await;
    let id = made.group_id.expect("an id");
    assert_eq!(made.security_group_arn, Some(format!("arn:aws:ec2:us-east-1:{ONE}:security-group/{id}")));
    let shown = group_by_id(&bench, &id).await;
    assert_eq!((shown.group_name.as_deref(), shown.vpc_id), (Some("web servers"), Some(vpc)), "trimmed, in the default VPC");
    assert_eq!((shown.ip_permissions, shown.tags, made.tags), (vec![], vec![tag("colour", "blue")], vec![tag("colour", "blue")]));
    let [out] = shown.ip_permissions_egress.as_slice() else { panic!("{:?}", shown.ip_permissions_egress) };
    assert_eq!((out.ip_protocol.as_deref(), out.ip_ranges[0].cidr_ip.as_deref()), (Some("-1"), Some("0.0.0.0/0")));
    let by_name = ec2::DeleteSecurityGroupRequest { group_name: Some("web servers".into()), ..Default::default() };
    assert_eq!(bench.get(by_name).await.group_id, Some(id.clone()));
    let gone = ec2::DescribeSecurityGroupsRequest { group_ids: vec![id.clone()], ..Default::default() };
    assert_eq!(bench.ask(ONE, gone).await.expect_err("gone").code, ErrorCode::InvalidGroupNotFound);
    assert_eq!(rules_of(&bench, &id).await, []);
}

#[tokio::test]
async fn the_directions_of_a_group_are_apart() {
    let bench = Bench::new().await;
    let id = group_of(&bench, "", "web").await;
    let one = || vec![permission("tcp", 22, &["10.0.0.0/8"])];
    let inbound = ec2::AuthorizeSecurityGroupIngressRequest { group_id: Some(id.clone()), ip_permissions: one(), ..Default::default() };
    let outbound = ec2::AuthorizeSecurityGroupEgressRequest { group_id: id.clone(), ip_permissions: one(), ..Default::default() };
    let inbound = bench.get(inbound).await.security_group_rules.remove(0);
    let outbound = bench.get(outbound).await.security_group_rules.remove(0);
    assert_eq!((inbound.is_egress, outbound.is_egress), (Some(false), Some(true)));
    // Neither is revoked as one of the other direction.
    let ids = vec![inbound.security_group_rule_id.clone().expect("an id")];
    let wrong = ec2::RevokeSecurityGroupEgressRequest { group_id: id.clone(), security_group_rule_ids: ids, ..Default::default() };
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, wrong).await;
    let revoked = ec2::RevokeSecurityGroupEgressRequest { group_id: id.clone(), ip_permissions: one(), ..Default::default() };
    let revoked = bench.get(revoked).await.revoked_security_group_rules;
    assert_eq!(revoked[0].security_group_rule_id, outbound.security_group_rule_id);
    let left = rules_of(&bench, &id).await;
    assert_eq!(left.len(), 2, "the one that it began with, and the inbound one: {left:?}");
    // In a default VPC what is not there is said, IPv6 as well.
    let range = ec2::Ipv6Range { cidr_ipv6: Some("::/0".into()), description: None };
    let sixth = ec2::IpPermission { ipv6_ranges: vec![range], ..permission("-1", 0, &[]) };
    let answer = bench.get(ec2::RevokeSecurityGroupEgressRequest { group_id: id, ip_permissions: vec![sixth], ..Default::default() }).await;
    assert_eq!(answer.unknown_ip_permissions[0].ipv6_ranges[0].cidr_ipv6.as_deref(), Some("::/0"));
}

#[tokio::test]
async fn an_ipv6_rule_is_kept_and_counted_apart_and_no_host_is_told() {
    let bench = Bench::new().await;
    let id = group_of(&bench, "", "web").await;
    let range = |cidr: &str| ec2::Ipv6Range { cidr_ipv6: Some(cidr.into()), description: Some("six".into()) };
    let group = group_by_id(&bench, &id).await;
    let both = || ec2::IpPermission { ipv6_ranges: vec![range("2001:DB8::1/32")], ..permission("tcp", 22, &["10.0.0.0/8"]) };
    bench.get(authorize(&group, vec![both()])).await;
    let shown = group_by_id(&bench, &id).await.ip_permissions;
    assert_eq!((shown.len(), shown[0].ip_ranges.len()), (1, 1), "one permission of both");
    assert_eq!(shown[0].ipv6_ranges, [range("2001:db8::/32")]);
    let found = |filters| ec2::DescribeSecurityGroupsRequest { filters, ..Default::default() };
    let found = bench.get(found(vec![filter("ip-permission.ipv6-cidr", &["2001:db8::/32"])])).await.security_groups;
    assert_eq!(found[0].group_id.as_ref(), Some(&id));
    bench.refused(ErrorCode::InvalidPermissionDuplicate, authorize(&group, vec![both()])).await;
    // One of each is there.
    let many: Vec<String> = (1..60).map(|n| format!("10.{n}.0.0/16")).collect();
    let many = permission("tcp", 1, &many.iter().map(String::as_str).collect::<Vec<_>>());
    let ranges = (1..60).map(|n| range(&format!("2001:db8:{n}::/48"))).collect();
    bench.get(authorize(&group, vec![ec2::IpPermission { ipv6_ranges: ranges, ..many }])).await;
    let one_more = ec2::IpPermission { ipv6_ranges: vec![range("::/0")], ..permission("tcp", 1, &[]) };
    bench.refused(ErrorCode::RulesPerSecurityGroupLimitExceeded, authorize(&group, vec![one_more])).await;
    let store = bench.scheduler.store();
    let told = crate::hosts::desired::security_group(store.reader(), &id).await.expect("a read").expect("the group");
    assert_eq!(told.rules.iter().filter(|rule| !rule.egress).count(), 60, "those of IPv4");
    let revoked = bench.get(revoke(&group, vec![both()])).await.revoked_security_group_rules;
    assert_eq!(revoked.iter().filter_map(|rule| rule.cidr_ipv6.as_deref()).collect::<Vec<_>>(), ["2001:db8::/32"]);
}

#[tokio::test]
async fn a_modified_rule_keeps_its_id_and_its_tags_and_tells_the_hosts() {
    let bench = Bench::new().await;
    let id = group_of(&bench, "", "web").await;
    let group = group_by_id(&bench, &id).await;
    let tags = tagged("security-group-rule", &[("why", "ssh")]);
    let both = ec2::AuthorizeSecurityGroupIngressRequest {
        tag_specifications: tags,
        ..authorize(&group, vec![permission("tcp", 1, &["10.0.0.0/8", "11.0.0.0/8"])])
    };
    let made = bench.get(both).await.security_group_rules;
    let before = generation(&bench, &group).await;
    let block = |cidr: &str| ec2::SecurityGroupRuleRequest {
        ip_protocol: Some("6".into()),
        from_port: Some(1),
        to_port: Some(1),
        cidr_ipv4: Some(cidr.into()),
        description: Some("swapped".into()),
        ..Default::default()
    };
    let update = |rule: &ec2::SecurityGroupRule, cidr: &str| ec2::SecurityGroupRuleUpdate {
        security_group_rule_id: rule.security_group_rule_id.clone().expect("an id"),
        security_group_rule: Some(block(cidr)),
    };
    // Each takes the other's place.
    let swapped = vec![update(&made[0], "11.0.0.0/8"), update(&made[1], "10.9.9.9/8")];
    bench.get(ec2::ModifySecurityGroupRulesRequest { group_id: id.clone(), security_group_rules: swapped, dry_run: None }).await;
    assert_eq!(generation(&bench, &group).await, before + 1);
    let shown = ec2::DescribeSecurityGroupRulesRequest {
        security_group_rule_ids: made.iter().filter_map(|rule| rule.security_group_rule_id.clone()).collect(),
        ..Default::default()
    };
    let shown = bench.get(shown).await.security_group_rules;
    for (was, becomes) in [(&made[0], "11.0.0.0/8"), (&made[1], "10.0.0.0/8")] {
        let now = shown.iter().find(|rule| rule.security_group_rule_id == was.security_group_rule_id).expect("the rule");
        assert_eq!((now.cidr_ipv4.as_deref(), now.description.as_deref()), (Some(becomes), Some("swapped")));
        assert_eq!((now.tags.as_slice(), now.is_egress), ([tag("why", "ssh")].as_slice(), Some(false)));
    }
}

#[tokio::test]
async fn a_description_is_changed_and_taken_away_and_no_host_is_told() {
    let bench = Bench::new().await;
    let id = group_of(&bench, "", "web").await;
    let group = group_by_id(&bench, &id).await;
    let rule = rules_of(&bench, &id).await.remove(0).security_group_rule_id.expect("an id");
    let before = generation(&bench, &group).await;
    let mut described = permission("-1", 0, &["0.0.0.0/0"]);
    described.ip_ranges[0].description = Some("all of it".into());
    let by_permission = ec2::UpdateSecurityGroupRuleDescriptionsEgressRequest {
        group_name: Some("web".into()),
        ip_permissions: vec![described],
        ..Default::default()
    };
    bench.get(by_permission).await;
    assert_eq!(rules_of(&bench, &id).await[0].description.as_deref(), Some("all of it"));
    let bare = ec2::SecurityGroupRuleDescription { security_group_rule_id: Some(rule), description: None };
    let by_id = ec2::UpdateSecurityGroupRuleDescriptionsEgressRequest {
        group_id: Some(id.clone()),
        security_group_rule_descriptions: vec![bare.clone()],
        ..Default::default()
    };
    bench.get(by_id).await;
    assert_eq!(rules_of(&bench, &id).await[0].description, None);
    assert_eq!(generation(&bench, &group).await, before);
    // It is no inbound rule.
    let inbound = ec2::UpdateSecurityGroupRuleDescriptionsIngressRequest {
        group_id: Some(id),
        security_group_rule_descriptions: vec![bare],
        ..Default::default()
    };
    bench.refused(ErrorCode::InvalidSecurityGroupRuleIdNotFound, inbound).await;
}

#[tokio::test]
async fn rules_are_found_by_group_id_and_tag_page_by_page() {
    let bench = Bench::new().await;
    let id = group_of(&bench, "", "web").await;
    let group = group_by_id(&bench, &id).await;
    let ranges: Vec<String> = (0..7).map(|n| format!("10.{n}.0.0/16")).collect();
    bench.get(authorize(&group, vec![permission("tcp", 1, &ranges.iter().map(String::as_str).collect::<Vec<_>>())])).await;
    let request = ec2::AuthorizeSecurityGroupIngressRequest {
        tag_specifications: tagged("security-group-rule", &[("colour", "blue")]),
        ..authorize(&group, vec![permission("udp", 1, &["10.0.0.0/8"])])
    };
    let blue = bench.get(request).await.security_group_rules.remove(0);
    let by_tag = ec2::DescribeSecurityGroupRulesRequest { filters: vec![filter("tag:colour", &["blue"])], ..Default::default() };
    assert_eq!(bench.get(by_tag).await.security_group_rules, std::slice::from_ref(&blue));
    let mut paged =
        ec2::DescribeSecurityGroupRulesRequest { filters: vec![filter("group-id", &[&id])], max_results: Some(5), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = bench.get(paged.clone()).await;
        seen.extend(page.security_group_rules.into_iter().filter_map(|rule| rule.security_group_rule_id));
        paged.next_token = page.next_token;
        if paged.next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 9, "the one that it began with, seven and a blue one");
    assert!(seen.is_sorted());
    // Another account's is as absent as none.
    let named = |account: &'static str| {
        let ids = blue.security_group_rule_id.clone().into_iter().collect();
        bench.ask(account, ec2::DescribeSecurityGroupRulesRequest { security_group_rule_ids: ids, ..Default::default() })
    };
    assert_eq!(named(ONE).await.expect("its own").security_group_rules.len(), 1);
    assert_eq!(named(TWO).await.expect_err("foreign").code, ErrorCode::InvalidSecurityGroupRuleIdNotFound);
}
