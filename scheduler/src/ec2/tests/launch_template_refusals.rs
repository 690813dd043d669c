use sea_orm::{EntityTrait, IntoActiveModel};

use super::launch_templates::{create, delete, new_version, template};
use super::*;
use crate::launch_template::{data, version_id};
use crate::store::{launch_template, launch_template_version};

/// What the actions of launch templates refuse.
pub async fn refusals(bench: &Bench) {
    let id = template(bench, "taken").await;
    creations(bench, &id).await;
    macro_rules! names {
        ($request:expr) => {
            let by = |id: Option<&str>, name: Option<&str>| {
                let mut request = $request;
                (request.launch_template_id, request.launch_template_name) = (id.map(Into::into), name.map(Into::into));
                request
            };
            bench.refused(ErrorCode::InvalidLaunchTemplateIdMalformed, by(Some("lt-x"), None)).await;
            bench.refused(ErrorCode::InvalidLaunchTemplateIdNotFound, by(Some("lt-0123abcd"), None)).await;
            bench.refused(ErrorCode::InvalidLaunchTemplateNameMalformed, by(None, Some("a b c"))).await;
            bench.refused(ErrorCode::InvalidLaunchTemplateNameNotFound, by(None, Some("nobody"))).await;
            bench.refused(ErrorCode::InvalidParameterCombination, by(Some("lt-0123abcd"), Some("taken"))).await;
            bench.refused(ErrorCode::MissingParameter, by(None, None)).await;
        };
    }
    let modify = |version: &str| ec2::ModifyLaunchTemplateRequest {
        launch_template_id: Some(id.clone()),
        default_version: Some(version.into()),
        ..Default::default()
    };
    names!(new_version(""));
    names!(ec2::DeleteLaunchTemplateRequest::default());
    names!(modify("1"));
    names!(ec2::DescribeLaunchTemplateVersionsRequest::default());
    bench.refused(ErrorCode::InvalidParameterValue, modify("first")).await;
    bench.refused(ErrorCode::InvalidLaunchTemplateIdVersionNotFound, modify("2")).await;
    bench.refused(ErrorCode::MissingParameter, modify("")).await;
    let both = ec2::DeleteLaunchTemplateVersionsRequest { launch_template_name: Some("taken".into()), ..delete(&id, &[1]) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    bench.refused(ErrorCode::MissingParameter, delete(&id, &[])).await;
    bench.refused(ErrorCode::InvalidParameterValue, delete(&id, &[0])).await;
    bench.refused(ErrorCode::InvalidParameterValue, delete(&id, &[9; 201])).await;
    describes(bench, &id).await;
    let get = |id: &str| ec2::GetLaunchTemplateDataRequest { instance_id: id.into(), ..Default::default() };
    bench.refused(ErrorCode::InvalidInstanceIdMalformed, get("i-x")).await;
    bench.refused(ErrorCode::InvalidInstanceIdNotFound, get("i-0123abcd")).await;
    limits(bench, &id).await;
}

async fn creations(bench: &Bench, id: &str) {
    let text = |user_data: &str| Some(ec2::RequestLaunchTemplateData { user_data: Some(user_data.into()), ..Default::default() });
    bench.refused(ErrorCode::InvalidLaunchTemplateNameAlreadyExists, create("taken")).await;
    bench.refused(ErrorCode::InvalidLaunchTemplateNameMalformed, create("no")).await;
    bench.refused(ErrorCode::MissingParameter, ec2::CreateLaunchTemplateRequest { launch_template_data: None, ..create("new") }).await;
    let request = ec2::CreateLaunchTemplateRequest { launch_template_data: text("not base64!"), ..create("new") };
    bench.refused(ErrorCode::InvalidUserDataMalformed, request).await;
    let request = ec2::CreateLaunchTemplateRequest { tag_specifications: tagged("instance", &[("a", "b")]), ..create("new") };
    bench.refused(ErrorCode::InvalidParameterValue, request).await;
    let keys: Vec<String> = (0..51).map(|n| format!("k{n}")).collect();
    let many = tagged("launch-template", &keys.iter().map(|key| (key.as_str(), "v")).collect::<Vec<_>>());
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateLaunchTemplateRequest { tag_specifications: many, ..create("new") }).await;
    let request = ec2::CreateLaunchTemplateVersionRequest { launch_template_data: text("not base64!"), ..new_version(id) };
    bench.refused(ErrorCode::InvalidUserDataMalformed, request).await;
    let described = ec2::CreateLaunchTemplateVersionRequest { version_description: Some("x".repeat(256)), ..new_version(id) };
    bench.refused(ErrorCode::InvalidParameterValue, described).await;
    let of = |source: &str| ec2::CreateLaunchTemplateVersionRequest { source_version: Some(source.into()), ..new_version(id) };
    bench.refused(ErrorCode::InvalidLaunchTemplateIdVersionNotFound, of("7")).await;
    bench.refused(ErrorCode::InvalidParameterValue, of("first")).await;
}

