//! What the agent's tests share: a scheduler of one socket, whose side of the stream a test plays by hand, and waits with a deadline.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, reason = "each test file uses a part of it; a test may panic")]

pub mod guest;
pub mod setting;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use freehold_proto::internal::host::hosts_server::{Hosts, HostsServer};
use freehold_proto::internal::host::{
    DesiredComplete, FromAgent, GuestState, Hello, InstanceDesired, InstanceObserved, PowerState, ResourceKind, ToAgent, Tombstone,
    VolumeAttachment, Welcome, from_agent, to_agent,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

/// Longer than anything takes on a busy machine; a test that waits this long has failed.
pub const DEADLINE: Duration = Duration::from_mins(1);

pub const CLUSTER: &str = "cluster-test";

struct Door(mpsc::UnboundedSender<Line>);

/// One attending agent, seen from the scheduler.
pub struct Line {
    pub hello: Hello,
    down: mpsc::UnboundedSender<Result<ToAgent, Status>>,
    up: Streaming<FromAgent>,
}

#[tonic::async_trait]
impl Hosts for Door {
    type AttendStream = Pin<Box<dyn Stream<Item = Result<ToAgent, Status>> + Send>>;

    async fn attend(&self, request: Request<Streaming<FromAgent>>) -> Result<Response<Self::AttendStream>, Status> {
        let mut up = request.into_inner();
        let Some(FromAgent { kind: Some(from_agent::Kind::Hello(hello)) }) = up.message().await? else {
            return Err(Status::invalid_argument("no Hello"));
        };
        let (down, downward) = mpsc::unbounded_channel();
        self.0.send(Line { hello, down, up }).map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(downward))))
    }
}

/// A scheduler that listens until it is dropped.
pub struct Scheduler {
    lines: mpsc::UnboundedReceiver<Line>,
    serving: tokio::task::JoinHandle<()>,
}

impl Scheduler {
    pub fn listen(socket: &Path) -> Self {
        let (sender, lines) = mpsc::unbounded_channel();
        let listener = freehold_link::unix::bind(socket).unwrap();
        let routes = tonic::service::Routes::new(HostsServer::new(Door(sender)));
        let serving = tokio::spawn(async move {
            freehold_link::unix::serve(listener, routes, std::future::pending()).await.unwrap();
        });
        Self { lines, serving }
    }

    /// The next agent to dial, not welcomed yet.
    pub async fn dialled(&mut self) -> Line {
        within("an agent dials", self.lines.recv()).await.unwrap()
    }

    pub async fn attended(&mut self, epoch: u64) -> Line {
        let line = self.dialled().await;
        line.welcome(CLUSTER, epoch);
        line
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Line {
    pub fn say(&self, kind: to_agent::Kind) {
        self.down.send(Ok(ToAgent { kind: Some(kind), ..ToAgent::default() })).unwrap();
    }

    pub fn welcome(&self, cluster_id: &str, epoch: u64) {
        self.say(to_agent::Kind::Welcome(Welcome { cluster_id: cluster_id.to_owned(), epoch }));
    }

    pub fn desire(&self, desired: &InstanceDesired) {
        self.say(to_agent::Kind::Instance(desired.clone()));
    }

    pub fn complete(&self) {
        self.say(to_agent::Kind::DesiredComplete(DesiredComplete {}));
    }

    pub fn bury(&self, kind: ResourceKind, id: &str, generation: u64) {
        self.say(to_agent::Kind::Tombstone(Tombstone { kind: kind.into(), id: id.to_owned(), generation }));
    }

    /// The next thing the agent says; `None` when it has hung up.
    pub async fn heard(&mut self) -> Option<from_agent::Kind> {
        within("the agent says something", self.up.next()).await.and_then(Result::ok).and_then(|message| message.kind)
    }

    /// Reads on until the agent says what `wanted` picks.
    pub async fn hear<T>(&mut self, what: &str, mut wanted: impl FnMut(from_agent::Kind) -> Option<T>) -> T {
        let listening = async {
            loop {
                let kind = self.up.next().await.expect("the agent hung up").unwrap().kind.unwrap();
                if let Some(found) = wanted(kind) {
                    return found;
                }
            }
        };
        within(what, listening).await
    }

    pub async fn observed(&mut self, id: &str, state: GuestState) -> InstanceObserved {
        self.hear(&format!("{id} is {state:?}"), |kind| match kind {
            from_agent::Kind::Instance(one) if one.instance_id == id && one.state() == state => Some(one),
            _ => None,
        })
        .await
    }

    pub async fn buried(&mut self, kind: ResourceKind, id: &str) -> u64 {
        self.hear(&format!("{id} is buried"), |said| match said {
            from_agent::Kind::Buried(buried) if buried.kind() == kind && buried.id == id => Some(buried.generation),
            _ => None,
        })
        .await
    }

    /// Everything the agent holds when it attends.
    pub async fn statement(&mut self) -> Vec<InstanceObserved> {
        let mut all = Vec::new();
        self.hear("the statement is complete", |kind| match kind {
            from_agent::Kind::Instance(one) => {
                all.push(one);
                None
            }
            from_agent::Kind::ObservedComplete(_) => Some(()),
            _ => None,
        })
        .await;
        all
    }

    /// The console, asked for again until it contains `text`.
    pub async fn console_with(&mut self, instance_id: &str, text: &str) -> String {
        let asking = async {
            loop {
                let request = freehold_proto::internal::host::ConsoleRequest {
                    request_id: "console".to_owned(),
                    instance_id: instance_id.to_owned(),
                    ..Default::default()
                };
                self.say(to_agent::Kind::ConsoleRequest(request));
                let output = self
                    .hear("the console", |kind| match kind {
                        from_agent::Kind::ConsoleOutput(output) => Some(output),
                        _ => None,
                    })
                    .await;
                let shown = String::from_utf8_lossy(&output.output).into_owned();
                if output.found && shown.contains(text) {
                    return shown;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within(&format!("the console shows {text}"), asking).await
    }
}

/// Waits for something, but not for ever.
pub async fn within<T>(what: &str, wanted: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, wanted).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// Polls until `holds`.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

pub fn instance_id(number: u32) -> String {
    format!("i-{number:017x}")
}

pub fn volume_id(number: u32) -> String {
    format!("vol-{number:017x}")
}

/// A running instance with a root volume and no interface.
pub fn desired(number: u32, driver: &str) -> InstanceDesired {
    InstanceDesired {
        instance_id: instance_id(number),
        account_id: "000000000001".to_owned(),
        generation: 1,
        power: PowerState::Running.into(),
        start_count: 1,
        instance_type: "t3.micro".to_owned(),
        vcpus: 1,
        memory_mib: 64,
        architecture: "x86_64".to_owned(),
        driver: driver.to_owned(),
        volumes: vec![VolumeAttachment {
            volume_id: volume_id(number),
            device_name: "/dev/xvda".to_owned(),
            size_mib: 64,
            root: true,
            delete_on_termination: true,
            ..VolumeAttachment::default()
        }],
        ..InstanceDesired::default()
    }
}

/// The same instance, one generation on.
pub fn changed(before: &InstanceDesired, change: impl FnOnce(&mut InstanceDesired)) -> InstanceDesired {
    let mut after = before.clone();
    after.generation += 1;
    change(&mut after);
    after
}
