use super::network_refusals::{new_vpc, subnet_of};
use super::refusals::{many_keys, strings};
use super::*;
use crate::hosts::desired;
use crate::store::vpc;
use sea_orm::EntityTrait;

fn entry(acl: &str, rule_number: i32) -> ec2::CreateNetworkAclEntryRequest {
    ec2::CreateNetworkAclEntryRequest {
        network_acl_id: acl.into(),
        rule_number,
        protocol: "-1".into(),
        rule_action: "allow".into(),
        cidr_block: Some("10.1.2.3/8".into()),
        ..Default::default()
    }
}

fn replacing(entry: ec2::CreateNetworkAclEntryRequest) -> ec2::ReplaceNetworkAclEntryRequest {
    let ec2::CreateNetworkAclEntryRequest { dry_run, network_acl_id, rule_number, protocol, rule_action, egress, .. } = entry;
    let (cidr_block, ipv6_cidr_block, icmp_type_code, port_range) =
        (entry.cidr_block, entry.ipv6_cidr_block, entry.icmp_type_code, entry.port_range);
    ec2::ReplaceNetworkAclEntryRequest {
        dry_run,
        network_acl_id,
        rule_number,
        protocol,
        rule_action,
        egress,
        cidr_block,
        ipv6_cidr_block,
        icmp_type_code,
        port_range,
    }
}

fn without(acl: &str, rule_number: i32) -> ec2::DeleteNetworkAclEntryRequest {
    ec2::DeleteNetworkAclEntryRequest { network_acl_id: acl.into(), rule_number, ..Default::default() }
}

fn ports(from: i32, to: i32) -> ec2::PortRange {
    ec2::PortRange { from: Some(from), to: Some(to) }
}

async fn acl_of(bench: &Bench, vpc: &str) -> String {
    let create = ec2::CreateNetworkAclRequest { vpc_id: vpc.into(), ..Default::default() };
    bench.get(create).await.network_acl.expect("an ACL").network_acl_id.expect("an id")
}

async fn shown(bench: &Bench, id: &str) -> ec2::NetworkAcl {
    let named = ec2::DescribeNetworkAclsRequest { network_acl_ids: strings(&[id]), ..Default::default() };
    bench.get(named).await.network_acls.remove(0)
}

async fn default_acl(bench: &Bench, vpc: &str) -> ec2::NetworkAcl {
    let filters = vec![filter("vpc-id", &[vpc]), filter("default", &["true"])];
    bench.get(ec2::DescribeNetworkAclsRequest { filters, ..Default::default() }).await.network_acls.remove(0)
}

async fn generation(bench: &Bench, vpc: &str) -> i64 {
    vpc::Entity::find_by_id(vpc).one(bench.scheduler.store().reader()).await.expect("a read").expect("a row").generation
}