async fn describes(bench: &Bench, id: &str) {
    let named = |ids: &[&str], names: &[&str]| ec2::DescribeLaunchTemplatesRequest {
        launch_template_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        launch_template_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    bench.refused(ErrorCode::InvalidLaunchTemplateIdMalformed, named(&["lt-x"], &[])).await;
    bench.refused(ErrorCode::InvalidLaunchTemplateIdNotFound, named(&[id, "lt-0123abcd"], &[])).await;
    bench.refused(ErrorCode::InvalidLaunchTemplateNameMalformed, named(&[], &["a b c"])).await;
    bench.refused(ErrorCode::InvalidLaunchTemplateNameNotFound, named(&[], &["taken", "nobody"])).await;
    let forged = ec2::DescribeLaunchTemplatesRequest { next_token: Some("forged".into()), ..named(&[], &[]) };
    bench.refused(ErrorCode::InvalidNextToken, forged).await;
    let large = ec2::DescribeLaunchTemplatesRequest { max_results: Some(201), ..named(&[], &[]) };
    bench.refused(ErrorCode::InvalidParameterValue, large).await;
    let filtered = |filters| ec2::DescribeLaunchTemplatesRequest { filters, ..Default::default() };
    bench.refused(ErrorCode::InvalidParameterValue, filtered(vec![filter("launch-template-id", &[id])])).await;
    bench.refused(ErrorCode::FilterLimitExceeded, filtered(vec![filter("create-time", &["x"; 201])])).await;
    let of = || ec2::DescribeLaunchTemplateVersionsRequest { launch_template_id: Some(id.into()), ..Default::default() };
    let numbers = |versions: &[&str]| versions.iter().map(|version| (*version).to_owned()).collect();
    let absent = ec2::DescribeLaunchTemplateVersionsRequest { versions: numbers(&["1", "2"]), ..of() };
    bench.refused(ErrorCode::InvalidLaunchTemplateIdVersionNotFound, absent).await;
    let both = ec2::DescribeLaunchTemplateVersionsRequest { versions: numbers(&["1"]), min_version: Some("1".into()), ..of() };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    let number = ec2::DescribeLaunchTemplateVersionsRequest { versions: numbers(&["1"]), launch_template_id: None, ..of() };
    bench.refused(ErrorCode::MissingParameter, number).await;
    bench.refused(ErrorCode::InvalidParameterValue, ec2::DescribeLaunchTemplateVersionsRequest { max_results: Some(0), ..of() }).await;
    let forged = ec2::DescribeLaunchTemplateVersionsRequest { next_token: Some("forged".into()), ..of() };
    bench.refused(ErrorCode::InvalidNextToken, forged).await;
    let filters = vec![filter("image-id", &["x"; 201])];
    bench.refused(ErrorCode::FilterLimitExceeded, ec2::DescribeLaunchTemplateVersionsRequest { filters, ..of() }).await;
}

/// Puts as many rows there as an account may have.
async fn limits(bench: &Bench, id: &str) {
    let store = &bench.scheduler.engine().store;
    let tx = store.begin(ONE).await.expect("begin");
    let template = launch_template::Entity::find_by_id(id).one(tx.db()).await.expect("a read").expect("the template");
    let versions = (2..=10_000).map(|number| launch_template_version::Model {
        launch_template_version_id: version_id(id, number),
        launch_template_id: id.into(),
        account_id: ONE.into(),
        version_number: number,
        version_description: None,
        data: data::keep(&ec2::RequestLaunchTemplateData::default()),
        created_by: String::new(),
        created: 0,
    });
    let versions: Vec<_> = versions.map(IntoActiveModel::into_active_model).collect();
    for some in versions.chunks(1000) {
        launch_template_version::Entity::insert_many(some.to_vec()).exec_without_returning(tx.db()).await.expect("rows");
    }
    let templates = (1..5_000).map(|number| launch_template::Model {
        launch_template_id: format!("lt-{number:017}"),
        launch_template_name: format!("many-{number}"),
        ..template.clone()
    });
    let templates: Vec<_> = templates.map(IntoActiveModel::into_active_model).collect();
    for some in templates.chunks(1000) {
        launch_template::Entity::insert_many(some.to_vec()).exec_without_returning(tx.db()).await.expect("rows");
    }
    tx.commit().await.expect("commit");
    bench.refused(ErrorCode::MaxTemplateVersionLimitExceeded, new_version(id)).await;
    bench.refused(ErrorCode::MaxTemplateLimitExceeded, create("one-more")).await;
}
