//! The two ways to the scheduler: by the gateway as a signed Query, and typed, which is quicker.

use std::collections::BTreeMap;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use axum::Router;
use axum::body::Body;
use freehold_proto::aws::ec2;
use freehold_proto::clock::Clock;
use freehold_proto::{Action, Caller, Fault};
use freehold_scheduler::Scheduler;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::call::{Answer, Call, Refused, TAG};
use crate::template::{Error, Key};

const INSTANCE_TYPE: &str = "t3.micro";
const REGION: &str = "us-east-1";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code.as_str().into(), message: format!("{} {:?}", fault.message, fault.source) }
    }
}

fn caller(account: &str) -> Caller {
    Caller {
        account_id: account.into(),
        principal_arn: format!("arn:aws:iam::{account}:root"),
        user_id: account.into(),
        request_id: "simulated".into(),
    }
}

fn changed(changes: Vec<ec2::InstanceStateChange>) -> Answer {
    let previous = changes.first().and_then(|change| change.previous_state.as_ref()).and_then(|state| state.name.clone());
    Answer { instance_ids: changes.into_iter().filter_map(|change| change.instance_id).collect(), previous, ..Answer::default() }
}

fn shown(instance: ec2::Instance) -> (String, (String, Option<String>)) {
    let state = instance.state.and_then(|state| state.name).unwrap_or_default();
    let tag = instance.tags.into_iter().find(|tag| tag.key.as_deref() == Some(TAG)).and_then(|tag| tag.value);
    (instance.instance_id.unwrap_or_default(), (state, tag))
}

/// Asks the scheduler itself.
pub async fn typed(scheduler: &Scheduler, account: &str, image_id: &str, call: &Call) -> Result<Answer, Refused> {
    let ids = |id: &String| vec![id.clone()];
    match call {
        Call::Run { .. } => {
            let reservation = say(scheduler, account, run(call, image_id)).await?;
            let instance_ids = reservation.instances.into_iter().filter_map(|one| one.instance_id).collect();
            Ok(Answer { instance_ids, ..Answer::default() })
        }
        Call::Stop { id, force } => {
            let request = ec2::StopInstancesRequest { instance_ids: ids(id), force: Some(*force), ..Default::default() };
            Ok(changed(say(scheduler, account, request).await?.stopping_instances))
        }
        Call::Start { id } => {
            let request = ec2::StartInstancesRequest { instance_ids: ids(id), ..Default::default() };
            Ok(changed(say(scheduler, account, request).await?.starting_instances))
        }
        Call::Terminate { id } => {
            let request = ec2::TerminateInstancesRequest { instance_ids: ids(id), ..Default::default() };
            Ok(changed(say(scheduler, account, request).await?.terminating_instances))
        }
        Call::Reboot { id } => {
            let request = ec2::RebootInstancesRequest { instance_ids: ids(id), ..Default::default() };
            say(scheduler, account, request).await.map(|()| Answer::default())
        }
        Call::Tag { id, value } => {
            let request = ec2::CreateTagsRequest { resources: ids(id), tags: tags(Some(value)), ..Default::default() };
            say(scheduler, account, request).await.map(|()| Answer::default())
        }
        Call::Untag { id } => {
            let request = ec2::DeleteTagsRequest { resources: ids(id), tags: tags(None), ..Default::default() };
            say(scheduler, account, request).await.map(|()| Answer::default())
        }
        Call::OpenPort { group, port } => {
            let (group_id, ip_permissions) = (Some(group.clone()), permission(*port));
            let request = ec2::AuthorizeSecurityGroupIngressRequest { group_id, ip_permissions, ..Default::default() };
            say(scheduler, account, request).await.map(|_| Answer::default())
        }
        Call::ClosePort { group, port } => {
            let (group_id, ip_permissions) = (Some(group.clone()), permission(*port));
            let request = ec2::RevokeSecurityGroupIngressRequest { group_id, ip_permissions, ..Default::default() };
            say(scheduler, account, request).await.map(|_| Answer::default())
        }
        Call::Describe => {
            let answer = say(scheduler, account, ec2::DescribeInstancesRequest::default()).await?;
            let instances = answer.reservations.into_iter().flat_map(|reservation| reservation.instances);
            Ok(Answer { shown: instances.map(shown).collect(), ..Answer::default() })
        }
    }
}

async fn say<A: Action>(scheduler: &Scheduler, account: &str, request: A) -> Result<A::Answer, Refused> {
    Ok(scheduler.call(request, caller(account)).await?)
}

fn run(call: &Call, image_id: &str) -> ec2::RunInstancesRequest {
    let Call::Run { token, count, terminate_on_shutdown, tag } = call else { return ec2::RunInstancesRequest::default() };
    let specification = ec2::TagSpecification { resource_type: Some("instance".into()), tags: tags(tag.as_ref()) };
    ec2::RunInstancesRequest {
        client_token: Some(token.clone()),
        image_id: Some(image_id.to_owned()),
        instance_type: Some(INSTANCE_TYPE.into()),
        min_count: *count,
        max_count: *count,
        instance_initiated_shutdown_behavior: terminate_on_shutdown.then(|| "terminate".into()),
        tag_specifications: tag.iter().map(|_| specification.clone()).collect(),
        ..Default::default()
    }
}

fn tags(value: Option<&String>) -> Vec<ec2::Tag> {
    vec![ec2::Tag { key: Some(TAG.into()), value: value.cloned() }]
}

