//! Names, maintenance and security groups of an instance, as clients see them and as its host is told.

use freehold_proto::internal::host::{GuestState, InstanceDesired, InstanceObserved, VpcDesired};
use sea_orm::{ActiveModelTrait, IntoActiveModel};

use super::*;
use crate::lab::{ALICE, Agent, BOB, Lab, as_desired, eventually};
use crate::network::vpc;
use crate::store::security_group;

fn named(hostname_type: &str, a_record: bool) -> ec2::PrivateDnsNameOptionsRequest {
    ec2::PrivateDnsNameOptionsRequest {
        hostname_type: Some(hostname_type.into()),
        enable_resource_name_dns_a_record: Some(a_record),
        ..Default::default()
    }
}

fn rename(id: &str, hostname_type: Option<&str>, a_record: Option<bool>) -> ec2::ModifyPrivateDnsNameOptionsRequest {
    ec2::ModifyPrivateDnsNameOptionsRequest {
        instance_id: id.into(),
        private_dns_hostname_type: hostname_type.map(Into::into),
        enable_resource_name_dns_a_record: a_record,
        ..Default::default()
    }
}

async fn told(agent: &Agent, id: &str, what: &str, so: impl Fn(&InstanceDesired) -> bool) -> InstanceDesired {
    agent.until_told(what, |told| told.instances.get(id).is_some_and(&so)).await.instances.remove(id).expect("it was told")
}

/// Ids that are names, and whether they are what the instance calls itself.
fn names(vpc: &VpcDesired) -> Vec<(String, bool)> {
    vpc.resource_names.iter().map(|name| (name.instance_id.clone(), name.is_hostname)).collect()
}

async fn until_names(agent: &Agent, expected: &[(&str, bool)]) {
    let expected: Vec<(String, bool)> = expected.iter().map(|(id, is_hostname)| ((*id).to_owned(), *is_hostname)).collect();
    agent.until_told("the names", |told| told.vpcs.values().all(|vpc| names(vpc) == expected)).await;
}

#[tokio::test]
async fn an_instance_is_called_by_its_address_unless_it_is_to_be_called_by_its_id() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let plain = lab.run(lab.launch()).await;
    let shown = plain.private_dns_name_options.clone().expect("options");
    assert_eq!((shown.hostname_type.as_deref(), shown.enable_resource_name_dns_a_record), (Some("ip-name"), Some(false)));
    assert!(plain.private_dns_name.expect("a name").starts_with("ip-172-31-"));
    let own = lab.run(ec2::RunInstancesRequest { private_dns_name_options: Some(named("resource-name", true)), ..lab.launch() }).await;
    let id = own.instance_id.expect("an id");
    let name = format!("{id}.ec2.internal");
    assert_eq!(own.private_dns_name.as_deref(), Some(name.as_str()));
    let metadata = told(&agent, &id, "its name", |_| true).await.metadata.expect("metadata");
    assert_eq!(metadata.private_dns_name, name);
    until_names(&agent, &[(&id, true)]).await;

    // That it is answered for changes at any time, what it is called while it is stopped.
    lab.until_state(&id, "running").await;
    assert_eq!(lab.code(rename(&id, Some("ip-name"), None)).await, ErrorCode::IncorrectInstanceState);
    lab.ok(rename(&id, Some("resource-name"), Some(false))).await;
    until_names(&agent, &[]).await;
    lab.stop(&id).await;
    lab.until_state(&id, "stopped").await;
    lab.ok(rename(&id, Some("ip-name"), Some(true))).await;
    until_names(&agent, &[(&id, false)]).await;
    assert!(lab.instance(&id).await.private_dns_name.expect("a name").starts_with("ip-172-31-"));
    assert_eq!(lab.code(rename(&id, Some("my-name"), None)).await, ErrorCode::InvalidParameterValue);
    assert_eq!(lab.code(rename(&id, None, None)).await, ErrorCode::MissingParameter);
    lab.terminate(&id).await;
    lab.until_state(&id, "terminated").await;
    until_names(&agent, &[]).await;
    assert_eq!(lab.code(rename(&id, None, Some(true))).await, ErrorCode::IncorrectInstanceState);
}

