//! The verifier against AWS's own signer: what it signs is believed, and what is changed after signing, anywhere, is not.

use std::time::{Duration, SystemTime};

use freehold_proto::clock::{Clock, ManualClock};
use proptest::prelude::*;

use super::signer::{Draft, KEY, REGION, SECRET, noon};
use super::{Claim, DayKey, Refusal, Scope};
use crate::request::Request;

fn check_at(request: &Request, time: SystemTime, secret: &str, token: Option<&str>) -> Result<Scope, Refusal> {
    let claim = Claim::read(request)?;
    let clock = ManualClock::at(time);
    claim.admit(request, &clock as &dyn Clock, REGION)?;
    if claim.scope.access_key_id != KEY {
        return Err(Refusal::UnknownKey);
    }
    claim.verify(request, &DayKey::derive(secret, &claim.scope), token)?;
    Ok(claim.scope)
}

fn check(request: &Request) -> Result<Scope, Refusal> {
    check_at(request, noon(), SECRET, None)
}

#[test]
fn what_awss_signer_signs_is_believed_in_both_forms() {
    for service in ["ec2", "sts", "s3"] {
        for presigned in [false, true] {
            let request = Draft { presigned, ..Draft::new(service) }.sign();
            assert_eq!(check(&request).unwrap().service, service, "presigned: {presigned}");
        }
    }
}

#[test]
fn s3s_paths_are_signed_as_they_are_and_encoded_once() {
    for path in ["/bucket/key", "/bucket//a/../b/./c", "/bucket/a%2Fb%20c", "/bucket/%25%2B%C3%A9", "/"] {
        let request = Draft { path: path.into(), method: "GET", body: Vec::new(), ..Draft::new("s3") }.sign();
        assert!(check(&request).is_ok(), "{path}");
    }
}

#[test]
fn another_secret_is_a_mismatch() {
    assert_eq!(check_at(&Draft::new("ec2").sign(), noon(), "other", None), Err(Refusal::Mismatch));
}

#[test]
fn a_session_token_has_to_be_the_keys_own() {
    let with = |token: Option<&str>| Draft { token: token.map(Into::into), ..Draft::new("ec2") }.sign();
    let checked = |request: &Request, expected| check_at(request, noon(), SECRET, expected).map(drop);
    for presigned in [false, true] {
        let signed = Draft { presigned, token: Some("token/+=".into()), ..Draft::new("ec2") }.sign();
        assert_eq!(checked(&signed, Some("token/+=")), Ok(()), "presigned: {presigned}");
    }
    assert_eq!(checked(&with(Some("another")), Some("token")), Err(Refusal::Token));
    assert_eq!(checked(&with(Some("token")), None), Err(Refusal::Token), "a long-lived key has none");
    assert_eq!(checked(&with(None), Some("token")), Err(Refusal::Token), "a session's key needs one");
}

#[test]
fn a_clock_may_be_off_by_fifteen_minutes_either_way() {
    let request = Draft::new("ec2").sign();
    let at = |seconds: i64| {
        let shift = Duration::from_secs(seconds.unsigned_abs());
        check_at(&request, if seconds < 0 { noon() - shift } else { noon() + shift }, SECRET, None)
    };
    assert!(at(900).is_ok() && at(-900).is_ok());
    assert!(matches!(at(901), Err(Refusal::Expired(_))) && matches!(at(-901), Err(Refusal::Expired(_))));
}

#[test]
fn a_presigned_request_ends_when_it_says() {
    let request = Draft { presigned: true, method: "GET", body: Vec::new(), ..Draft::new("ec2") }.sign();
    assert!(check_at(&request, noon() + Duration::from_mins(5), SECRET, None).is_ok());
    assert!(matches!(check_at(&request, noon() + Duration::from_secs(301), SECRET, None), Err(Refusal::Expired(_))));
    assert!(matches!(check_at(&request, noon() - Duration::from_secs(901), SECRET, None), Err(Refusal::Expired(_))));
}

#[test]
fn an_intermediary_can_not_add_an_amz_header() {
    let mut request = Draft::new("ec2").sign();
    request.headers.insert("x-amz-acl", "public-read".parse().unwrap());
    assert!(matches!(check(&request), Err(Refusal::Scope(message)) if message.contains("x-amz-acl")));
}

