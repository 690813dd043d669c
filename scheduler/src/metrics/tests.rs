use std::time::Duration;

use freehold_link::metrics::{Address, Door};
use freehold_proto::aws::ec2;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::GuestState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::STORE;
use crate::lab::{Agent, Lab, as_desired, hello};
use crate::operator;
use crate::reconcile::{ReapTerminated, pass};

/// What a reader is told.
async fn read(lab: &Lab) -> String {
    let address = Address::try_from("127.0.0.1:0".to_owned()).expect("an address");
    let door = Door::open(&address, vec![lab.scheduler.metrics()]).await.expect("a door");
    let Address::Tcp(at) = door.address().clone() else { panic!("a port") };
    let open = tokio::spawn(door.run(std::future::pending()));
    let mut stream = tokio::net::TcpStream::connect(at).await.expect("connected");
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("asked");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answered");
    open.abort();
    text
}

#[tokio::test]
async fn actions_states_hosts_and_the_store_are_counted() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    lab.code(ec2::DescribeInstancesRequest { instance_ids: vec!["i-00000000000000000".into()], ..Default::default() }).await;
    pass(&ReapTerminated, lab.store()).await.expect("a pass");
    let text = read(&lab).await;
    for line in [
        "freehold_scheduler_action_seconds_count{action=\"RunInstances\",code=\"ok\"} 1\n".to_owned(),
        "freehold_scheduler_action_seconds_count{action=\"DescribeInstances\",code=\"InvalidInstanceID.NotFound\"} 1\n".to_owned(),
        "freehold_scheduler_instances{state=\"running\"} 1\n".to_owned(),
        "freehold_scheduler_instances{state=\"terminated\"} 0\n".to_owned(),
        "freehold_scheduler_instances_impaired 0\n".to_owned(),
        "freehold_scheduler_hosts{state=\"connected\"} 1\n".to_owned(),
        "freehold_scheduler_store_readable 1\n".to_owned(),
        format!("freehold_scheduler_host_stream_age_seconds{{host=\"{}\"}} ", agent.host_id),
        "freehold_scheduler_store_transaction_seconds_count{end=\"committed\"} ".to_owned(),
        "freehold_scheduler_work_last_success_timestamp_seconds{work=\"store\"} ".to_owned(),
    ] {
        assert!(text.contains(&line), "no {line} in {text}");
    }
    assert!(!text.contains("freehold_scheduler_host_clock_skew_seconds{"), "an agent that does not tell its time has no skew");
    agent.leave();
}

#[tokio::test]
async fn a_reconciler_that_fails_is_told_with_its_reason_until_it_succeeds() {
    let lab = Lab::new().await;
    let metrics = lab.store().metrics();
    let failure = crate::store::Failure::refuse(freehold_proto::ErrorCode::InternalError, "the disk is full");
    let problems = async || operator::status(lab.store(), "").await.expect("a status").problems;
    assert_eq!(problems().await, [], "all is well");
    for at in [1000, 2000] {
        metrics.reconciled("reap-terminated", Err(&failure), std::time::Instant::now(), at);
    }
    let told = problems().await;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].part.as_str(), told[0].since.expect("since").seconds), ("reconciler reap-terminated", 1));
    assert!(told[0].what.contains("the disk is full") && !told[0].remedy.is_empty(), "{told:?}");
    metrics.reconciled("reap-terminated", Ok(&0), std::time::Instant::now(), 3000);
    assert_eq!(problems().await, []);
}

#[tokio::test]
async fn a_store_that_can_not_be_written_is_told() {
    let lab = Lab::new().await;
    // Whoever holds the writer's turn and does not end keeps everybody else from writing.
    let tx = lab.store().begin("").await.expect("begin");
    let status = operator::status(lab.store(), "").await.expect("a status");
    assert_eq!(status.problems.iter().map(|problem| problem.part.as_str()).collect::<Vec<_>>(), [STORE]);
    tx.rollback().await.expect("rollback");
    assert_eq!(operator::status(lab.store(), "").await.expect("a status").problems, []);
}

#[tokio::test]
async fn an_impaired_instance_and_a_host_whose_clock_is_off_are_told_with_what_to_do() {
    let lab = Lab::new().await;
    let soon = lab.store().clock().now() + Duration::from_mins(5);
    let hello = freehold_proto::internal::host::Hello { now: Some(soon.into()), ..hello(HostId::draw(&OsEntropy).as_str()) };
    let agent = Agent::attend(&lab, hello, false).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let told = agent.until_told("the launch", |told| told.instances.contains_key(&id)).await;
    let mut report = as_desired(&told.instances[&id]);
    report.set_state(GuestState::Impaired);
    "disk-missing".clone_into(&mut report.fault_code);
    "there is no disk".clone_into(&mut report.fault_message);
    agent.report(report).await;
    let problems = async || operator::status(lab.store(), "").await.expect("a status").problems;
    crate::lab::eventually("the fault is known", async || problems().await.len() == 2).await;
    let told = problems().await;
    assert!(told[0].what.contains("300000 ms ahead"), "{told:?}");
    assert_eq!(told[1].part, format!("instance {id}"));
    assert!(told[1].since.is_some() && told[1].what.contains("there is no disk") && told[1].remedy.contains(&id), "{told:?}");
    let text = read(&lab).await;
    let skew = format!("freehold_scheduler_host_clock_skew_seconds{{host=\"{}\"}} 300.0\n", agent.host_id);
    assert!(text.contains(&skew) && text.contains("freehold_scheduler_instances_impaired 1\n"), "{text}");
    agent.leave();
}
