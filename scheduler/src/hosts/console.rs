//! Questions to a host that wait for an answer: console output. The wait is bounded; no transaction is open meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use freehold_proto::Fault;
use freehold_proto::id::Entropy;
use freehold_proto::internal::host::{ConsoleOutput, ConsoleRequest};
use tokio::sync::oneshot;

use super::Hosts;

/// Shorter than a client's patience, longer than a busy host's.
const TIMEOUT: Duration = Duration::from_secs(10);

pub type Question = ConsoleRequest;

/// Who waits for which answer.
#[derive(Default)]
pub struct Console(Mutex<HashMap<String, oneshot::Sender<ConsoleOutput>>>);

impl Console {
    fn expect(&self, request_id: &str) -> oneshot::Receiver<ConsoleOutput> {
        let (sender, receiver) = oneshot::channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(request_id.to_owned(), sender);
        receiver
    }

    fn forget(&self, request_id: &str) -> Option<oneshot::Sender<ConsoleOutput>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(request_id)
    }

    /// An answer nobody waits for any more is dropped.
    pub(super) fn answer(&self, output: ConsoleOutput) {
        if let Some(waiting) = self.forget(&output.request_id) {
            let _ = waiting.send(output);
        }
    }
}

impl Hosts {
    /// Asks the host for an instance's console output. A host that is not there or does not answer is `Unavailable`, never empty output.
    pub async fn console_output(&self, host_id: &str, instance_id: &str, entropy: &dyn Entropy) -> Result<ConsoleOutput, Fault> {
        let absent = || Fault::unavailable("The instance's host does not answer right now. Retry your request.");
        let questions = self.questions(host_id).ok_or_else(absent)?;
        // Not the client's request id: a client that repeats one must not get another's answer.
        let request_id = freehold_proto::id::request_id(entropy);
        let answer = self.console.expect(&request_id);
        let question = Question { request_id: request_id.clone(), instance_id: instance_id.to_owned() };
        let asked = questions.try_send(question);
        let answer = if asked.is_ok() { tokio::time::timeout(TIMEOUT, answer).await.ok().and_then(Result::ok) } else { None };
        self.console.forget(&request_id);
        answer.ok_or_else(absent)
    }

    pub(super) fn answered(&self, output: ConsoleOutput) {
        self.console.answer(output);
    }
}
