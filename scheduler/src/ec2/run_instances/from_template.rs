//! Launches of launch templates.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use crate::lab::{ALICE, Agent, BOB, Lab};

/// What runs one t3.micro, as a template has it.
fn launchable(lab: &Lab) -> ec2::RequestLaunchTemplateData {
    let launch = lab.launch();
    ec2::RequestLaunchTemplateData { image_id: launch.image_id, instance_type: launch.instance_type, ..Default::default() }
}

async fn template(lab: &Lab, name: &str, data: ec2::RequestLaunchTemplateData) -> String {
    let request = ec2::CreateLaunchTemplateRequest {
        launch_template_name: name.into(),
        launch_template_data: Some(data),
        ..ec2::CreateLaunchTemplateRequest::default()
    };
    lab.ok(request).await.launch_template.and_then(|made| made.launch_template_id).expect("an id")
}

async fn add_version(lab: &Lab, id: &str, data: ec2::RequestLaunchTemplateData) {
    let request = ec2::CreateLaunchTemplateVersionRequest {
        launch_template_id: Some(id.into()),
        launch_template_data: Some(data),
        ..ec2::CreateLaunchTemplateVersionRequest::default()
    };
    lab.ok(request).await;
}

/// A request that says nothing but its template.
fn of(id: Option<&str>, name: Option<&str>, version: Option<&str>) -> ec2::RunInstancesRequest {
    let specification = ec2::LaunchTemplateSpecification {
        launch_template_id: id.map(Into::into),
        launch_template_name: name.map(Into::into),
        version: version.map(Into::into),
    };
    ec2::RunInstancesRequest { launch_template: Some(specification), min_count: 1, max_count: 1, ..ec2::RunInstancesRequest::default() }
}

fn tag(instance: &ec2::Instance, key: &str) -> Option<String> {
    instance.tags.iter().find(|tag| tag.key.as_deref() == Some(key)).and_then(|tag| tag.value.clone())
}

fn named(name: &str) -> Vec<ec2::Tag> {
    vec![ec2::Tag { key: Some("Name".into()), value: Some(name.into()) }]
}

#[tokio::test]
async fn what_a_request_does_not_say_its_template_says() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let hops = |hops, tokens: Option<&str>| ec2::LaunchTemplateInstanceMetadataOptionsRequest {
        http_put_response_hop_limit: hops,
        http_tokens: tokens.map(Into::into),
        ..Default::default()
    };
    let data = ec2::RequestLaunchTemplateData {
        metadata_options: Some(hops(Some(5), None)),
        monitoring: Some(ec2::LaunchTemplatesMonitoringRequest { enabled: Some(true) }),
        tag_specifications: vec![ec2::LaunchTemplateTagSpecificationRequest {
            resource_type: Some("instance".into()),
            tags: named("template"),
        }],
        ..launchable(&lab)
    };
    let id = template(&lab, "web", data).await;
    let plain = lab.run(of(Some(&id), None, None)).await;
    assert_eq!(plain.instance_type.as_deref(), Some("t3.micro"));
    assert_eq!(plain.monitoring.as_ref().and_then(|monitoring| monitoring.state.as_deref()), Some("enabled"));
    assert_eq!(plain.metadata_options.as_ref().and_then(|options| options.http_put_response_hop_limit), Some(5));
    assert_eq!(tag(&plain, "Name").as_deref(), Some("template"));
    assert_eq!(
        (tag(&plain, "aws:ec2launchtemplate:id"), tag(&plain, "aws:ec2launchtemplate:version")),
        (Some(id.clone()), Some("1".into()))
    );
    let over = ec2::RunInstancesRequest {
        instance_type: Some("t3.small".into()),
        metadata_options: Some(ec2::InstanceMetadataOptionsRequest { http_tokens: Some("required".into()), ..Default::default() }),
        tag_specifications: vec![ec2::TagSpecification { resource_type: Some("instance".into()), tags: named("request") }],
        monitoring: Some(ec2::RunInstancesMonitoringEnabled { enabled: false }),
        ..of(None, Some("web"), Some("$Latest"))
    };
    let over = lab.run(over).await;
    assert_eq!((over.instance_type.as_deref(), tag(&over, "Name").as_deref()), (Some("t3.small"), Some("request")));
    assert_eq!(over.monitoring.as_ref().and_then(|monitoring| monitoring.state.as_deref()), Some("disabled"));
    let options = over.metadata_options.clone().expect("options");
    assert_eq!((options.http_tokens.as_deref(), options.http_put_response_hop_limit), (Some("required"), Some(5)), "merged");
    assert_eq!(tag(&over, "aws:ec2launchtemplate:id"), Some(id.clone()));
    let filters = vec![ec2::Filter { name: Some("tag:aws:ec2launchtemplate:id".into()), values: vec![id] }];
    assert_eq!(lab.ok(ec2::DescribeInstancesRequest { filters, ..Default::default() }).await.reservations.len(), 2);
}

