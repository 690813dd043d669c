use std::collections::BTreeMap;

use super::*;

fn data(image_id: &str) -> ec2::RequestLaunchTemplateData {
    ec2::RequestLaunchTemplateData { image_id: Some(image_id.into()), ..Default::default() }
}

pub fn create(name: &str) -> ec2::CreateLaunchTemplateRequest {
    ec2::CreateLaunchTemplateRequest { launch_template_name: name.into(), launch_template_data: Some(data("ami-1")), ..Default::default() }
}

pub fn new_version(id: &str) -> ec2::CreateLaunchTemplateVersionRequest {
    ec2::CreateLaunchTemplateVersionRequest {
        launch_template_id: Some(id.into()),
        launch_template_data: Some(data("ami-2")),
        ..Default::default()
    }
}

/// Makes a template and answers its id.
pub async fn template(bench: &Bench, name: &str) -> String {
    bench.get(create(name)).await.launch_template.and_then(|made| made.launch_template_id).expect("an id")
}

async fn version(bench: &Bench, request: ec2::CreateLaunchTemplateVersionRequest) -> ec2::LaunchTemplateVersion {
    bench.get(request).await.launch_template_version.expect("a version")
}

/// The numbers of a template's versions, as they are described.
async fn numbers(bench: &Bench, request: ec2::DescribeLaunchTemplateVersionsRequest) -> Vec<i64> {
    bench.get(request).await.launch_template_versions.iter().filter_map(|version| version.version_number).collect()
}

pub fn delete(id: &str, numbers: &[i64]) -> ec2::DeleteLaunchTemplateVersionsRequest {
    let versions = numbers.iter().map(ToString::to_string).collect();
    ec2::DeleteLaunchTemplateVersionsRequest { launch_template_id: Some(id.into()), versions, ..Default::default() }
}

async fn shown(bench: &Bench, id: &str) -> ec2::LaunchTemplate {
    let request = ec2::DescribeLaunchTemplatesRequest { launch_template_ids: vec![id.into()], ..Default::default() };
    bench.get(request).await.launch_templates.remove(0)
}

/// Each scalar of the data set to something, by the table of its shape.
fn everything() -> ec2::RequestLaunchTemplateData {
    let shape = freehold_wire::operation("ec2", "CreateLaunchTemplate").expect("a table").request;
    let Some(freehold_wire::Kind::Message(shape)) = shape.field("LaunchTemplateData").map(|field| field.kind) else { panic!("no data") };
    ec2::RequestLaunchTemplateData::decode(filled(shape).as_slice()).expect("a message")
}

fn filled(shape: &freehold_wire::Shape) -> Vec<u8> {
    use freehold_wire::Kind;
    use freehold_wire::protobuf::{Value, Writer};
    let mut out = Writer::default();
    for field in shape.fields {
        match field.kind {
            Kind::Text | Kind::Id | Kind::Blob => out.write(field.number, Value::Span(field.query.as_bytes())),
            Kind::Words(words) => out.write(field.number, Value::Span(words[0].as_bytes())),
            Kind::Bool | Kind::Int32 | Kind::Int64 => out.write(field.number, Value::Varint(1)),
            Kind::Float => out.write(field.number, Value::Fixed32(1.5_f32.to_bits())),
            Kind::Double => out.write(field.number, Value::Fixed64(1.5_f64.to_bits())),
            // Seconds since the Unix epoch.
            Kind::Timestamp => out.write(field.number, Value::Span(&[8, 1])),
            Kind::Message(below) => out.write(field.number, Value::Span(&filled(below))),
        }
    }
    out.bytes
}

#[tokio::test]
async fn data_is_given_back_as_it_was_given() {
    let bench = Bench::new().await;
    let given = ec2::RequestLaunchTemplateData { user_data: Some("aGVsbG8=".into()), ..everything() };
    let request = ec2::CreateLaunchTemplateRequest { launch_template_data: Some(given.clone()), ..create("all") };
    let id = bench.get(request).await.launch_template.and_then(|made| made.launch_template_id).expect("an id");
    let request = ec2::DescribeLaunchTemplateVersionsRequest { launch_template_id: Some(id), ..Default::default() };
    let version = bench.get(request).await.launch_template_versions.remove(0);
    let back = version.launch_template_data.expect("data");
    assert_eq!(back, given.clone().into());
    assert_eq!((version.version_number, version.default_version), (Some(1), Some(true)));
    assert_eq!(version.created_by, Some(format!("arn:aws:iam::{ONE}:root")));
}