#[tokio::test]
async fn a_guest_that_stays_down_fails_both_checks_until_its_host_is_told_to_start_it() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let disabled = ec2::InstanceMaintenanceOptionsRequest { auto_recovery: Some("disabled".into()) };
    let launched = lab.run(ec2::RunInstancesRequest { maintenance_options: Some(disabled), ..lab.launch() }).await;
    let recovery = |instance: ec2::Instance| instance.maintenance_options.and_then(|options| options.auto_recovery);
    assert_eq!(recovery(launched.clone()).as_deref(), Some("disabled"));
    let id = launched.instance_id.expect("an id");
    let desired = told(&agent, &id, "the instance", |desired| desired.stays_down).await;
    let running = as_desired(&desired);
    agent.report(running.clone()).await;
    lab.until_state(&id, "running").await;
    lab.clock.advance(std::time::Duration::from_mins(2));
    let ended = InstanceObserved {
        state: GuestState::Impaired.into(),
        fault_code: "guest-ended".into(),
        fault_message: "its process ended".into(),
        ..running
    };
    agent.report(ended).await;
    let status = async || {
        let request = ec2::DescribeInstanceStatusRequest { instance_ids: vec![id.clone()], ..Default::default() };
        let found = lab.ok(request).await.instance_statuses.remove(0);
        let word = |summary: Option<ec2::InstanceStatusSummary>| summary.and_then(|summary| summary.status).expect("a word");
        (word(found.system_status), word(found.instance_status))
    };
    eventually("impaired", async || status().await == ("impaired".into(), "impaired".into())).await;
    assert_eq!(lab.state(&id).await, "running");
    let why = crate::operator::explain::explain(lab.store(), &id).await.expect("an explanation");
    assert!(why.placed[0].now.contains("its process ended"), "{}", why.placed[0].now);
    let problems = crate::operator::status(lab.store(), "").await.expect("a status").problems;
    let about = problems.iter().find(|problem| problem.part.contains(&id)).expect("a problem");
    assert!(about.what.starts_with("does not run on host lab") && about.remedy.contains("reboot-instances"), "{about:?}");

    lab.ok(ec2::RebootInstancesRequest { instance_ids: vec![id.clone()], ..Default::default() }).await;
    let rebooted = told(&agent, &id, "the reboot", |desired| desired.reboot_count == 1).await;
    agent.report(as_desired(&rebooted)).await;
    eventually("ok", async || status().await == ("ok".into(), "ok".into())).await;

    let change = |auto_recovery: Option<&str>| ec2::ModifyInstanceMaintenanceOptionsRequest {
        instance_id: id.clone(),
        auto_recovery: auto_recovery.map(Into::into),
        ..Default::default()
    };
    let answer = lab.ok(change(Some("default"))).await;
    assert_eq!((answer.auto_recovery.as_deref(), answer.reboot_migration.as_deref()), (Some("default"), Some("default")));
    told(&agent, &id, "that it may be started again", |desired| !desired.stays_down).await;
    assert_eq!(lab.code(change(Some("sometimes"))).await, ErrorCode::InvalidParameterValue);
    assert_eq!(lab.code(change(None)).await, ErrorCode::MissingParameter);
}

/// Another VPC than the default one.
async fn other_vpc(lab: &Lab, account_id: &str) -> String {
    let tx = lab.store().begin(account_id).await.expect("a transaction");
    let new = vpc::New {
        cidr_block: "10.0.0.0/16".parse().expect("a block"),
        is_default: false,
        enable_dns_hostnames: false,
        dhcp_options_id: "default".into(),
    };
    let id = vpc::create(&tx, new).await.expect("a VPC").vpc_id;
    tx.commit().await.expect("committed");
    id
}

async fn group(lab: &Lab, account_id: &str, vpc_id: &str, name: &str) -> String {
    let row = security_group::Model {
        group_id: freehold_proto::id::SecurityGroupId::draw(&freehold_proto::id::OsEntropy).into(),
        account_id: account_id.into(),
        vpc_id: vpc_id.into(),
        group_name: name.into(),
        description: name.into(),
        generation: 1,
        created: 0,
    };
    let tx = lab.store().begin(account_id).await.expect("a transaction");
    let id = row.into_active_model().insert(tx.db()).await.expect("a group").group_id;
    tx.commit().await.expect("committed");
    id
}