#[tokio::test]
async fn a_new_acl_denies_all_and_its_rules_come_go_and_change() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    let create = ec2::CreateNetworkAclRequest {
        tag_specifications: tagged("network-acl", &[("colour", "blue")]),
        client_token: Some("t".into()),
        vpc_id: vpc.clone(),
        ..Default::default()
    };
    let made = bench.get(create.clone()).await;
    assert_eq!((bench.get(create).await, made.client_token.as_deref()), (made.clone(), Some("t")), "once");
    let made = made.network_acl.expect("an ACL");
    let id = made.network_acl_id.clone().expect("an id");
    assert_eq!(made, shown(&bench, &id).await);
    assert_eq!((made.is_default, made.tags.as_slice(), made.associations.len()), (Some(false), [tag("colour", "blue")].as_slice(), 0));
    let words = |acl: &ec2::NetworkAcl| -> Vec<(i32, bool, String)> {
        let one = |entry: &ec2::NetworkAclEntry| {
            (entry.rule_number.unwrap_or(0), entry.egress == Some(true), entry.rule_action.clone().unwrap_or_default())
        };
        acl.entries.iter().map(one).collect()
    };
    assert_eq!(words(&made), [(32767, false, "deny".into()), (32767, true, "deny".into())]);

    let web = ec2::CreateNetworkAclEntryRequest { protocol: "tcp".into(), port_range: Some(ports(80, 443)), ..entry(&id, 100) };
    let before = generation(&bench, &vpc).await;
    bench.get(web.clone()).await;
    bench.get(ec2::CreateNetworkAclEntryRequest { egress: true, ..web.clone() }).await;
    assert_eq!(generation(&bench, &vpc).await, before + 2, "the hosts are told");
    let first = shown(&bench, &id).await.entries.remove(0);
    assert_eq!((first.protocol.as_deref(), first.cidr_block.as_deref()), (Some("6"), Some("10.0.0.0/8")), "by number, without host bits");
    assert_eq!(first.port_range, Some(ports(80, 443)));
    let icmp = Some(ec2::IcmpTypeCode { r#type: Some(8), code: Some(-1) });
    let ping = ec2::CreateNetworkAclEntryRequest { protocol: "1".into(), rule_action: "deny".into(), icmp_type_code: icmp, ..web };
    bench.get(replacing(ping)).await;
    let first = shown(&bench, &id).await.entries.remove(0);
    assert_eq!((first.port_range, first.icmp_type_code, first.rule_action.as_deref()), (None, icmp, Some("deny")));
    bench.get(without(&id, 100)).await;
    assert_eq!(words(&shown(&bench, &id).await)[..2], [(100, true, "allow".into()), (32767, false, "deny".into())]);
}

#[tokio::test]
async fn a_subnet_changes_its_acl_and_hosts_are_told_which_it_has() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    let subnet = bench.get(subnet_of(&vpc, "10.0.0.0/24")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let association = default_acl(&bench, &vpc).await.associations.remove(0);
    let acl = acl_of(&bench, &vpc).await;
    bench.get(ec2::CreateNetworkAclEntryRequest { protocol: "17".into(), port_range: Some(ports(53, 53)), ..entry(&acl, 7) }).await;
    let replace = ec2::ReplaceNetworkAclAssociationRequest {
        association_id: association.network_acl_association_id.clone().expect("an id"),
        network_acl_id: acl.clone(),
        dry_run: None,
    };
    let new = bench.get(replace.clone()).await.new_association_id;
    assert_ne!(new, association.network_acl_association_id);
    assert_eq!(default_acl(&bench, &vpc).await.associations, []);
    let now = shown(&bench, &acl).await.associations;
    assert_eq!((now[0].network_acl_association_id.clone(), now[0].subnet_id.as_ref()), (new, Some(&subnet)));
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, replace).await;
    let store = bench.scheduler.store();
    let told = desired::vpc(store.reader(), store.settings(), &vpc).await.expect("a read").expect("the VPC");
    assert_eq!((told.subnets[0].network_acl_id.as_str(), told.network_acls.len()), (acl.as_str(), 1));
    let rule = &told.network_acls[0].entries[0];
    assert_eq!((rule.rule_number, rule.egress, rule.allow, rule.protocol.as_str()), (7, false, true, "17"));
    assert_eq!((rule.cidr_block.as_str(), rule.from_port, rule.to_port), ("10.0.0.0/8", 53, 53));
}

fn of_ipv6(entry: ec2::CreateNetworkAclEntryRequest, block: &str) -> ec2::CreateNetworkAclEntryRequest {
    ec2::CreateNetworkAclEntryRequest { cidr_block: None, ipv6_cidr_block: Some(block.into()), ..entry }
}