#[tokio::test]
async fn a_version_is_the_default_one_the_latest_one_or_a_number() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let id = template(&lab, "web", launchable(&lab)).await;
    add_version(&lab, &id, ec2::RequestLaunchTemplateData { instance_type: Some("t3.nano".into()), ..launchable(&lab) }).await;
    add_version(&lab, &id, ec2::RequestLaunchTemplateData { instance_type: Some("t3.small".into()), ..launchable(&lab) }).await;
    let expected =
        [(None, "t3.micro", "1"), (Some("$Default"), "t3.micro", "1"), (Some("$Latest"), "t3.small", "3"), (Some("2"), "t3.nano", "2")];
    for (asked, kind, number) in expected {
        let launched = lab.run(of(Some(&id), None, asked)).await;
        assert_eq!(
            (launched.instance_type.as_deref(), tag(&launched, "aws:ec2launchtemplate:version").as_deref()),
            (Some(kind), Some(number))
        );
    }
}

#[tokio::test]
async fn the_same_request_under_a_token_is_one_launch_whatever_its_template_became() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let id = template(&lab, "web", launchable(&lab)).await;
    let request = ec2::RunInstancesRequest { client_token: Some("t".into()), ..of(Some(&id), None, Some("$Latest")) };
    let first = lab.ok(request.clone()).await;
    add_version(&lab, &id, ec2::RequestLaunchTemplateData { instance_type: Some("t3.small".into()), ..launchable(&lab) }).await;
    assert_eq!(lab.ok(request.clone()).await, first);
    lab.ok(ec2::DeleteLaunchTemplateRequest { launch_template_id: Some(id.clone()), ..Default::default() }).await;
    assert_eq!(lab.ok(request.clone()).await, first);
    assert_eq!(lab.code(ec2::RunInstancesRequest { client_token: None, ..request }).await, ErrorCode::InvalidLaunchTemplateIdNotFound);
}

type Change = fn(&mut ec2::RequestLaunchTemplateData);

#[tokio::test]
async fn what_a_template_says_and_nobody_does_is_refused_by_name() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let cases: &[(&str, Change)] = &[
        ("KernelId", |data| data.kernel_id = Some("aki-1".into())),
        ("RamdiskId", |data| data.ram_disk_id = Some("ari-1".into())),
        ("EbsOptimized", |data| data.ebs_optimized = Some(true)),
        ("IamInstanceProfile.Name", |data| {
            data.iam_instance_profile =
                Some(ec2::LaunchTemplateIamInstanceProfileSpecificationRequest { name: Some("web".into()), ..Default::default() });
        }),
        ("InstanceRequirements", |data| data.instance_requirements = Some(ec2::InstanceRequirementsRequest::default())),
    ];
    for (index, (path, change)) in cases.iter().enumerate() {
        let mut data = launchable(&lab);
        change(&mut data);
        let id = template(&lab, &format!("template-{index}"), data).await;
        let fault = lab.call(ALICE, of(Some(&id), None, None)).await.expect_err("refused");
        assert_eq!(fault.code, ErrorCode::UnsupportedOperation);
        assert!(fault.message.starts_with(&format!("The parameter {path} of version 1 of the launch template {id}")), "{}", fault.message);
    }
    let data = ec2::RequestLaunchTemplateData { ebs_optimized: Some(false), ..launchable(&lab) };
    let id = template(&lab, "default", data).await;
    lab.run(of(Some(&id), None, None)).await;
}