#[tokio::test]
async fn other_groups_replace_those_of_the_interface_and_the_host_filters_by_them() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let launched = lab.run(lab.launch()).await;
    let (id, vpc_id) = (launched.instance_id.expect("an id"), launched.vpc_id.expect("a VPC"));
    let before = launched.security_groups[0].group_id.clone().expect("the default group");
    let (web, db) = (group(&lab, ALICE, &vpc_id, "web").await, group(&lab, ALICE, &vpc_id, "db").await);
    let change = |groups: &[&String]| ec2::ModifyInstanceAttributeRequest {
        instance_id: id.clone(),
        groups: groups.iter().map(|group| (*group).clone()).collect(),
        ..Default::default()
    };
    lab.ok(change(&[&web, &db, &web])).await;
    let mut expected = vec![web.clone(), db.clone()];
    expected.sort();
    let held = |desired: &InstanceDesired| {
        let mut groups = desired.interfaces[0].security_group_ids.clone();
        groups.sort();
        groups
    };
    let desired = told(&agent, &id, "its groups", |desired| held(desired) == expected).await;
    let mut names = desired.metadata.expect("metadata").security_group_names;
    names.sort();
    assert_eq!(names, ["db", "web"]);
    // A host has all groups of its VPC, since a rule may name any.
    agent.until_told("the groups", |told| [&before, &web, &db].iter().all(|id| told.groups.contains_key(*id))).await;
    let shown = lab.instance(&id).await;
    let ids = |groups: &[ec2::GroupIdentifier]| groups.iter().filter_map(|group| group.group_id.clone()).collect::<Vec<_>>();
    let mut of_both = [ids(&shown.security_groups), ids(&shown.network_interfaces[0].groups)];
    for ids in &mut of_both {
        ids.sort();
    }
    assert_eq!(of_both, [expected.clone(), expected]);

    let absent = "sg-00000000000000000".to_owned();
    assert_eq!(lab.code(change(&[&web, &absent])).await, ErrorCode::InvalidGroupNotFound);
    let foreign = group(&lab, BOB, &other_vpc(&lab, BOB).await, "theirs").await;
    assert_eq!(lab.code(change(&[&foreign])).await, ErrorCode::InvalidGroupNotFound);
    assert_eq!(lab.code(change(&[&"sg-zzz".to_owned()])).await, ErrorCode::InvalidGroupIdMalformed);
    let elsewhere = group(&lab, ALICE, &other_vpc(&lab, ALICE).await, "elsewhere").await;
    assert_eq!(lab.code(change(&[&elsewhere])).await, ErrorCode::InvalidParameter);
    let mut many = Vec::new();
    for number in 0..6 {
        many.push(group(&lab, ALICE, &vpc_id, &format!("many-{number}")).await);
    }
    let many: Vec<&String> = many.iter().collect();
    assert_eq!(lab.code(change(&many)).await, ErrorCode::SecurityGroupsPerInterfaceLimitExceeded);
    let two =
        ec2::ModifyInstanceAttributeRequest { disable_api_stop: Some(ec2::AttributeBooleanValue { value: Some(true) }), ..change(&[&web]) };
    assert_eq!(lab.code(two).await, ErrorCode::InvalidParameterCombination);
    assert_eq!(ids(&lab.instance(&id).await.security_groups).len(), 2, "nothing of a refused request is done");
}

#[tokio::test]
async fn an_instance_is_called_as_its_subnet_says_unless_its_launch_says_otherwise() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let first = lab.run(lab.launch()).await;
    let subnet_id = first.subnet_id.expect("a subnet");
    let subnet = |hostname_type: Option<&str>, a_record: Option<bool>| ec2::ModifySubnetAttributeRequest {
        subnet_id: subnet_id.clone(),
        private_dns_hostname_type_on_launch: hostname_type.map(Into::into),
        enable_resource_name_dns_a_record_on_launch: a_record.map(|value| ec2::AttributeBooleanValue { value: Some(value) }),
        ..Default::default()
    };
    lab.ok(subnet(Some("resource-name"), None)).await;
    lab.ok(subnet(None, Some(true))).await;
    let called = |instance: &ec2::Instance| {
        let (id, name) = (instance.instance_id.clone().expect("an id"), instance.private_dns_name.clone().expect("a name"));
        name == format!("{id}.ec2.internal")
    };
    assert!(!called(&lab.instance(&first.instance_id.expect("an id")).await), "what was there is called as before");
    let second = lab.run(lab.launch()).await;
    assert!(called(&second), "{:?}", second.private_dns_name);
    let other = ec2::RunInstancesRequest { private_dns_name_options: Some(named("ip-name", false)), ..lab.launch() };
    assert!(!called(&lab.run(other).await));
    until_names(&agent, &[(second.instance_id.as_deref().expect("an id"), true)]).await;
}