#[tokio::test]
async fn an_ipv6_rule_is_kept_and_no_host_is_told() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.0.0.0/16").await.vpc_id.expect("an id");
    bench.get(subnet_of(&vpc, "10.0.0.0/24")).await;
    let acl = default_acl(&bench, &vpc).await.network_acl_id.expect("an id");
    bench.get(of_ipv6(entry(&acl, 101), "2001:DB8:0::1/32")).await;
    let icmp_type_code = Some(ec2::IcmpTypeCode { r#type: Some(128), code: Some(-1) });
    bench.get(ec2::CreateNetworkAclEntryRequest { protocol: "icmpv6".into(), icmp_type_code, ..of_ipv6(entry(&acl, 102), "::/0") }).await;
    let sixth = |entries: &[ec2::NetworkAclEntry]| -> Vec<(Option<String>, Option<String>)> {
        let numbered = entries.iter().filter(|entry| entry.rule_number > Some(100) && entry.rule_number < Some(32767));
        numbered.map(|entry| (entry.cidr_block.clone(), entry.ipv6_cidr_block.clone())).collect()
    };
    let entries = shown(&bench, &acl).await.entries;
    assert_eq!(sixth(&entries), [(None, Some("2001:db8::/32".into())), (None, Some("::/0".into()))]);
    let ping = entries.iter().find(|entry| entry.rule_number == Some(102)).expect("the rule");
    assert_eq!((ping.protocol.as_deref(), ping.icmp_type_code), (Some("58"), icmp_type_code));
    let found = ec2::DescribeNetworkAclsRequest { filters: vec![filter("entry.ipv6-cidr", &["2001:db8::/32"])], ..Default::default() };
    assert_eq!(bench.get(found).await.network_acls.len(), 1);
    let store = bench.scheduler.store();
    let told = desired::vpc(store.reader(), store.settings(), &vpc).await.expect("a read").expect("the VPC");
    let numbers: Vec<u32> = told.network_acls[0].entries.iter().map(|rule| rule.rule_number).collect();
    assert_eq!(numbers, [100, 32767, 100, 32767]);
    bench.get(replacing(entry(&acl, 101))).await;
    assert_eq!(sixth(&shown(&bench, &acl).await.entries)[0], (Some("10.0.0.0/8".into()), None));
}

/// Every error code that the actions of network ACLs declare.
pub async fn refusals(bench: &Bench) {
    let vpc = new_vpc(bench, "10.70.0.0/16").await.vpc_id.expect("an id");
    let create = |vpc: &str| ec2::CreateNetworkAclRequest { vpc_id: vpc.into(), ..Default::default() };
    bench.refused(ErrorCode::MissingParameter, create("")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, create("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, create("vpc-0123456789abcdef0")).await;
    bench
        .refused(
            ErrorCode::InvalidParameterValue,
            ec2::CreateNetworkAclRequest { tag_specifications: tagged("vpc", &[("a", "b")]), ..create(&vpc) },
        )
        .await;
    let keys = many_keys();
    let tags = tagged("network-acl", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateNetworkAclRequest { tag_specifications: tags, ..create(&vpc) }).await;
    let acl = acl_of(bench, &vpc).await;
    entries(bench, &acl).await;
    associations(bench, &vpc, &acl).await;
    // The default one and `acl` are there.
    for _ in 2..200 {
        bench.get(create(&vpc)).await;
    }
    bench.refused(ErrorCode::NetworkAclLimitExceeded, create(&vpc)).await;
}

macro_rules! refuse_acls {
    ($bench:expr, $of:expr) => {
        $bench.refused(ErrorCode::MissingParameter, $of("")).await;
        $bench.refused(ErrorCode::InvalidNetworkAclIdMalformed, $of("acl-zzz")).await;
        $bench.refused(ErrorCode::InvalidNetworkAclIdNotFound, $of("acl-0123456789abcdef0")).await;
    };
}

async fn entries(bench: &Bench, acl: &str) {
    refuse_acls!(bench, |id| entry(id, 100));
    refuse_acls!(bench, |id| replacing(entry(id, 100)));
    refuse_acls!(bench, |id| without(id, 100));
    let tcp = |port_range| ec2::CreateNetworkAclEntryRequest { protocol: "6".into(), port_range, ..entry(acl, 100) };
    let icmp = |kind, code| {
        let icmp_type_code = Some(ec2::IcmpTypeCode { r#type: kind, code });
        ec2::CreateNetworkAclEntryRequest { protocol: "1".into(), icmp_type_code, ..entry(acl, 100) }
    };
    let one = || entry(acl, 100);
    for missing in [
        ec2::CreateNetworkAclEntryRequest { cidr_block: None, ..one() },
        ec2::CreateNetworkAclEntryRequest { protocol: String::new(), ..one() },
        tcp(None),
        icmp(Some(8), None),
        ec2::CreateNetworkAclEntryRequest { protocol: "58".into(), ..of_ipv6(one(), "::/0") },
    ] {
        bench.refused(ErrorCode::MissingParameter, missing.clone()).await;
        bench.refused(ErrorCode::MissingParameter, replacing(missing)).await;
    }
    for wrong in [
        entry(acl, 0),
        entry(acl, 32767),
        ec2::CreateNetworkAclEntryRequest { rule_action: "perhaps".into(), ..one() },
        ec2::CreateNetworkAclEntryRequest { protocol: "telepathy".into(), ..one() },
        ec2::CreateNetworkAclEntryRequest { cidr_block: Some("10.0.0.0".into()), ..one() },
        tcp(Some(ports(2, 1))),
        tcp(Some(ports(0, 65536))),
        icmp(Some(-1), Some(0)),
        of_ipv6(one(), "::/129"),
        of_ipv6(one(), "10.0.0.0/8"),
    ] {
        bench.refused(ErrorCode::InvalidParameterValue, wrong.clone()).await;
        bench.refused(ErrorCode::InvalidParameterValue, replacing(wrong)).await;
    }
    let both = ec2::CreateNetworkAclEntryRequest { ipv6_cidr_block: Some("::/0".into()), ..one() };
    bench.refused(ErrorCode::InvalidParameterCombination, both.clone()).await;
    bench.refused(ErrorCode::InvalidParameterCombination, replacing(both)).await;
    bench.refused(ErrorCode::InvalidNetworkAclEntryNotFound, replacing(one())).await;
    bench.refused(ErrorCode::InvalidNetworkAclEntryNotFound, without(acl, 100)).await;
    bench.refused(ErrorCode::InvalidParameterValue, without(acl, 32767)).await;
    bench.get(one()).await;
    bench.refused(ErrorCode::NetworkAclEntryAlreadyExists, one()).await;
    // The last rule and 38 more beside the one above.
    for number in 101..139 {
        bench.get(entry(acl, number)).await;
    }
    bench.refused(ErrorCode::NetworkAclEntryLimitExceeded, entry(acl, 139)).await;
}

async fn associations(bench: &Bench, vpc: &str, acl: &str) {
    bench.get(subnet_of(vpc, "10.70.0.0/24")).await;
    let default = default_acl(bench, vpc).await;
    let default_id = default.network_acl_id.clone().expect("an id");
    let association = default.associations[0].network_acl_association_id.clone().expect("an id");
    let replace = |association: &str, acl: &str| ec2::ReplaceNetworkAclAssociationRequest {
        association_id: association.into(),
        network_acl_id: acl.into(),
        dry_run: None,
    };
    refuse_acls!(bench, |id: &str| replace(&association, id));
    bench.refused(ErrorCode::MissingParameter, replace("", acl)).await;
    bench.refused(ErrorCode::InvalidAssociationIdMalformed, replace("aclassoc-zzz", acl)).await;
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, replace("aclassoc-0123456789abcdef0", acl)).await;
    let other = new_vpc(bench, "10.71.0.0/16").await.vpc_id.expect("an id");
    let other = acl_of(bench, &other).await;
    bench.refused(ErrorCode::InvalidParameterValue, replace(&association, &other)).await;
    bench.get(replace(&association, acl)).await;
    let delete = |id: &str| ec2::DeleteNetworkAclRequest { network_acl_id: id.into(), dry_run: None };
    refuse_acls!(bench, delete);
    bench.refused(ErrorCode::DependencyViolation, delete(acl)).await;
    bench.refused(ErrorCode::InvalidParameterValue, delete(&default_id)).await;
    bench.get(delete(&other)).await;
}