#[test]
fn a_header_that_is_signed_has_to_be_there() {
    let mut request = Draft::new("ec2").sign();
    request.headers.remove("content-type");
    assert!(matches!(check(&request), Err(Refusal::Scope(message)) if message.contains("content-type")));
}

#[test]
fn another_region_is_out_of_scope() {
    let request = Draft::new("ec2").sign();
    let claim = Claim::read(&request).unwrap();
    let refused = claim.admit(&request, &ManualClock::at(noon()), "eu-west-1");
    assert!(matches!(refused, Err(Refusal::Scope(message)) if message.contains("us-east-1") && message.contains("eu-west-1")));
}

/// Replaces one part of the Authorization header.
fn tampered(from: &str, to: &str) -> Result<Scope, Refusal> {
    let mut request = Draft::new("ec2").sign();
    let text = request.header("authorization").unwrap().to_owned();
    assert!(text.contains(from), "{text}");
    request.headers.insert("authorization", text.replace(from, to).parse().unwrap());
    check(&request)
}

#[test]
fn a_malformed_authorization_is_incomplete() {
    let cases = [
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA1 "),
        ("Credential=", "credential="),
        ("Credential=", "Credential=,Credential="),
        ("SignedHeaders=", "SignedHeaders=Host;"),
        ("SignedHeaders=", "SignedHeaders=z;"),
        ("SignedHeaders=", "SignedHeaders=;"),
        ("Signature=", "Signature=0"),
        ("Signature=", "Extra=1, Signature="),
        ("/aws4_request", "/aws4a_request"),
        ("/aws4_request", ""),
        ("Signature=", "Signature"),
    ];
    for (from, to) in cases {
        assert!(matches!(tampered(from, to), Err(Refusal::Incomplete(_))), "{from} -> {to}: {:?}", tampered(from, to));
    }
}

#[test]
fn another_date_or_service_in_the_scope_is_refused() {
    assert!(matches!(tampered("/20260102/", "/20260101/"), Err(Refusal::Scope(_))));
    assert_eq!(tampered("/ec2/", "/sts/"), Err(Refusal::Mismatch));
}

#[test]
fn host_has_to_be_signed() {
    assert!(matches!(tampered("host;", ""), Err(Refusal::Scope(message)) if message.contains("Host")));
}

#[test]
fn no_signature_and_two_signatures_are_refused() {
    let signed = Draft::new("ec2").sign();
    let mut none = signed.clone();
    none.headers.remove("authorization");
    assert_eq!(check(&none), Err(Refusal::Missing));
    let mut twice = signed.clone();
    twice.headers.append("authorization", signed.headers["authorization"].clone());
    assert!(matches!(check(&twice), Err(Refusal::Incomplete(_))));
    let mut both = Draft { presigned: true, ..Draft::new("ec2") }.sign();
    both.headers.insert("authorization", signed.headers["authorization"].clone());
    assert!(matches!(check(&both), Err(Refusal::Incomplete(_))));
}

#[test]
fn a_presigned_request_names_each_parameter_once_and_within_bounds() {
    let signed = Draft { presigned: true, ..Draft::new("ec2") }.sign();
    for (from, to) in [
        ("X-Amz-Expires=300", "X-Amz-Expires=0"),
        ("X-Amz-Expires=300", "X-Amz-Expires=604801"),
        ("X-Amz-Expires=300", "X-Amz-Expires=%2B300"),
        ("X-Amz-Expires=300", "X-Amz-Expires=300&X-Amz-Expires=300"),
        ("X-Amz-Expires=300", "X-Amz-Nothing=300"),
        ("X-Amz-Signature=", "X-Amz-Sig="),
        ("X-Amz-Date=", "X-Amz-Date=%"),
    ] {
        let query = signed.query.replace(from, to);
        assert_ne!(query, signed.query);
        let refused = check(&Request { query, ..signed.clone() });
        assert!(matches!(refused, Err(Refusal::Incomplete(_))), "{from} -> {to}: {refused:?}");
    }
}

