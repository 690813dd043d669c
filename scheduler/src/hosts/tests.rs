//! Sessions: what a host is told on connect, what its going means, and who is let in.

use base64::Engine as _;
use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use freehold_proto::id::{HostId, OsEntropy};
use freehold_proto::internal::host::{ConsoleKind, ConsoleOutput, FromAgent, GuestState, Hello, InstanceObserved, from_agent};
use sea_orm::EntityTrait;

use crate::lab::{ALICE, Agent, Lab, as_desired, eventually, hello};

async fn status(lab: &Lab, id: &str) -> (String, String) {
    let request = ec2::DescribeInstanceStatusRequest { instance_ids: vec![id.into()], ..Default::default() };
    let found = lab.ok(request).await.instance_statuses.into_iter().next().expect("a running instance has a status");
    let word = |summary: Option<ec2::InstanceStatusSummary>| summary.and_then(|summary| summary.status).expect("a word");
    (word(found.system_status), word(found.instance_status))
}

#[tokio::test]
async fn a_host_that_goes_makes_its_instances_impaired_and_never_absent_and_back_it_heals() {
    let lab = Lab::new().await;
    let agent = Agent::obedient(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    lab.until_state(&id, "running").await;
    eventually("initializing", async || status(&lab, &id).await == ("initializing".into(), "initializing".into())).await;
    lab.clock.advance(std::time::Duration::from_mins(2));
    eventually("ok", async || status(&lab, &id).await == ("ok".into(), "ok".into())).await;
    let host_id = agent.host_id.clone();
    let silent_since = lab.store().clock().now_millis();
    agent.leave();
    eventually("impaired", async || status(&lab, &id).await == ("impaired".into(), "insufficient-data".into())).await;
    lab.clock.advance(std::time::Duration::from_mins(1));
    let request = ec2::DescribeInstanceStatusRequest { instance_ids: vec![id.clone()], ..Default::default() };
    let shown = lab.ok(request).await.instance_statuses.remove(0);
    assert!(shown.events.is_empty());
    let system = &shown.system_status.expect("a status").details[0];
    assert_eq!(system.status.as_deref(), Some("failed"));
    assert_eq!(system.impaired_since.map(|since| since.seconds), Some(silent_since / 1000));
    let guest = &shown.instance_status.expect("a status").details[0];
    assert_eq!((guest.status.as_deref(), guest.impaired_since), (Some("insufficient-data"), None));
    assert_eq!(lab.state(&id).await, "running");
    let console = ec2::GetConsoleOutputRequest { instance_id: id.clone(), ..Default::default() };
    assert_eq!(lab.code(console).await, ErrorCode::Unavailable);
    let again = Agent::attend(&lab, hello(&host_id), true).await;
    assert!(again.told().instances.contains_key(&id), "everything is stated on connect");
    eventually("ok again", async || status(&lab, &id).await == ("ok".into(), "ok".into())).await;
}

#[tokio::test]
async fn a_fault_on_the_host_is_an_impaired_instance_on_a_sound_system() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    let running = as_desired(&told.instances[&id]);
    agent.report(running.clone()).await;
    lab.until_state(&id, "running").await;
    lab.clock.advance(std::time::Duration::from_mins(2));
    let impaired = InstanceObserved {
        state: GuestState::Impaired.into(),
        fault_code: "disk-missing".into(),
        fault_message: "its disk is not there".into(),
        ..running
    };
    agent.report(impaired).await;
    eventually("impaired", async || status(&lab, &id).await == ("ok".into(), "impaired".into())).await;
    assert_eq!(lab.state(&id).await, "running");
    let problems = crate::operator::status(lab.store(), "").await.expect("a status").problems;
    assert!(problems.iter().any(|problem| problem.part.contains(&id) && problem.what.contains("disk-missing")), "{problems:?}");
}

