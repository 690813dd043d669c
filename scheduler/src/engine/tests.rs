//! The engine with two actions made for the purpose: one that takes a key pair's name, one that counts them.

use std::sync::{Arc, Mutex};

use freehold_proto::id::{Entropy, OsEntropy};
use freehold_proto::{Action, Caller, ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel};
use tower::ServiceExt;

use super::{Ask, Audit, Command, Engine, Prepared, Query, Table};
use crate::hosts::Hosts;
use crate::page::Sealer;
use crate::store::tests::{Ground, open_with};
use crate::store::{Failure, Outcome, Store, Tx, account, key_pair};

#[derive(Clone, PartialEq, prost::Message)]
struct Take {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, optional, tag = "2")]
    token: Option<String>,
    #[prost(bool, tag = "3")]
    dry_run: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Taken {
    #[prost(string, tag = "1")]
    id: String,
}

impl Action for Take {
    type Answer = Taken;
    const NAME: &'static str = "Take";
    const PATH: &'static str = "/test.Keys/Take";
    fn dry_run(&self) -> bool {
        self.dry_run
    }
    fn client_token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

impl Command for Take {
    const ERRORS: &'static [ErrorCode] = &[ErrorCode::InvalidKeyPairDuplicate];

    async fn run(self, tx: &mut Tx) -> Outcome<Taken> {
        if self.name == "taken" {
            return Err(Failure::refuse(ErrorCode::InvalidKeyPairDuplicate, "taken"));
        }
        let id = freehold_proto::id::KeyPairId::draw(tx.entropy()).to_string();
        let row = key_pair::Model {
            key_pair_id: id.clone(),
            account_id: tx.account().into(),
            key_name: self.name,
            key_type: "rsa".into(),
            key_fingerprint: String::new(),
            public_key: String::new(),
            created: tx.now(),
        };
        row.into_active_model().insert(tx.db()).await?;
        Ok(Taken { id })
    }
}

#[derive(Clone, PartialEq, prost::Message)]
struct Count {}

#[derive(Clone, PartialEq, prost::Message)]
struct Counted {
    #[prost(uint64, tag = "1")]
    keys: u64,
}

impl Action for Count {
    type Answer = Counted;
    const NAME: &'static str = "Count";
    const PATH: &'static str = "/test.Keys/Count";
}

impl Query for Count {
    const ERRORS: &'static [ErrorCode] = &[];

    async fn answer(self, ask: &Ask) -> Outcome<Counted> {
        Ok(Counted { keys: ask.rows().key_pairs.count(ask.account()) as u64 })
    }
}

/// As [`Take`], with a part made before the transaction, which waits where it is told to.
#[derive(Clone, PartialEq, prost::Message)]
struct Make {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, optional, tag = "2")]
    token: Option<String>,
}

impl Action for Make {
    type Answer = Taken;
    const NAME: &'static str = "Make";
    const PATH: &'static str = "/test.Keys/Make";
    fn client_token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// What a [`Make`] of the name "slow" waits for.
static GO_ON: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);

impl Prepared for Make {
    const ERRORS: &'static [ErrorCode] = &[];
    type Made = ();

    async fn prepare(&self, _: &Store) -> Outcome<()> {
        if self.name == "slow" {
            GO_ON.acquire().await.expect("never closed").forget();
        }
        Ok(())
    }

    async fn run(self, (): (), tx: &mut Tx) -> Outcome<Taken> {
        Take { name: self.name, ..Take::default() }.run(tx).await
    }
}

struct Bench {
    _ground: Ground,
    engine: Arc<Engine>,
    table: Arc<Table>,
}

fn caller() -> Caller {
    Caller {
        account_id: "111122223333".into(),
        principal_arn: "arn:aws:iam::111122223333:root".into(),
        user_id: "111122223333".into(),
        request_id: "r".into(),
    }
}

impl Bench {
    async fn new() -> Self {
        Self::drawing(Arc::new(OsEntropy)).await
    }