#[tokio::test]
async fn every_refusal_has_aws_s_code() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let id = template(&lab, "web", launchable(&lab)).await;
    let empty = template(&lab, "empty", ec2::RequestLaunchTemplateData { key_name: Some(String::new()), ..Default::default() }).await;
    let groups = ec2::RequestLaunchTemplateData { security_groups: vec!["default".into()], ..launchable(&lab) };
    let groups = template(&lab, "groups", groups).await;
    let interface = ec2::InstanceNetworkInterfaceSpecification { device_index: Some(0), ..Default::default() };
    for (code, request) in [
        (ErrorCode::InvalidLaunchTemplateIdMalformed, of(Some("lt-x"), None, None)),
        (ErrorCode::InvalidLaunchTemplateIdNotFound, of(Some("lt-0123456789abcdef0"), None, None)),
        (ErrorCode::InvalidLaunchTemplateIdVersionNotFound, of(Some(&id), None, Some("2"))),
        (ErrorCode::InvalidLaunchTemplateNameMalformed, of(None, Some("a b c"), None)),
        (ErrorCode::InvalidLaunchTemplateNameNotFound, of(None, Some("nobody"), None)),
        (ErrorCode::InvalidParameterCombination, of(Some(&id), Some("web"), None)),
        (ErrorCode::InvalidParameterValue, of(Some(&id), None, Some("newest"))),
        (ErrorCode::MissingParameter, of(None, None, Some("1"))),
        (ErrorCode::MissingParameter, ec2::RunInstancesRequest { instance_type: Some("t3.micro".into()), ..of(Some(&empty), None, None) }),
        (
            ErrorCode::InvalidParameterCombination,
            ec2::RunInstancesRequest { network_interfaces: vec![interface], ..of(Some(&groups), None, None) },
        ),
    ] {
        assert_eq!(lab.code(request.clone()).await, code, "{request:?}");
    }
    let foreign = lab.call(BOB, of(Some(&id), None, None)).await.expect_err("not Bob's");
    assert_eq!(foreign.message, format!("The launch template ID '{id}' does not exist"));
}

#[tokio::test]
async fn an_instance_is_the_data_of_a_template() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let request = ec2::RunInstancesRequest {
        user_data: Some("aGVsbG8=".into()),
        disable_api_stop: Some(true),
        tag_specifications: vec![ec2::TagSpecification { resource_type: Some("instance".into()), tags: named("web") }],
        ..lab.launch()
    };
    let launched = lab.run(request.clone()).await;
    let ask = ec2::GetLaunchTemplateDataRequest { instance_id: launched.instance_id.clone().expect("an id"), ..Default::default() };
    let data = lab.ok(ask).await.launch_template_data.expect("data");
    assert_eq!((data.image_id, data.instance_type, data.user_data), (request.image_id, request.instance_type, request.user_data));
    assert_eq!((data.disable_api_stop, data.disable_api_termination), (Some(true), Some(false)));
    assert_eq!(data.tag_specifications[0].tags, named("web"));
    assert_eq!(data.block_device_mappings[0].device_name, launched.root_device_name);
    assert_eq!(data.block_device_mappings[0].ebs.as_ref().and_then(|ebs| ebs.volume_size), Some(2));
    let interface = &data.network_interfaces[0];
    assert_eq!((&interface.subnet_id, &interface.private_ip_address), (&launched.subnet_id, &launched.private_ip_address));
    assert_eq!(
        data.placement.and_then(|placement| placement.availability_zone),
        launched.placement.and_then(|placement| placement.availability_zone)
    );
}
