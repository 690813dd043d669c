//! Questions to a host that wait for an answer: what a guest's consoles have. The wait is bounded; no transaction is open meanwhile. A host that attends
//! another scheduler is asked by way of the store ([`super::relay`]).

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use freehold_proto::Fault;
use freehold_proto::id::Entropy;
use freehold_proto::internal::host::{ConsoleOutput, ConsoleRequest};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, oneshot};

use super::{Hosts, relay};
use crate::store::{Kind, Outcome};

/// Shorter than a client's patience, longer than a busy host's.
const TIMEOUT: Duration = Duration::from_secs(10);

pub type Question = ConsoleRequest;

/// Who waits for which answer.
#[derive(Default)]
pub struct Console(Mutex<HashMap<String, oneshot::Sender<ConsoleOutput>>>);

impl Console {
    /// None if somebody waits for that answer already.
    fn expect(&self, request_id: &str) -> Option<oneshot::Receiver<ConsoleOutput>> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever waited for one that never came has given up.
        waiting.retain(|_, sender| !sender.is_closed());
        if waiting.contains_key(request_id) {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        waiting.insert(request_id.to_owned(), sender);
        Some(receiver)
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
    /// Asks the host for what an instance's consoles have; `about` says what of them, and gets an id of its own. A host that is not there or
    /// does not answer is `Unavailable`, never empty output.
    pub async fn console(&self, host_id: &str, about: Question, entropy: &dyn Entropy) -> Result<ConsoleOutput, Fault> {
        let absent = || Fault::unavailable("The instance's host does not answer right now. Retry your request.");
        // Not the client's request id: a client that repeats one must not get another's answer.
        let question = Question { request_id: freehold_proto::id::request_id(entropy), ..about };
        let kind = question.kind();
        let answer = match self.questions(host_id) {
            Some(session) => self.ask_here(&session, question).await,
            None if self.attends_elsewhere(host_id) => self.ask_elsewhere(host_id, &question).await?,
            None => None,
        };
        let answer = answer.ok_or_else(absent)?;
        if answer.kind() == kind {
            return Ok(answer);
        }
        Err(Fault::unavailable("The instance's host runs an older Freehold, which can not answer that. Upgrade it and retry your request."))
    }

    async fn ask_here(&self, session: &mpsc::Sender<Question>, question: Question) -> Option<ConsoleOutput> {
        let request_id = question.request_id.clone();
        let answer = self.console.expect(&request_id)?;
        let asked = session.try_send(question);
        let answer = if asked.is_ok() { tokio::time::timeout(TIMEOUT, answer).await.ok().and_then(Result::ok) } else { None };
        self.console.forget(&request_id);
        answer
    }

    fn attends_elsewhere(&self, host_id: &str) -> bool {
        let rows = self.store.world().rows();
        let attended_by = rows.hosts.one(host_id).and_then(|row| row.attended_by.as_deref());
        attended_by.is_some_and(|scheduler_id| scheduler_id != self.scheduler_id)
    }

    async fn ask_elsewhere(&self, host_id: &str, question: &Question) -> Result<Option<ConsoleOutput>, Fault> {
        let mut changes = self.store.follow();
        relay::ask(&self.store, host_id, question).await?;
        let answered = async {
            loop {
                match changes.recv().await {
                    Ok(change) if change.kind != Kind::ConsoleQuestion || change.id != host_id => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => {
                        if let Some(output) = relay::answered(&self.store, &question.request_id).await? {
                            return Outcome::Ok(Some(output));
                        }
                    }
                    Err(RecvError::Closed) => return Ok(None),
                }
            }
        };
        let answer = tokio::time::timeout(TIMEOUT, answered).await.unwrap_or(Ok(None));
        // One that is not taken away here goes with the next beat that finds it old.
        relay::forget(&self.store, &question.request_id).await?;
        Ok(answer?)
    }

    /// What the host will say to a question of another scheduler's. None if it is being asked that already.
    pub(super) fn expect_relayed(&self, question: &Question) -> Option<impl Future<Output = Option<ConsoleOutput>> + Send + use<>> {
        let answer = self.console.expect(&question.request_id)?;
        Some(async move { tokio::time::timeout(TIMEOUT, answer).await.ok().and_then(Result::ok) })
    }

    pub(super) fn answered(&self, output: ConsoleOutput) {
        self.console.answer(output);
    }
}