#[tokio::test]
async fn the_status_of_what_does_not_run_is_shown_where_all_are_asked_for() {
    let lab = Lab::new().await;
    let _agent = Agent::silent(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    assert!(lab.ok(ec2::DescribeInstanceStatusRequest::default()).await.instance_statuses.is_empty());
    let all = ec2::DescribeInstanceStatusRequest { include_all_instances: Some(true), ..Default::default() };
    let shown = lab.ok(all).await.instance_statuses;
    assert_eq!(shown[0].instance_id.as_deref(), Some(id.as_str()));
    assert_eq!(shown[0].system_status.as_ref().and_then(|summary| summary.status.as_deref()), Some("not-applicable"));
}

#[tokio::test]
async fn console_output_is_asked_of_the_host() {
    let lab = Lab::new().await;
    let _agent = Agent::obedient(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let answer = lab.ok(ec2::GetConsoleOutputRequest { instance_id: id.clone(), ..Default::default() }).await;
    let output = base64::engine::general_purpose::STANDARD.decode(answer.output.expect("output")).expect("base64");
    assert_eq!(output, format!("hello from {id}").into_bytes());
}

#[tokio::test]
async fn a_screenshot_is_of_what_runs_and_an_answer_to_another_question_is_none() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let screenshot = || ec2::GetConsoleScreenshotRequest { instance_id: id.clone(), wake_up: Some(true), ..Default::default() };
    assert_eq!(lab.code(screenshot()).await, ErrorCode::IncorrectInstanceState);
    let told = agent.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    agent.report(as_desired(&told.instances[&id])).await;
    lab.until_state(&id, "running").await;
    let picture = |found, kind: ConsoleKind| ConsoleOutput {
        output: b"jpeg".as_slice().into(),
        found,
        kind: kind.into(),
        ..ConsoleOutput::default()
    };
    for (number, (answer, expected)) in [
        (picture(true, ConsoleKind::ConsoleScreen), Ok("anBlZw==".to_owned())),
        (picture(false, ConsoleKind::ConsoleScreen), Err(ErrorCode::UnsupportedOperation)),
        (picture(true, ConsoleKind::ConsoleText), Err(ErrorCode::Unavailable)),
    ]
    .into_iter()
    .enumerate()
    {
        let answered = async {
            let told = agent.until_told("the question", |told| told.questions.len() > number).await;
            let question = &told.questions[number];
            assert_eq!((question.kind(), question.wake_up, &question.instance_id), (ConsoleKind::ConsoleScreen, true, &id));
            agent.say(from_agent::Kind::ConsoleOutput(ConsoleOutput { request_id: question.request_id.clone(), ..answer })).await;
        };
        let (shown, ()) = tokio::join!(lab.call(ALICE, screenshot()), answered);
        assert_eq!(shown.map(|shown| shown.image_data.unwrap_or_default()).map_err(|fault| fault.code), expected);
    }
}

#[tokio::test]
async fn the_epoch_grows_with_every_start_and_the_cluster_stays() {
    let lab = Lab::new().await;
    let first = Agent::silent(&lab).await.told();
    let lab = lab.crash().await;
    let second = Agent::silent(&lab).await.told();
    assert_eq!((&second.cluster_id, second.epoch), (&first.cluster_id, first.epoch + 1));
}

#[tokio::test]
async fn a_restarted_scheduler_states_everything_again_and_the_instance_reaches_its_state() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    let (running, gone) = (lab.run(lab.launch()).await, lab.run(lab.launch()).await);
    let (running, gone) = (running.instance_id.expect("an id"), gone.instance_id.expect("an id"));
    lab.terminate(&gone).await;
    let host_id = agent.host_id.clone();
    let lab = lab.crash().await;
    let agent = Agent::attend(&lab, hello(&host_id), true).await;
    lab.until_state(&running, "running").await;
    lab.until_state(&gone, "terminated").await;
    assert!(!agent.told().instances.contains_key(&gone), "what is to be buried is not desired");
}

#[tokio::test]
async fn another_cluster_s_host_a_strange_zone_and_a_malformed_id_are_refused() {
    let lab = Lab::new().await;
    let good = hello(HostId::draw(&OsEntropy).as_str());
    for wrong in [
        Hello { cluster_id: "another".into(), ..good.clone() },
        Hello { availability_zone: "eu-central-1a".into(), ..good.clone() },
        Hello { host_id: "host".into(), ..good },
    ] {
        assert!(Agent::try_attend(&lab, wrong, false).await.is_err());
    }
}

#[tokio::test]
async fn of_two_sessions_of_one_host_the_newer_counts() {
    let lab = Lab::new().await;
    let old = Agent::silent(&lab).await;
    let new = Agent::attend(&lab, hello(&old.host_id), false).await;
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    new.until_told("the instance", |told| told.instances.contains_key(&id)).await;
    old.leave();
    let launched = lab.run(lab.launch()).await;
    assert!(launched.instance_id.is_some(), "the host is still connected");
}

#[tokio::test]
async fn what_an_older_session_still_hears_changes_nothing_any_more() {
    let lab = Lab::new().await;
    let hello = hello(HostId::draw(&OsEntropy).as_str());
    let service = lab.scheduler.hosts_service();
    let (down, _messages) = tokio::sync::mpsc::channel(1024);
    let mut old = service.admit(hello.clone(), None, down.clone()).await.expect("admitted");
    let id = lab.run(lab.launch()).await.instance_id.expect("an id");
    let report = |state: GuestState| FromAgent {
        kind: Some(from_agent::Kind::Instance(InstanceObserved {
            instance_id: id.clone(),
            generation: 1,
            state: state.into(),
            fault_code: if state == GuestState::Impaired { "late".into() } else { String::new() },
            ..InstanceObserved::default()
        })),
    };
    let mut new = service.admit(hello.clone(), None, down).await.expect("admitted");
    assert!(old.is_superseded() && !new.is_superseded());
    new.hear(report(GuestState::Running)).await.expect("heard");
    lab.until_state(&id, "running").await;
    old.hear(report(GuestState::Impaired)).await.expect("heard");
    old.leave().await;
    let row = crate::store::instance::Entity::find_by_id(&id).one(lab.store().reader()).await.expect("asked").expect("a row");
    assert_eq!((row.observed_state.as_deref(), row.observed_fault_code.as_str()), (Some("running"), ""));
    assert!(lab.run(lab.launch()).await.instance_id.is_some(), "the host is still connected");
    new.leave().await;
    assert_eq!(lab.code(lab.launch()).await, ErrorCode::InsufficientInstanceCapacity);
}

#[tokio::test]
async fn a_scheduler_that_stops_ends_its_sessions_and_lets_nobody_in() {
    let lab = Lab::new().await;
    let agent = Agent::silent(&lab).await;
    std::sync::Arc::clone(&lab.scheduler).run(std::future::ready(())).await;
    eventually("the stream has ended", async || agent.ended()).await;
    assert!(Agent::try_attend(&lab, hello(HostId::draw(&OsEntropy).as_str()), false).await.is_err());
}
