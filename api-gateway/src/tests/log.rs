//! One line per request, and nothing in it that could be used against who sent it.

use std::io;
use std::sync::{Arc, Mutex};

use freehold_proto::{ErrorCode, Fault};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::Running;
use super::fake::ACCOUNT;
use crate::sigv4::signer::{Draft, SECRET};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// Everything down to `TRACE`, of this test's thread.
    fn start(&self) -> tracing::subscriber::DefaultGuard {
        let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(self.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
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
    let log = Log::default();
    let _logging = log.start();
    let running = Running::start().await;
    let answer = running.client.send(&identity().sign()).await;
    let lines = log.answered();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for part in [answer.element("RequestId").as_str(), "sts", "GetCallerIdentity", ACCOUNT, "status=200"] {
        assert!(lines[0].contains(part), "no {part} in {}", lines[0]);
    }
    let refused = Draft { secret: "wrong", ..identity() };
    running.client.send(&refused.sign()).await;
    let line = log.answered().pop().unwrap();
    assert!(line.contains("SignatureDoesNotMatch") && !line.contains(ACCOUNT), "a name that is not proven is not told: {line}");
}

#[tokio::test]
async fn the_cause_of_a_failure_is_in_the_log_and_not_in_the_answer() {
    let log = Log::default();
    let _logging = log.start();
    let running = Running::start().await;
    running.control_plane.go_down(true);
    let answer = running.client.send(&identity().sign()).await;
    assert!(log.text().contains("connection refused") && !answer.text().contains("refused"), "{}", log.text());
}

#[tokio::test]
async fn nothing_that_is_secret_is_logged_at_any_level() {
    let log = Log::default();
    let _logging = log.start();
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
        // Dependencies trace the bytes they move; the filter that `freehold_link::telemetry` starts with keeps those out.
        let ours: Vec<_> = log.text().lines().filter(|line| line.contains("freehold")).map(str::to_owned).collect();
        assert!(!ours.is_empty());
        for secret in ["the-session-token", "the-password", SECRET, &signature] {
            assert!(ours.iter().all(|line| !line.contains(secret)), "{secret} in {ours:?}");
        }
    }
}
