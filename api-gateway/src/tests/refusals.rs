//! What is said to a request that is not believed, not understood or not served; in the words and the format of the service it is for.

use super::Running;
use super::wire::Answer;
use crate::sigv4::signer::Draft;

fn with_header(mut draft: Draft, name: &str, value: &str) -> Draft {
    draft.headers.retain(|(given, _)| given != name);
    draft.headers.push((name.into(), value.into()));
    draft
}

fn body(service: &'static str, body: &str) -> Draft {
    Draft { body: body.into(), ..Draft::new(service) }
}

async fn answer(draft: &Draft) -> Answer {
    Running::start().await.client.send(&draft.sign()).await
}

#[tokio::test]
async fn health_needs_no_signature_and_nothing_else_does_without() {
    let running = Running::start().await;
    let client = running.client;
    let health = client.raw(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert_eq!((health.status, health.text().as_str()), (200, "ok\n"));
    for line in ["POST /health", "GET /healthy", "GET /", "POST /", "PUT /bucket/key", "OPTIONS /", "DELETE /health"] {
        let refused = client.raw(format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await;
        assert_eq!(refused.refused(), (403, "MissingAuthenticationToken".into()), "{line}");
    }
}

#[tokio::test]
async fn no_origin_is_offered_anything() {
    let preflight =
        b"OPTIONS / HTTP/1.1\r\nhost: x\r\norigin: http://evil.example\r\naccess-control-request-method: POST\r\nconnection: close\r\n\r\n";
    let refused = Running::start().await.client.raw(preflight).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.headers.iter().any(|(name, _)| name.starts_with("access-control")), "{refused:?}");
}

#[tokio::test]
async fn the_request_id_of_header_and_body_is_the_same_and_new_each_time() {
    let running = Running::start().await;
    let request = body("ec2", "Action=Nothing&Version=2016-11-15").sign();
    let (one, other) = (running.client.send(&request).await, running.client.send(&request).await);
    assert_eq!(one.header("x-amzn-requestid"), Some(one.element("RequestID").as_str()));
    assert_ne!(one.element("RequestID"), other.element("RequestID"));
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_are_told_as_each_service_tells_them() {
    for (service, secret, key) in
        [("ec2", (401, "AuthFailure"), (401, "AuthFailure")), ("sts", (403, "SignatureDoesNotMatch"), (403, "InvalidClientTokenId"))]
    {
        let wrong = answer(&Draft { secret: "wrong", ..Draft::new(service) }).await;
        assert_eq!(wrong.refused(), (secret.0, secret.1.into()), "{service}");
        let unknown = answer(&Draft { key: "AKIDNOBODY", ..Draft::new(service) }).await;
        assert_eq!(unknown.refused(), (key.0, key.1.into()), "{service}");
        assert!(!unknown.text().contains("AKIDNOBODY"));
    }
}

#[tokio::test]
async fn ec2_does_not_say_which_keys_exist() {
    let wrong = answer(&Draft { secret: "wrong", ..Draft::new("ec2") }).await;
    let unknown = answer(&Draft { key: "AKIDNOBODY", ..Draft::new("ec2") }).await;
    assert_eq!(wrong.element("Message"), unknown.element("Message"));
}

#[tokio::test]
async fn another_region_is_named_beside_the_right_one() {
    let refused = answer(&Draft { region: "eu-west-1", ..Draft::new("sts") }).await;
    assert_eq!(refused.refused(), (403, "SignatureDoesNotMatch".into()));
    let message = refused.element("Message");
    assert!(message.contains("eu-west-1") && message.contains("us-east-1"), "{message}");
}

#[tokio::test]
async fn a_session_needs_its_token() {
    let running = Running::start().await;
    running.control_plane.require_session_token("the-token");
    let without = running.client.send(&body("sts", "Action=Nothing&Version=2011-06-15").sign()).await;
    assert_eq!(without.refused(), (403, "InvalidClientTokenId".into()));
    let with = Draft { token: Some("the-token".into()), ..body("sts", "Action=Nothing&Version=2011-06-15") };
    assert_eq!(running.client.send(&with.sign()).await.refused(), (400, "InvalidAction".into()));
}

#[tokio::test]
async fn a_malformed_signature_is_told_in_the_services_own_format() {
    let mut request = Draft::new("sts").sign();
    let cut = request.header("authorization").unwrap().split(", Signature").next().unwrap().parse().unwrap();
    request.headers.insert("authorization", cut);
    let refused = Running::start().await.client.send(&request).await;
    assert_eq!(refused.refused(), (400, "IncompleteSignature".into()));
    assert!(refused.text().contains("<ErrorResponse"));
}

#[tokio::test]
async fn envelopes_that_are_not_the_query_protocols_are_refused() {
    let cases = [
        ("Version=2016-11-15", "MissingAction"),
        ("Action=DescribeInstances", "MissingParameter"),
        ("Action=DescribeInstances&Version=2024-01-01", "NoSuchVersion"),
        ("Action=Nothing&Version=2016-11-15", "InvalidAction"),
        ("Action=describeinstances&Version=2016-11-15", "InvalidAction"),
        ("Action=DescribeInstances&Action=RunInstances&Version=2016-11-15", "MalformedQueryString"),
        ("Action=DescribeInstances&Version=2016-11-15&InstanceId.1=%FF", "MalformedQueryString"),
        ("Action=DescribeInstances&Version=2016-11-15&InstanceId.1=%zz", "MalformedQueryString"),
    ];
    let running = Running::start().await;
    for (parameters, code) in cases {
        for draft in [
            body("ec2", parameters),
            Draft { method: "GET", query: parameters.into(), ..body("ec2", "") },
            Draft { method: "GET", query: parameters.into(), presigned: true, ..body("ec2", "") },
        ] {
            // A query string that can not be decoded can not be canonical either.
            if draft.query.contains("%zz") || draft.query.contains("%FF") {
                continue;
            }
            let refused = running.client.send(&draft.sign()).await;
            assert_eq!(refused.refused(), (400, code.into()), "{} {parameters}: {}", draft.method, refused.text());
        }
    }
}

#[tokio::test]
async fn methods_paths_and_bodies_of_other_protocols_are_refused() {
    let query = "Action=DescribeInstances&Version=2016-11-15";
    let running = Running::start().await;
    for draft in [Draft { method: "PUT", ..body("ec2", query) }, Draft { path: "/somewhere".into(), ..body("ec2", query) }] {
        assert_eq!(running.client.send(&draft.sign()).await.refused(), (400, "InvalidAction".into()), "{draft:?}");
    }
    let json = with_header(body("ec2", query), "content-type", "application/json");
    assert_eq!(running.client.send(&json.sign()).await.refused(), (400, "MalformedQueryString".into()));
}

#[tokio::test]
async fn a_service_that_is_not_served_says_so_in_its_own_format() {
    let running = Running::start().await;
    let sent = async |draft: Draft| running.client.send(&draft.sign()).await;

    let query = sent(body("iam", "Action=ListUsers&Version=2010-05-08")).await;
    assert_eq!(query.refused(), (400, "InvalidAction".into()));
    assert!(query.text().contains("<ErrorResponse>"), "{}", query.text());

    let target = with_header(body("dynamodb", "{}"), "x-amz-target", "DynamoDB_20120810.ListTables");
    let json = sent(with_header(target, "content-type", "application/x-amz-json-1.0")).await;
    assert_eq!((json.status, json.header("content-type")), (404, Some("application/x-amz-json-1.0")));
    assert_eq!(json.header("x-amzn-errortype"), Some("UnknownOperationException"));
    assert!(json.text().contains("\"__type\":\"UnknownOperationException\""), "{}", json.text());

    let rest = Draft { method: "GET", path: "/2015-03-31/functions/".into(), ..body("lambda", "") };
    let rest = sent(with_header(rest, "content-type", "application/json")).await;
    assert_eq!((rest.status, rest.header("x-amzn-errortype")), (404, Some("UnknownOperationException")));

    let s3 = sent(Draft { method: "GET", path: "/bucket/a%20key".into(), ..body("s3", "") }).await;
    assert_eq!(s3.refused(), (405, "MethodNotAllowed".into()));
    assert!(s3.text().contains("<Error><Code>"), "{}", s3.text());

    let cbor = sent(with_header(body("monitoring", ""), "smithy-protocol", "rpc-v2-cbor")).await;
    assert_eq!((cbor.status, cbor.header("content-type")), (404, Some("application/cbor")));
    assert!(cbor.body.starts_with(b"\xA2\x79\x00\x06__type\x79\x00\x19UnknownOperationException"), "{:?}", cbor.body);
}

#[tokio::test]
async fn an_unserved_service_does_not_answer_who_has_not_signed() {
    for draft in [Draft::new("iam"), with_header(Draft::new("dynamodb"), "x-amz-target", "X.Y"), Draft::new("s3")] {
        let refused = answer(&Draft { secret: "wrong", ..draft }).await;
        assert!(matches!(refused.status, 400 | 403), "{refused:?}");
        assert!(refused.text().contains("Signature"), "{}", refused.text());
    }
}
