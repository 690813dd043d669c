//! One attendance: Hello and Welcome, then everything once in both directions, then changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use freehold_link::unix::MAX_MESSAGE_BYTES;
use freehold_proto::internal::host::hosts_client::HostsClient;
use freehold_proto::internal::host::{FromAgent, ObservedComplete, ToAgent, from_agent, to_agent};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::{Ended, Session};
use crate::grants::Grants;
use crate::host::Host;
use crate::reconciler::Surroundings;

/// For the dial and the Welcome; afterwards a silent scheduler is not an error.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);

/// Messages on their way up. When the scheduler is slow, observations wait in [`crate::observations`], newest only.
const UPWARD: usize = 256;

/// Statements that are written to disk in one go.
const BATCH: usize = 512;

impl Session {
    /// Attends until it ends, and says why.
    pub(super) async fn attend(&self, host: &mut Host, welcomed: &mut bool, before: &mut Option<Stream>) -> Ended {
        match self.try_attend(host, welcomed, before).await {
            Ok(never) => never,
            Err(ended) => ended,
        }
    }

    async fn try_attend(&self, host: &mut Host, welcomed: &mut bool, before: &mut Option<Stream>) -> Result<Ended, Ended> {
        let mut renewed = self.line.renewed.clone();
        renewed.borrow_and_update();
        let (up, upward) = mpsc::channel(UPWARD);
        // The channel was just made and is empty: this does not wait.
        send(&up, from_agent::Kind::Hello(self.hello(host))).await?;
        let mut client = HostsClient::new(self.line.hosts.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES);
        let dial = async {
            let mut down = client.attend(ReceiverStream::new(upward)).await?.into_inner();
            let first = down.message().await?;
            Ok::<_, Ended>((down, first))
        };
        let (mut down, first) =
            tokio::time::timeout(WELCOME_TIMEOUT, dial).await.map_err(|_| tonic::Status::deadline_exceeded("no Welcome in time"))??;
        let Some(ToAgent { kind: Some(to_agent::Kind::Welcome(welcome)), .. }) = first else { return Err(Ended::NoWelcome) };
        host.welcomed(&welcome)??;
        *welcomed = true;
        self.around.metrics.attending.set(1);
        tracing::info!(cluster_id = welcome.cluster_id, epoch = welcome.epoch, "attending the scheduler");
        *before = None;
        tokio::select! {
            ended = report(&self.around, &up) => return ended,
            ended = receive(&self.around, &self.line.grants, &mut down, &up) => return ended,
            () = ticked(&mut renewed) => {}
        }
        *before = Some(Stream { _down: down, _up: up });
        Err(Ended::Renewed)
    }
}

/// A session's two halves, held open.
pub(super) struct Stream {
    _down: Streaming<ToAgent>,
    _up: mpsc::Sender<FromAgent>,
}

async fn ticked(renewed: &mut watch::Receiver<u64>) {
    if renewed.changed().await.is_err() {
        // Nobody renews anything: a host that has not joined has no certificate.
        std::future::pending::<()>().await;
    }
}

pub(super) async fn send(up: &mpsc::Sender<FromAgent>, kind: from_agent::Kind) -> Result<(), Ended> {
    up.send(FromAgent { kind: Some(kind) }).await.map_err(|_| Ended::Closed)
}

/// How far a session has stated what is observed: every instance once, then what changes, and burials.
#[derive(Debug, Default)]
pub(crate) struct Statements {
    last: u64,
    complete: bool,
}

impl Statements {
    /// What there is to say, a piece at a time; nothing once all is said.
    pub(crate) fn next(&mut self, around: &Surroundings) -> Vec<from_agent::Kind> {
        let (statements, upto) = around.observations.after(self.last, UPWARD);
        self.last = upto;
        let all = statements.len() < UPWARD;
        let mut news: Vec<_> = statements.into_iter().map(|observed| from_agent::Kind::Instance(observed.as_ref().clone())).collect();
        news.extend(around.burials.take().into_iter().map(from_agent::Kind::Buried));
        // Read before the statements were taken would be too early: what is complete now may have been stated after that.
        if all && !self.complete && around.observations.complete() && around.observations.after(self.last, 1).0.is_empty() {
            self.complete = true;
            news.push(from_agent::Kind::ObservedComplete(ObservedComplete {}));
        }
        news
    }
}

async fn report(around: &Surroundings, up: &mpsc::Sender<FromAgent>) -> Result<Ended, Ended> {
    let mut changed = around.observations.subscribe();
    let mut statements = Statements::default();
    loop {
        changed.borrow_and_update();
        let news = statements.next(around);
        if !news.is_empty() {
            for kind in news {
                send(up, kind).await?;
            }
            continue;
        }
        tokio::select! {
            gone = changed.changed() => gone.map_err(|_| Ended::Closed)?,
            () = around.burials.news() => {}
        }
    }
}

async fn receive(
    around: &Surroundings,
    grants: &Grants,
    down: &mut Streaming<ToAgent>,
    up: &mpsc::Sender<FromAgent>,
) -> Result<Ended, Ended> {
    let mut batches = Batches { around, down, ended: None };
    let mut mentioned = Some(BTreeSet::new());
    loop {
        let batch = batches.next().await?;
        for afterwards in super::deliver::deliver(around, grants, batch, &mut mentioned).await? {
            let up = up.clone();
            tokio::spawn(async move {
                if let Some(kind) = afterwards.await {
                    // The session may have ended meanwhile; then nobody waits.
                    let _ = send(&up, kind).await;
                }
            });
        }
    }
}

/// Messages as they come, as many as are there at once.
struct Batches<'a> {
    around: &'a Surroundings,
    down: &'a mut Streaming<ToAgent>,
    ended: Option<Ended>,
}

impl Batches<'_> {
    async fn next(&mut self) -> Result<Vec<to_agent::Kind>, Ended> {
        if let Some(ended) = self.ended.take() {
            return Err(ended);
        }
        let mut batch = Vec::new();
        let first = self.down.message().await?.ok_or(Ended::Closed)?;
        batch.extend(self.noted(first));
        while batch.len() < BATCH {
            // `message` is cancel-safe: polled once, it either yields a whole message or nothing.
            match futures_util::FutureExt::now_or_never(self.down.message()) {
                None => break,
                Some(Ok(Some(message))) => batch.extend(self.noted(message)),
                // What came before the end still counts.
                Some(Ok(None)) => {
                    self.ended = Some(Ended::Closed);
                    break;
                }
                Some(Err(status)) => {
                    self.ended = Some(Ended::Unreachable(status));
                    break;
                }
            }
        }
        Ok(batch)
    }

    fn noted(&self, message: ToAgent) -> Option<to_agent::Kind> {
        self.around.causes.note(&message);
        message.kind
    }
}

/// Runs what may block on the disk where blocking is allowed.
pub(super) async fn on_disk<T: Send + 'static>(
    around: &Surroundings,
    work: impl FnOnce(&crate::plan::Plan) -> Result<T, crate::durable::DurableError> + Send + 'static,
) -> Result<T, Ended> {
    let plan = Arc::clone(&around.plan);
    Ok(tokio::task::spawn_blocking(move || work(&plan)).await??)
}