#[test]
fn a_stated_body_hash_has_to_be_the_bodys() {
    let hash = |value: &str| {
        let mut draft = Draft::new("ec2");
        draft.headers.push(("x-amz-content-sha256".into(), value.into()));
        check(&draft.sign())
    };
    assert_eq!(hash("UNSIGNED-PAYLOAD"), Err(Refusal::Mismatch), "only S3 may leave its body unsigned");
    assert_eq!(hash("STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), Err(Refusal::Mismatch));
}

#[test]
fn every_changed_byte_of_a_signed_request_is_refused() {
    for presigned in [false, true] {
        let mut draft = Draft { presigned, query: "Filter.1.Name=tag%3Aa&Version=2016-11-15".into(), ..Draft::new("ec2") };
        draft.headers.push(("x-amz-meta-x".into(), "a b".into()));
        let signed = draft.sign();
        assert!(check(&signed).is_ok());
        for changed in mutations(&signed) {
            assert!(check(&changed).is_err(), "presigned: {presigned}, believed: {changed:?}");
        }
    }
}

/// Each byte of query, body, path, method and every signed header replaced by another that can stand there.
fn mutations(signed: &Request) -> Vec<Request> {
    let other = |byte: u8| if byte == b'Q' { b'R' } else { b'Q' };
    let swapped = |text: &[u8], at: usize| {
        let mut text = text.to_vec();
        text[at] = other(text[at]);
        text
    };
    let text = |text: &str, at| String::from_utf8(swapped(text.as_bytes(), at)).unwrap();
    let mut all = vec![Request { method: http::Method::PUT, ..signed.clone() }, Request { path: "/Q".into(), ..signed.clone() }];
    all.extend((0..signed.query.len()).map(|at| Request { query: text(&signed.query, at), ..signed.clone() }));
    all.extend((0..signed.body.len()).map(|at| Request { body: swapped(&signed.body, at).into(), ..signed.clone() }));
    for (name, value) in &signed.headers {
        all.extend((0..value.len()).map(|at| {
            let mut request = signed.clone();
            request.headers.insert(name, swapped(value.as_bytes(), at).try_into().unwrap());
            request
        }));
    }
    all
}

fn drafts() -> impl Strategy<Value = Draft> {
    let segment = prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        "[a-zA-Z0-9._~-]{1,8}",
        "(%[2-7][0-9A-F]|[a-z:@$]){1,6}"
    ];
    let path = prop::collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")));
    let pair =
        ("[A-Za-z0-9._~-]{1,6}", "([A-Za-z0-9._~-]|%20|%2B|%2F|%C3%A9|%25){0,8}").prop_map(|(name, value)| format!("{name}={value}"));
    let query = prop::collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&"));
    let header = ("x-(amz-)?[a-z]{3,8}", "[!-~]( {0,3}[!-~]){0,12}");
    (
        prop_oneof![Just("ec2"), Just("sts"), Just("iam")],
        prop_oneof![Just("GET"), Just("POST"), Just("PUT")],
        path,
        query,
        prop::collection::btree_map(header.0, header.1, 0..4),
        prop::collection::vec(any::<u8>(), 0..64),
        any::<bool>(),
    )
        .prop_map(|(service, method, path, query, extra, body, presigned)| {
            let mut draft = Draft { service, method, path, query, body, presigned, ..Draft::new(service) };
            // The signer lifts these into the query string when it presigns; on the wire they would then not be headers.
            draft.headers.extend(extra.into_iter().filter(|(name, _)| !(presigned && name.starts_with("x-amz-"))));
            draft
        })
}

proptest! {
    #[test]
    fn random_requests_signed_by_aws_are_believed(draft in drafts()) {
        let request = draft.sign();
        prop_assert_eq!(check(&request).map(|scope| scope.service), Ok(draft.service.to_owned()), "{:?}", request);
    }

    #[test]
    fn arbitrary_authorizations_are_refused_without_a_panic(text in "[ -~]{0,200}", query in "[!-~]{0,100}") {
        let mut request = Draft::new("ec2").sign();
        request.headers.insert("authorization", text.parse().unwrap());
        request.query = query;
        prop_assert!(check(&request).is_err());
    }
}
