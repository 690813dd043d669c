//! The control plane, played: one access key, and commands that answer what the test says.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use freehold_link::raw::RawCodec;
use freehold_link::{Service, Unreachable};
use freehold_proto::internal::identity::identity_server::{Identity, IdentityServer};
use freehold_proto::internal::identity::{FollowKeysRequest, FollowKeysResponse, GetDayKeyRequest, GetDayKeyResponse};
use freehold_proto::{Caller, Fault};
use tokio::sync::{Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tower::util::BoxCloneSyncService;

use crate::Backend;
use crate::sigv4::signer::{KEY, SECRET};
use crate::sigv4::{DayKey, Scope};

/// Polls until it is so.
pub async fn until(what: &str, check: impl Fn() -> bool) {
    let polled = async {
        while !check() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(super::wire::PATIENCE, polled).await.unwrap_or_else(|_| panic!("{what}"));
}

pub const ACCOUNT: &str = "123456789012";

/// What a command gets to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub path: String,
    pub caller: Caller,
    pub traceparent: Option<String>,
    pub message: Bytes,
}

type Play = Arc<dyn Fn(&Command) -> Result<Bytes, Fault> + Send + Sync>;

#[derive(Clone)]
pub struct ControlPlane(Arc<State>);

struct State {
    /// No call gets through.
    down: AtomicBool,
    keys_asked: AtomicUsize,
    /// A command or a question for a key waits for one of these.
    pace: Semaphore,
    waiting: AtomicUsize,
    play: Mutex<Play>,
    session_token: Mutex<String>,
    /// The key there is was disabled.
    disabled: AtomicBool,
    lease_millis: AtomicU64,
    changes: AtomicU64,
    dropped: AtomicU64,
    follower: Mutex<Option<mpsc::Sender<Result<FollowKeysResponse, Status>>>>,
}

impl Default for ControlPlane {
    fn default() -> Self {
        Self(Arc::new(State {
            down: AtomicBool::default(),
            keys_asked: AtomicUsize::default(),
            pace: Semaphore::new(Semaphore::MAX_PERMITS),
            waiting: AtomicUsize::default(),
            play: Mutex::new(Arc::new(|_| Ok(Bytes::new()))),
            session_token: Mutex::default(),
            disabled: AtomicBool::default(),
            lease_millis: AtomicU64::new(2000),
            changes: AtomicU64::default(),
            dropped: AtomicU64::default(),
            follower: Mutex::default(),
        }))
    }
}

impl ControlPlane {
    pub fn backend(&self) -> Backend {
        let identity = tonic::service::Routes::new(IdentityServer::new(self.clone()));
        Backend { commands: self.reached(self.commands()), identity: self.reached(freehold_link::unix::in_process(identity)) }
    }

    pub fn play(&self, play: impl Fn(&Command) -> Result<Bytes, Fault> + Send + Sync + 'static) {
        *self.0.play.lock().unwrap() = Arc::new(play);
    }

    pub fn go_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// From here on, calls wait until [`Self::release`].
    pub fn hold(&self) {
        self.0.pace.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn release(&self) {
        self.0.pace.add_permits(1 << 20);
    }

    pub fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::SeqCst)
    }

    pub fn keys_asked(&self) -> usize {
        self.0.keys_asked.load(Ordering::SeqCst)
    }

    pub fn disable(&self) {
        self.0.disabled.store(true, Ordering::SeqCst);
    }

    pub fn lease(&self, lease: Duration) {
        self.0.lease_millis.store(u64::try_from(lease.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Tells who follows that a key changed.
    pub fn change(&self, access_key_id: &str) {
        let change = self.0.changes.fetch_add(1, Ordering::SeqCst) + 1;
        let message = FollowKeysResponse { change, access_key_id: access_key_id.into(), ..FollowKeysResponse::default() };
        self.0.follower.lock().unwrap().as_ref().expect("somebody follows").try_send(Ok(message)).unwrap();
    }

    /// The newest change that the follower said it has carried out.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::SeqCst)
    }

    pub fn require_session_token(&self, token: &str) {
        token.clone_into(&mut self.0.session_token.lock().unwrap());
    }

    async fn wait_for_pace(&self) {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        self.0.pace.acquire().await.unwrap().forget();
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Fails before the call, as a channel does whose peer is gone.
    fn reached(&self, service: Service) -> Service {
        let state = self.0.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request| {
            let (state, mut service) = (state.clone(), service.clone());
            async move {
                if state.down.load(Ordering::SeqCst) {
                    return Err(Unreachable("connection refused".into()));
                }
                tower::Service::call(&mut service, request).await
            }
        }))
    }

    fn commands(&self) -> Service {
        let plane = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |request: http::Request<tonic::body::Body>| {
            let plane = plane.clone();
            let path = request.uri().path().to_owned();
            async move {
                let run = tower::service_fn(move |request: Request<Bytes>| {
                    let (plane, path) = (plane.clone(), path.clone());
                    async move {
                        plane.wait_for_pace().await;
                        let caller = Caller::read(request.metadata().as_ref())?;
                        let traceparent = request.metadata().get("traceparent").map(|text| text.to_str().unwrap().to_owned());
                        let play = plane.0.play.lock().unwrap().clone();
                        let answer = play(&Command { path, caller, traceparent, message: request.into_inner() })?;
                        Ok::<_, Status>(Response::new(answer))
                    }
                });
                let limit = freehold_link::unix::MAX_MESSAGE_BYTES;
                let mut grpc = tonic::server::Grpc::new(RawCodec).max_decoding_message_size(limit).max_encoding_message_size(limit);
                Ok::<_, Unreachable>(grpc.unary(run, request).await)
            }
        }))
    }
}

#[tonic::async_trait]
impl Identity for ControlPlane {
    type FollowKeysStream = ReceiverStream<Result<FollowKeysResponse, Status>>;

    async fn follow_keys(&self, request: Request<Streaming<FollowKeysRequest>>) -> Result<Response<Self::FollowKeysStream>, Status> {
        let (sender, receiver) = mpsc::channel(64);
        *self.0.follower.lock().unwrap() = Some(sender.clone());
        let (state, mut said) = (Arc::clone(&self.0), request.into_inner());
        tokio::spawn(async move {
            while let Ok(Some(FollowKeysRequest { ping, dropped })) = said.message().await {
                state.dropped.fetch_max(dropped, Ordering::SeqCst);
                let lease_millis = state.lease_millis.load(Ordering::SeqCst);
                let pong = FollowKeysResponse { pong: ping, lease_millis, ..FollowKeysResponse::default() };
                if ping != 0 && sender.send(Ok(pong)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn get_day_key(&self, request: Request<GetDayKeyRequest>) -> Result<Response<GetDayKeyResponse>, Status> {
        self.0.keys_asked.fetch_add(1, Ordering::SeqCst);
        self.wait_for_pace().await;
        let GetDayKeyRequest { access_key_id, date, region, service } = request.into_inner();
        if access_key_id != KEY || self.0.disabled.load(Ordering::SeqCst) {
            return Ok(Response::new(GetDayKeyResponse::default()));
        }
        let key = DayKey::derive(SECRET, &Scope { access_key_id, date, region, service });
        Ok(Response::new(GetDayKeyResponse {
            found: true,
            signing_key: Bytes::copy_from_slice(key.as_bytes()),
            account_id: ACCOUNT.into(),
            principal_arn: format!("arn:aws:iam::{ACCOUNT}:root"),
            user_id: ACCOUNT.into(),
            session_token: self.0.session_token.lock().unwrap().clone(),
        }))
    }
}