#[tokio::test]
async fn a_version_takes_over_what_it_is_not_given_of_its_source() {
    let bench = Bench::new().await;
    let ebs = |snapshot: Option<&str>| ec2::LaunchTemplateEbsBlockDeviceRequest {
        snapshot_id: snapshot.map(Into::into),
        volume_size: Some(9),
        ..Default::default()
    };
    let mapped = ec2::LaunchTemplateBlockDeviceMappingRequest { ebs: Some(ebs(Some("snap-1"))), ..Default::default() };
    let source = ec2::RequestLaunchTemplateData {
        image_id: Some("ami-1".into()),
        key_name: Some("me".into()),
        security_group_ids: vec!["sg-1".into(), "sg-2".into()],
        block_device_mappings: vec![mapped],
        ..Default::default()
    };
    let request = ec2::CreateLaunchTemplateRequest { launch_template_data: Some(source), ..create("web") };
    let id = bench.get(request).await.launch_template.and_then(|made| made.launch_template_id).expect("an id");
    let over =
        ec2::RequestLaunchTemplateData { image_id: Some("ami-2".into()), security_group_ids: vec!["sg-3".into()], ..Default::default() };
    let request = ec2::CreateLaunchTemplateVersionRequest {
        launch_template_id: None,
        launch_template_name: Some("web".into()),
        source_version: Some("$Default".into()),
        launch_template_data: Some(over.clone()),
        version_description: Some("second".into()),
        ..new_version(&id)
    };
    let second = version(&bench, request).await;
    let merged = second.launch_template_data.expect("data");
    assert_eq!((merged.image_id.as_deref(), merged.key_name.as_deref()), (Some("ami-2"), Some("me")));
    assert_eq!(merged.security_group_ids, ["sg-3"]);
    assert_eq!(merged.block_device_mappings[0].ebs, Some(ebs(None).into()), "snapshots are not inherited");
    assert_eq!((second.version_number, second.default_version), (Some(2), Some(false)));
    assert_eq!(second.version_description.as_deref(), Some("second"));
    let third =
        version(&bench, ec2::CreateLaunchTemplateVersionRequest { launch_template_data: Some(over.clone()), ..new_version(&id) }).await;
    assert_eq!(third.launch_template_data, Some(over.into()), "without a source nothing is inherited");
}

#[tokio::test]
async fn a_number_never_comes_again_and_the_default_stays() {
    let bench = Bench::new().await;
    let id = template(&bench, "web").await;
    for _ in 0..3 {
        version(&bench, new_version(&id)).await;
    }
    let answer = bench.get(delete(&id, &[4, 1, 9])).await;
    let gone: Vec<_> = answer.successfully_deleted_launch_template_versions.iter().map(|one| one.version_number).collect();
    assert_eq!(gone, [Some(4)]);
    let kept = answer.unsuccessfully_deleted_launch_template_versions.iter();
    let kept: BTreeMap<_, _> = kept.map(|one| (one.version_number, one.response_error.clone().and_then(|error| error.code))).collect();
    let words = [(Some(1), Some("unexpectedError".to_owned())), (Some(9), Some("launchTemplateVersionDoesNotExist".to_owned()))];
    assert_eq!(kept, BTreeMap::from(words));
    assert_eq!(
        (shown(&bench, &id).await.latest_version_number, version(&bench, new_version(&id)).await.version_number),
        (Some(3), Some(5))
    );
    let change = |version: &str| ec2::ModifyLaunchTemplateRequest {
        launch_template_name: Some("web".into()),
        default_version: Some(version.into()),
        ..Default::default()
    };
    let changed = bench.get(change("2")).await.launch_template.expect("a template");
    assert_eq!((changed.default_version_number, changed.latest_version_number), (Some(2), Some(5)));
    assert_eq!(bench.get(delete(&id, &[1])).await.successfully_deleted_launch_template_versions.len(), 1);
    let all = ec2::DescribeLaunchTemplateVersionsRequest { launch_template_id: Some(id.clone()), ..Default::default() };
    assert_eq!(numbers(&bench, all.clone()).await, [5, 3, 2], "the newest first");
    let range = ec2::DescribeLaunchTemplateVersionsRequest { min_version: Some("3".into()), max_version: Some("4".into()), ..all.clone() };
    assert_eq!(numbers(&bench, range).await, [3]);
    let words = ec2::DescribeLaunchTemplateVersionsRequest { versions: vec!["$Latest".into(), "$Default".into(), "5".into()], ..all };
    assert_eq!(numbers(&bench, words).await, [5, 2], "each once");
}

#[tokio::test]
async fn without_a_template_the_latest_and_default_versions_of_all_are_described() {
    let bench = Bench::new().await;
    let (one, _two) = (template(&bench, "one").await, template(&bench, "two").await);
    version(&bench, new_version(&one)).await;
    let all = |words: &[&str]| ec2::DescribeLaunchTemplateVersionsRequest {
        versions: words.iter().map(|word| (*word).to_owned()).collect(),
        ..Default::default()
    };
    let mut latest = numbers(&bench, all(&["$Latest"])).await;
    latest.sort_unstable();
    assert_eq!(latest, [1, 2]);
    assert_eq!(numbers(&bench, all(&["$Default"])).await, [1, 1]);
    assert_eq!(numbers(&bench, all(&["$Default", "$Latest"])).await.len(), 3);
    let defaults = vec![filter("is-default-version", &["false"])];
    assert_eq!(numbers(&bench, ec2::DescribeLaunchTemplateVersionsRequest { filters: defaults, ..all(&["$Latest"]) }).await, [2]);
    let others = bench.ask(TWO, all(&["$Latest"])).await.expect("an answer").launch_template_versions;
    assert!(others.is_empty(), "another account sees none");
}