    async fn drawing(entropy: Arc<dyn Entropy>) -> Self {
        let ground = Ground::new().await;
        let store = open_with(&ground, entropy).await;
        let tx = store.begin("111122223333").await.expect("begin");
        let somebody = account::Model { account_id: "111122223333".into(), name: "a".into(), created: 0 };
        somebody.into_active_model().insert(tx.db()).await.expect("insert");
        tx.commit().await.expect("commit");
        let engine = Engine {
            hosts: Arc::new(Hosts::new(Arc::clone(&store))),
            store,
            sealer: Sealer::new(&[7; 32], Arc::new(OsEntropy)).expect("a sealer"),
            audit: Audit::to_log(),
        };
        let table = Table::default().serve::<Take, _>().serve::<Make, _>().serve::<Count, _>();
        Self { _ground: ground, engine: Arc::new(engine), table: Arc::new(table) }
    }

    async fn call<A: Action>(&self, request: A) -> Result<A::Answer, Fault> {
        self.table.call(&self.engine, request, caller()).await
    }

    async fn take(&self, name: &str, token: Option<&str>, dry_run: bool) -> Result<String, ErrorCode> {
        let request = Take { name: name.into(), token: token.map(Into::into), dry_run };
        self.call(request).await.map(|taken| taken.id).map_err(|fault| fault.code)
    }

    async fn keys(&self) -> u64 {
        self.call(Count {}).await.expect("a count").keys
    }
}

#[tokio::test]
async fn a_command_is_committed_and_a_refused_one_is_not() {
    let bench = Bench::new().await;
    assert!(bench.take("a", None, false).await.is_ok());
    assert_eq!(bench.take("taken", None, false).await, Err(ErrorCode::InvalidKeyPairDuplicate));
    assert_eq!(bench.keys().await, 1);
}

#[tokio::test]
async fn a_dry_run_finds_what_the_command_would_and_leaves_nothing() {
    let bench = Bench::new().await;
    assert_eq!(bench.take("a", Some("t"), true).await, Err(ErrorCode::DryRunOperation));
    assert_eq!(bench.take("taken", None, true).await, Err(ErrorCode::InvalidKeyPairDuplicate));
    assert_eq!(bench.keys().await, 0);
    assert!(bench.take("a", Some("t"), false).await.is_ok(), "a dry run does not spend the token");
}

#[tokio::test]
async fn the_same_token_has_the_same_answer_and_other_parameters_are_a_mismatch() {
    let bench = Bench::new().await;
    let first = bench.take("a", Some("t"), false).await;
    assert!(first.is_ok());
    assert_eq!(bench.take("a", Some("t"), false).await, first);
    assert_eq!(bench.take("b", Some("t"), false).await, Err(ErrorCode::IdempotentParameterMismatch));
    assert_eq!(bench.keys().await, 1);
}

#[tokio::test]
async fn a_prepared_command_obeys_its_token_as_any_other() {
    let bench = Bench::new().await;
    let make = async |name: &str| {
        let request = Make { name: name.into(), token: Some("t".into()) };
        bench.call(request).await.map(|taken| taken.id).map_err(|fault| fault.code)
    };
    let first = make("a").await;
    assert!(first.is_ok());
    assert_eq!(make("a").await, first);
    assert_eq!(make("b").await, Err(ErrorCode::IdempotentParameterMismatch));
    assert_eq!(bench.keys().await, 1);
}

#[tokio::test]
async fn a_command_whose_caller_has_gone_is_carried_through_and_told() {
    let bench = Bench::new().await;
    let mut service =
        freehold_link::unix::in_process(super::routes(tonic::service::Routes::default(), bench.engine.clone(), bench.table.clone()));
    let mut request = tonic::Request::new(prost::Message::encode_to_vec(&Make { name: "slow".into(), token: None }).into());
    let mut headers = http::HeaderMap::new();
    caller().write(&mut headers).expect("headers");
    *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
    let mut grpc = tonic::client::Grpc::new(&mut service);
    let path = http::uri::PathAndQuery::from_static(Make::PATH);
    let call = grpc.unary::<bytes::Bytes, bytes::Bytes, _>(request, path, freehold_link::raw::RawCodec);
    // Polled until it waits, and then dropped, as when a client hangs up.
    let gone = tokio::time::timeout(std::time::Duration::from_millis(50), call).await;
    assert!(gone.is_err(), "it waits for what it prepares");
    assert_eq!(bench.keys().await, 0);
    GO_ON.add_permits(1);
    crate::lab::eventually("the command is carried through", async || bench.keys().await == 1).await;
}

