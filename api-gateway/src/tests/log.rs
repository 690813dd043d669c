//! One line per request, and nothing in it that could be used against who sent it.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

use freehold_proto::{ErrorCode, Fault};
use tracing_subscriber::EnvFilter;

use super::Running;
use super::fake::ACCOUNT;
use crate::sigv4::signer::{Draft, SECRET};

thread_local! {
    static WRITTEN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What this test's thread logs, which is where its whole server runs. One subscriber for the process: with one for each thread, `tracing`'s
/// cache of who listens is rebuilt while other tests come and go, and lines are lost.
struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.with_borrow_mut(|written| written.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Everything of ours down to `TRACE`, from now on.
    fn start() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let ours = EnvFilter::new("off,freehold_api_gateway=trace,freehold_link=trace,freehold_proto=trace");
            tracing_subscriber::fmt().with_env_filter(ours).with_ansi(false).with_writer(|| Log).init();
        });
        WRITTEN.with_borrow_mut(Vec::clear);
        Self
    }

    fn text(&self) -> String {
        let Self = self;
        WRITTEN.with_borrow(|written| String::from_utf8(written.clone()).unwrap())
    }

    fn answered(&self) -> Vec<String> {
        self.text().lines().filter(|line| line.contains("answered")).map(str::to_owned).collect()
    }
}

fn identity() -> Draft {
    Draft { body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(), ..Draft::new("sts") }
}

#[tokio::test]
async fn a_request_is_one_line_with_its_id_action_account_and_status() {
    let log = Log::start();
    let running = Running::start().await;
    let answer = running.client.send(&identity().sign()).await;
    let lines = log.answered();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let principal = format!("principal=\"arn:aws:iam::{ACCOUNT}:root\"");
    let parts = ["sts", "GetCallerIdentity", ACCOUNT, "status=200", "microseconds=", "source=127.0.0.1:", &principal];
    for part in parts.into_iter().chain([answer.element("RequestId").as_str()]) {
        assert!(lines[0].contains(part), "no {part} in {}", lines[0]);
    }
    let refused = Draft { secret: "wrong", ..identity() };
    running.client.send(&refused.sign()).await;
    let line = log.answered().pop().unwrap();
    assert!(line.contains("SignatureDoesNotMatch") && !line.contains(ACCOUNT), "a name that is not proven is not told: {line}");
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_its_line_too() {
    use tokio::io::AsyncWriteExt;
    let log = Log::start();
    let running = Running::start().await;
    running.control_plane.hold();
    let mut stream = running.client.connect().await;
    stream.write_all(&super::wire::bytes(&identity().sign())).await.unwrap();
    super::fake::until("the request waits for its key", || running.control_plane.waiting() == 1).await;
    drop(stream);
    super::fake::until("the line is there", || !log.answered().is_empty()).await;
    let lines = log.answered();
    assert!(lines.len() == 1 && lines[0].contains("not answered") && lines[0].contains("ClientHungUp"), "{lines:?}");
}

#[tokio::test]
async fn the_cause_of_a_failure_is_in_the_log_and_not_in_the_answer() {
    let log = Log::start();
    let running = Running::start().await;
    running.control_plane.go_down(true);
    let answer = running.client.send(&identity().sign()).await;
    assert!(log.text().contains("connection refused") && !answer.text().contains("refused"), "{}", log.text());
}

#[tokio::test]
async fn nothing_that_is_secret_is_logged_at_any_level() {
    let log = Log::start();
    let running = Running::start().await;
    running.control_plane.require_session_token("the-session-token");
    running.control_plane.play(|_| Err(Fault::new(ErrorCode::InvalidParameterValue, "the-password is not valid")));
    let body = b"Action=GetCallerIdentity&Version=2011-06-15&UserData=the-password".to_vec();
    for presigned in [false, true] {
        let request = Draft { token: Some("the-session-token".into()), body: body.clone(), presigned, ..identity() }.sign();
        running.client.send(&request).await;
        let signature = match request.header("authorization") {
            Some(header) => header.rsplit('=').next().unwrap().to_owned(),
            None => request.query.rsplit("X-Amz-Signature=").next().unwrap()[..64].to_owned(),
        };
        // Dependencies trace the bytes they move; the filter that `freehold_link::telemetry` starts with keeps those out, as ours does.
        let ours: Vec<_> = log.text().lines().map(str::to_owned).collect();
        assert!(!ours.is_empty());
        for secret in ["the-session-token", "the-password", SECRET, &signature] {
            assert!(ours.iter().all(|line| !line.contains(secret)), "{secret} in {ours:?}");
        }
    }
}
