//! A signed command's way through: parameters, message, control plane, answer, document; and back when something inside fails.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use freehold_proto::aws::sts::GetCallerIdentityResponse;
use freehold_proto::{Caller, ErrorCode, Fault};
use prost::Message;

use super::Running;
use super::fake::{ACCOUNT, Command};
use super::wire::PATIENCE;
use crate::sigv4::signer::Draft;

fn identity(parameters: &str) -> Draft {
    Draft { body: format!("Action=GetCallerIdentity&Version=2011-06-15{parameters}").into(), ..Draft::new("sts") }
}

/// Plays an answer and shows the command that asked for it.
fn recorded(running: &Running, answer: Result<impl Message, ErrorCode>) -> Arc<Mutex<Option<Command>>> {
    let seen = Arc::new(Mutex::new(None));
    let slot = seen.clone();
    let answer = answer.map(|message| Bytes::from(message.encode_to_vec()));
    running.control_plane.play(move |command| {
        *slot.lock().unwrap() = Some(command.clone());
        answer.clone().map_err(|code| Fault::new(code, "said the control plane & meant it"))
    });
    seen
}

#[tokio::test]
async fn a_signed_get_caller_identity_is_answered_under_the_signers_name() {
    let running = Running::start().await;
    let answer = GetCallerIdentityResponse { account: Some(ACCOUNT.into()), ..Default::default() };
    let seen = recorded(&running, Ok(answer));
    let answer = running.client.send(&identity("").sign()).await;
    assert_eq!((answer.status, answer.element("Account")), (200, ACCOUNT.into()));
    assert_eq!(answer.header("content-type"), Some("text/xml;charset=UTF-8"));
    assert_eq!(answer.header("x-amzn-requestid"), Some(answer.element("RequestId").as_str()));
    let command = seen.lock().unwrap().take().unwrap();
    assert_eq!(command.path, "/aws.sts.Sts/GetCallerIdentity");
    let caller = Caller {
        account_id: ACCOUNT.into(),
        principal_arn: format!("arn:aws:iam::{ACCOUNT}:root"),
        user_id: ACCOUNT.into(),
        request_id: answer.element("RequestId"),
    };
    assert_eq!(command.caller, caller);
    assert_eq!(command.traceparent, freehold_link::trace::traceparent(&caller.request_id), "the request's id goes on as its trace");
}

#[tokio::test]
async fn post_get_and_presigned_reach_the_same_command() {
    let running = Running::start().await;
    let seen = recorded(&running, Ok(GetCallerIdentityResponse::default()));
    let post = identity("");
    let get = Draft { method: "GET", query: String::from_utf8(post.body.clone()).unwrap(), body: Vec::new(), ..post.clone() };
    let split = Draft { query: "Action=GetCallerIdentity".into(), body: b"Version=2011-06-15".to_vec(), ..post.clone() };
    for draft in [post, split, get.clone(), Draft { presigned: true, ..get }] {
        let answer = running.client.send(&draft.sign()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(seen.lock().unwrap().take().unwrap().path, "/aws.sts.Sts/GetCallerIdentity");
    }
}

#[tokio::test]
async fn a_parameter_that_nobody_knows_is_refused_before_the_control_plane_hears_of_it() {
    let running = Running::start().await;
    let seen = recorded(&running, Ok(GetCallerIdentityResponse::default()));
    for parameters in ["&Frob=1", "&X-Amz-Expires=300", "&AWSAccessKeyId=AKID"] {
        assert_eq!(running.client.send(&identity(parameters).sign()).await.refused(), (400, "UnknownParameter".into()), "{parameters}");
    }
    assert!(seen.lock().unwrap().is_none());
}

#[tokio::test]
async fn every_fault_keeps_its_code_status_and_message() {
    let running = Running::start().await;
    for &code in ErrorCode::ALL {
        recorded(&running, Err::<GetCallerIdentityResponse, _>(code));
        let answer = running.client.send(&identity("").sign()).await;
        assert_eq!(answer.refused(), (code.http_status(), code.as_str().into()));
        assert_eq!(answer.element("Message"), "said the control plane &amp; meant it");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_message_is_an_internal_error_that_shows_nothing() {
    let running = Running::start().await;
    running.control_plane.play(|_| Ok(Bytes::from_static(b"\x0A\xFFsecret")));
    let answer = running.client.send(&identity("").sign()).await;
    assert_eq!(answer.refused(), (500, "InternalError".into()));
    assert!(!answer.text().contains("secret"));
}

#[tokio::test]
async fn an_answer_larger_than_tonics_own_limit_gets_through() {
    let running = Running::start().await;
    recorded(&running, Ok(GetCallerIdentityResponse { arn: Some("a".repeat(6_000_000)), ..Default::default() }));
    let answer = running.client.send(&identity("").sign()).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body.len() > 6_000_000, "{}", answer.body.len());
}

#[tokio::test]
async fn a_scheduler_that_is_down_is_unavailable_and_back_without_a_restart() {
    let running = Running::start().await;
    recorded(&running, Ok(GetCallerIdentityResponse::default()));
    let request = identity("").sign();
    assert_eq!(running.client.send(&request).await.status, 200);
    running.control_plane.go_down(true);
    assert_eq!(running.client.send(&request).await.refused(), (503, "Unavailable".into()));
    running.control_plane.go_down(false);
    assert_eq!(running.client.send(&request).await.status, 200);
}

#[tokio::test]
async fn a_command_that_hangs_is_unavailable() {
    let running = Running::with(crate::Limits { request_time: std::time::Duration::from_millis(300), ..Default::default() }).await;
    let request = identity("").sign();
    recorded(&running, Ok(GetCallerIdentityResponse::default()));
    assert_eq!(running.client.send(&request).await.status, 200, "so that the key is known");
    running.control_plane.hold();
    let refused = tokio::time::timeout(PATIENCE, running.client.send(&request)).await.unwrap();
    assert_eq!(refused.refused(), (503, "Unavailable".into()));
}