#[tokio::test]
async fn pages_of_versions_and_templates_follow_each_other() {
    let bench = Bench::new().await;
    let id = template(&bench, "web").await;
    template(&bench, "other").await;
    for _ in 0..4 {
        version(&bench, new_version(&id)).await;
    }
    let mut request =
        ec2::DescribeLaunchTemplateVersionsRequest { launch_template_id: Some(id.clone()), max_results: Some(2), ..Default::default() };
    let mut seen = Vec::new();
    loop {
        let page = bench.get(request.clone()).await;
        seen.extend(page.launch_template_versions.iter().filter_map(|version| version.version_number));
        request.next_token = page.next_token;
        if request.next_token.is_none() {
            break;
        }
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let first = bench.get(ec2::DescribeLaunchTemplatesRequest { max_results: Some(1), ..Default::default() }).await;
    let rest = ec2::DescribeLaunchTemplatesRequest { max_results: Some(1), next_token: first.next_token.clone(), ..Default::default() };
    let rest = bench.get(rest).await;
    assert!(first.next_token.is_some() && rest.next_token.is_none());
    assert_ne!(first.launch_templates[0].launch_template_id, rest.launch_templates[0].launch_template_id);
    // EC2 lets one ask for pages of those that are named, too.
    let both = vec!["web".to_owned(), "other".to_owned()];
    let request = ec2::DescribeLaunchTemplatesRequest { max_results: Some(1), launch_template_names: both, ..Default::default() };
    let first = bench.get(request.clone()).await;
    let rest = bench.get(ec2::DescribeLaunchTemplatesRequest { next_token: first.next_token.clone(), ..request }).await;
    assert_eq!((first.launch_templates.len(), rest.launch_templates.len(), rest.next_token), (1, 1, None));
}

#[tokio::test]
async fn a_template_goes_with_its_versions_and_tags_and_its_name_is_free_again() {
    let bench = Bench::new().await;
    let request = ec2::CreateLaunchTemplateRequest { tag_specifications: tagged("launch-template", &[("team", "a")]), ..create("web") };
    let made = bench.get(request).await.launch_template.expect("a template");
    assert_eq!(made.tags, [tag("team", "a")]);
    let id = made.launch_template_id.clone().expect("an id");
    assert_eq!(shown(&bench, &id).await, made);
    let by_tag = ec2::DescribeTagsRequest { filters: vec![filter("resource-type", &["launch-template"])], ..Default::default() };
    assert_eq!(bench.get(by_tag.clone()).await.tags[0].resource_id.as_deref(), Some(id.as_str()));
    let gone = bench.get(ec2::DeleteLaunchTemplateRequest { launch_template_name: Some("web".into()), ..Default::default() }).await;
    assert_eq!(gone.launch_template.and_then(|gone| gone.launch_template_id), Some(id));
    assert!(bench.get(by_tag).await.tags.is_empty());
    assert!(bench.get(ec2::DescribeLaunchTemplatesRequest::default()).await.launch_templates.is_empty());
    template(&bench, "web").await;
}

#[tokio::test]
async fn another_account_s_template_is_as_absent_as_none() {
    let bench = Bench::new().await;
    let id = template(&bench, "web").await;
    for asked in [id.as_str(), "lt-0123456789abcdef0"] {
        let fault = bench.ask(TWO, new_version(asked)).await.expect_err("not theirs");
        assert_eq!(fault.message, format!("The launch template ID '{asked}' does not exist"));
        let fault = bench.ask(TWO, ec2::DeleteLaunchTemplateRequest { launch_template_id: Some(asked.into()), ..Default::default() }).await;
        assert_eq!(fault.expect_err("not theirs").code, ErrorCode::InvalidLaunchTemplateIdNotFound);
    }
    assert!(bench.ask(TWO, create("web")).await.is_ok(), "names are an account's own");
}

#[tokio::test]
async fn the_same_request_under_a_token_is_one_template_and_one_version() {
    let bench = Bench::new().await;
    let request = ec2::CreateLaunchTemplateRequest { client_token: Some("t".into()), ..create("web") };
    assert_eq!(bench.get(request.clone()).await, bench.get(request).await);
    let id = bench.get(ec2::DescribeLaunchTemplatesRequest::default()).await.launch_templates.remove(0).launch_template_id.expect("an id");
    let request = ec2::CreateLaunchTemplateVersionRequest { client_token: Some("t".into()), ..new_version(&id) };
    assert_eq!(bench.get(request.clone()).await, bench.get(request).await);
    assert_eq!(shown(&bench, &id).await.latest_version_number, Some(2));
    // EC2's bound for launches is half of it.
    let long = |length| ec2::CreateLaunchTemplateRequest { client_token: Some("t".repeat(length)), ..create("long") };
    assert!(bench.ask(ONE, long(128)).await.is_ok());
    assert_eq!(bench.ask(ONE, long(129)).await.expect_err("too long").code, ErrorCode::InvalidParameterValue);
}