#[tokio::test]
async fn an_empty_token_is_none() {
    let bench = Bench::new().await;
    let first = bench.take("a", Some(""), false).await.expect("taken");
    let second = bench.take("b", Some(""), false).await.expect("not a mismatch");
    assert_ne!(first, second);
    assert_eq!(bench.keys().await, 2);
}

/// Draws what its list says, the last for ever.
#[derive(Debug)]
struct Scripted(Mutex<Vec<u8>>);

impl Entropy for Scripted {
    fn fill(&self, bytes: &mut [u8]) {
        let mut script = self.0.lock().expect("nobody panicked");
        bytes.fill(script[0]);
        if script.len() > 1 {
            script.remove(0);
        }
    }
}

#[tokio::test]
async fn a_command_that_meets_what_another_one_took_first_runs_again() {
    let bench = Bench::drawing(Arc::new(Scripted(Mutex::new(vec![1, 1, 1, 2])))).await;
    let first = bench.take("a", Some("t"), false).await.expect("taken");
    let second = bench.take("b", Some("u"), false).await.expect("taken at the third try");
    assert_ne!(first, second);
    assert_eq!(bench.take("b", Some("u"), false).await, Ok(second), "and its answer is remembered");
    assert_eq!(bench.keys().await, 2);
}

#[tokio::test]
async fn a_command_that_never_finds_anything_free_ends_and_leaves_nothing() {
    let bench = Bench::drawing(Arc::new(Scripted(Mutex::new(vec![1])))).await;
    bench.take("a", None, false).await.expect("taken");
    assert_eq!(bench.take("b", None, false).await, Err(ErrorCode::InternalError));
    assert_eq!(bench.keys().await, 1);
}

#[tokio::test]
async fn racing_requests_under_one_token_happen_once() {
    let bench = Bench::new().await;
    let answers = futures_util::future::join_all((0..8).map(|_| bench.take("a", Some("t"), false))).await;
    assert!(answers.iter().all(|answer| answer.is_ok() && *answer == answers[0]), "{answers:?}");
    assert_eq!(bench.keys().await, 1);
}

#[tokio::test]
async fn a_call_arrives_over_grpc_with_its_caller_and_an_unknown_path_is_invalid_action() {
    let bench = Bench::new().await;
    let service =
        freehold_link::unix::in_process(super::routes(tonic::service::Routes::default(), bench.engine.clone(), bench.table.clone()));
    let call = async |path: &'static str, from: Option<Caller>| {
        let mut request = tonic::Request::new(bytes::Bytes::from_static(b"\x0a\x01a"));
        if let Some(from) = from {
            let mut headers = http::HeaderMap::new();
            from.write(&mut headers).expect("headers");
            *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(headers);
        }
        let mut grpc = tonic::client::Grpc::new(service.clone().map_err(|error| error));
        grpc.ready().await.expect("ready");
        let answer = grpc.unary(request, http::uri::PathAndQuery::from_static(path), freehold_link::raw::RawCodec).await;
        answer.map(tonic::Response::into_inner).map_err(|status| Fault::from(status).code)
    };
    assert!(call(Take::PATH, Some(caller())).await.is_ok());
    assert_eq!(call("/test.Keys/Frobnicate", Some(caller())).await, Err(ErrorCode::InvalidAction));
    assert_eq!(call(Take::PATH, None).await, Err(ErrorCode::AuthFailure));
}