fn permission(port: i32) -> Vec<ec2::IpPermission> {
    vec![ec2::IpPermission {
        ip_protocol: Some("tcp".into()),
        from_port: Some(port),
        to_port: Some(port),
        ip_ranges: vec![ec2::IpRange { cidr_ip: Some("10.0.0.0/8".into()), ..Default::default() }],
        ..Default::default()
    }]
}

/// Asks by the gateway, signed as AWS's clients sign.
pub async fn signed(gateway: &Router, key: &Key, clock: &dyn Clock, image_id: &str, call: &Call) -> Result<Answer, Refused> {
    let lost = |error: Error| Refused { code: "NoAnswer".into(), message: error.to_string() };
    let (accepted, text) = post(gateway, key, clock, &query(call, image_id)).await.map_err(lost)?;
    if !accepted {
        let first = |name: &str| elements(&text, name).next().unwrap_or_default().to_owned();
        return Err(Refused { code: first("Code"), message: first("Message") });
    }
    let previous = text.split("<previousState>").nth(1).and_then(|rest| elements(rest, "name").next()).map(ToOwned::to_owned);
    let shown = if matches!(call, Call::Describe) { shown_in(&text) } else { BTreeMap::new() };
    Ok(Answer { instance_ids: elements(&text, "instanceId").map(ToOwned::to_owned).collect(), previous, shown })
}

/// Puts a signed Query. Answers whether it was accepted, and the document.
pub async fn post<N: AsRef<str>>(gateway: &Router, key: &Key, clock: &dyn Clock, query: &[(N, String)]) -> Result<(bool, String), Error> {
    let response = gateway.clone().oneshot(sign_query(key, clock, query)?).await?;
    let accepted = response.status().is_success();
    let body = response.into_body().collect().await?.to_bytes();
    Ok((accepted, String::from_utf8_lossy(&body).into_owned()))
}

/// An instance's architecture is the first of it in the document, and stands nowhere else.
fn shown_in(document: &str) -> BTreeMap<String, (String, Option<String>)> {
    let one = |part: &str| {
        let id = elements(part, "instanceId").next().unwrap_or_default().to_owned();
        let state = part.split("<instanceState>").nth(1).and_then(|rest| elements(rest, "name").next()).unwrap_or_default().to_owned();
        let tag = part.split("<tagSet>").skip(1).find_map(|tags| elements(tags, "value").next()).map(ToOwned::to_owned);
        (id, (state, tag))
    };
    document.split("<architecture>").skip(1).map(one).collect()
}

/// The texts of every element of that name.
fn elements<'a>(document: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let after: Vec<&str> = document.split(open.as_str()).skip(1).collect();
    after.into_iter().filter_map(move |rest| rest.split(close.as_str()).next())
}

fn query(call: &Call, image_id: &str) -> Vec<(&'static str, String)> {
    let mut query = vec![("Action", call.action().to_owned()), ("Version", "2016-11-15".into())];
    let add: Vec<(&'static str, String)> = match call {
        Call::Run { token, count, terminate_on_shutdown, tag } => {
            let mut run = vec![
                ("ClientToken", token.clone()),
                ("ImageId", image_id.into()),
                ("InstanceType", INSTANCE_TYPE.into()),
                ("MinCount", count.to_string()),
                ("MaxCount", count.to_string()),
            ];
            run.extend(terminate_on_shutdown.then(|| ("InstanceInitiatedShutdownBehavior", "terminate".into())));
            if let Some(tag) = tag {
                run.push(("TagSpecification.1.ResourceType", "instance".into()));
                run.push(("TagSpecification.1.Tag.1.Key", TAG.into()));
                run.push(("TagSpecification.1.Tag.1.Value", tag.clone()));
            }
            run
        }
        Call::Stop { id, force } => vec![("InstanceId.1", id.clone()), ("Force", force.to_string())],
        Call::Start { id } | Call::Reboot { id } | Call::Terminate { id } => vec![("InstanceId.1", id.clone())],
        Call::Tag { id, value } => vec![("ResourceId.1", id.clone()), ("Tag.1.Key", TAG.into()), ("Tag.1.Value", value.clone())],
        Call::Untag { id } => vec![("ResourceId.1", id.clone()), ("Tag.1.Key", TAG.into())],
        Call::OpenPort { group, port } | Call::ClosePort { group, port } => vec![
            ("GroupId", group.clone()),
            ("IpPermissions.1.IpProtocol", "tcp".into()),
            ("IpPermissions.1.FromPort", port.to_string()),
            ("IpPermissions.1.ToPort", port.to_string()),
            ("IpPermissions.1.IpRanges.1.CidrIp", "10.0.0.0/8".into()),
        ],
        Call::Describe => Vec::new(),
    };
    query.extend(add);
    query
}

fn sign_query<N: AsRef<str>>(key: &Key, clock: &dyn Clock, query: &[(N, String)]) -> Result<http::Request<Body>, Error> {
    let body = query.iter().map(|(name, value)| format!("{}={}", name.as_ref(), encoded(value))).collect::<Vec<_>>().join("&");
    let identity = aws_credential_types::Credentials::new(&key.access_key_id, &key.secret_access_key, None, None, "simulation").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("ec2")
        .time(clock.now())
        .settings(SigningSettings::default())
        .build()?;
    let (uri, headers) = ("http://127.0.0.1:8773/", [("host", "127.0.0.1:8773"), ("content-type", FORM)]);
    let signable = SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(signable, &parameters.into())?.into_parts();
    let mut request = http::Request::builder().method("POST").uri(uri);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Body::from(body))?;
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

/// As a form has it.
fn encoded(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    value.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
