//! A backup is whole and made while its store is written to, and a restored store takes nothing from the hosts of today.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use freehold_proto::aws::ec2;
use freehold_proto::clock::Clock;
use freehold_proto::id::OsEntropy;
use freehold_proto::internal::host::{GuestState, Hello, InstanceObserved, ResourceKind};
use sea_orm::{ConnectionTrait, EntityTrait};

use super::{Unable, restore, write};
use crate::identity::{Vault, access_key};
use crate::lab::{ALICE, Agent, Lab, as_desired, eventually, hello};
use crate::store::{account, host, tombstone};

/// Whatever the suite runs on, a backup is of a file.
async fn lab() -> Lab {
    Lab::with(|config| config.database = None).await
}

fn backup_file(lab: &Lab) -> PathBuf {
    lab.config.data.parent().expect("a folder").join("backup")
}

async fn run(lab: &Lab) -> String {
    lab.run(lab.launch()).await.instance_id.expect("an id")
}

async fn restored(lab: Lab) -> Lab {
    let (file, config, now) = (backup_file(&lab), lab.config.clone(), lab.clock.now_millis());
    // It stops as it is told to: its sessions with hosts end.
    Arc::clone(&lab.scheduler).run(std::future::ready(())).await;
    lab.crash_and(async || {
        // The tasks of the scheduler that was dropped close its connections in their own time.
        eventually("nobody has the store open", async || match restore(&config, &file, now).await {
            Ok(_) => true,
            Err(Unable::InUse(_)) => false,
            Err(unable) => panic!("{unable}: {:?}", std::error::Error::source(&unable)),
        })
        .await;
    })
    .await
}

#[tokio::test]
async fn a_backup_has_all_that_was_committed_and_is_its_owner_s_alone() {
    let lab = lab().await;
    let _agent = Agent::obedient(&lab).await;
    let id = run(&lab).await;
    lab.until_state(&id, "running").await;
    let vault = Vault::open(&lab.config.data.join("sealing.key"), &OsEntropy).expect("a vault");
    let key = access_key::create(lab.store(), &vault, ALICE).await.expect("a key");
    let file = backup_file(&lab);
    let written = write(&lab.config, &file).await.expect("a backup");
    assert_eq!(written.files, ["sealing.key"]);
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(matches!(write(&lab.config, &file).await, Err(Unable::Exists(_))), "a backup never overwrites");
    let left: BTreeSet<String> = fs::read_dir(file.parent().expect("a folder"))
        .expect("entries")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    assert_eq!(left, ["backup", "data"].map(str::to_owned).into());
    // The machine is lost with everything on it.
    let data = lab.config.data.clone();
    let lab = lab
        .crash_and(async || {
            fs::remove_dir_all(&data).expect("removed");
        })
        .await;
    assert!(lab.call(ALICE, lab.launch()).await.is_err(), "this is another cloud");
    let lab = restored(lab).await;
    assert_eq!(lab.instance(&id).await.instance_id, Some(id));
    let vault = Vault::open(&lab.config.data.join("sealing.key"), &OsEntropy).expect("a vault");
    let (owner, secret) = access_key::find(lab.store(), &vault, &key.access_key_id).await.expect("read").expect("a key");
    assert_eq!((owner.as_str(), secret), (ALICE, key.secret_access_key), "the sealing key came along");
}

#[tokio::test]
async fn a_store_that_is_open_is_not_replaced() {
    let lab = lab().await;
    let file = backup_file(&lab);
    write(&lab.config, &file).await.expect("a backup");
    let refused = restore(&lab.config, &file, lab.clock.now_millis()).await.expect_err("it runs");
    assert!(matches!(refused, Unable::InUse(_)), "{refused}");
    assert_eq!(account::Entity::find().all(lab.store().reader()).await.expect("rows").len(), 2, "and it goes on");
}

#[tokio::test]
async fn what_is_no_whole_backup_is_refused_and_changes_nothing() {
    let lab = lab().await;
    let good = backup_file(&lab);
    write(&lab.config, &good).await.expect("a backup");
    let folder = tempfile::tempdir().expect("a folder");
    let config = crate::Config { data: folder.path().join("data"), ..lab.config.clone() };
    let bytes = fs::read(&good).expect("bytes");
    let mut damaged = bytes.clone();
    for at in (8192..damaged.len()).step_by(512) {
        damaged[at] ^= 0xff;
    }
    let cases: [(&str, Vec<u8>); 4] =
        [("empty", Vec::new()), ("text", b"hello".repeat(4096)), ("cut", bytes[..bytes.len() / 2].to_vec()), ("damaged", damaged)];
    for (what, content) in cases {
        let file = folder.path().join(what);
        fs::write(&file, content).expect("written");
        let refused = restore(&config, &file, 0).await.expect_err(what);
        assert!(matches!(refused, Unable::NotABackup(..)), "{what}: {refused}");
        assert_eq!(fs::read_dir(&config.data).expect("a folder").count(), 0, "{what} left something");
    }
    // A store is not a backup: it lacks the key.
    let store = folder.path().join("store");
    let db = super::connect(&good).await.expect("opened");
    db.execute_unprepared("DROP TABLE backup_file").await.expect("dropped");
    db.close().await.expect("closed");
    fs::rename(&good, &store).expect("renamed");
    assert!(matches!(restore(&config, &store, 0).await, Err(Unable::NotABackup(..))));
    assert!(matches!(restore(&config, &folder.path().join("absent"), 0).await, Err(Unable::File(..))));
}

#[tokio::test]
async fn a_store_in_postgresql_is_left_to_its_own_tools() {
    let url = crate::store::DatabaseUrl::try_from("postgres://freehold:hush@nowhere/freehold".to_owned()).expect("an address");
    let config = crate::Config { database: Some(url), ..crate::Config::default() };
    let refused = write(&config, "/nowhere/backup".as_ref()).await.expect_err("refused").to_string();
    assert!(refused.contains("pg_dump") && refused.contains("sealing.key") && !refused.contains("hush"), "{refused}");
    assert!(matches!(restore(&config, "/nowhere/backup".as_ref(), 0).await, Err(Unable::Postgres(_))));
}

/// A host that knows the cluster, as a live agent does.
fn again(agent: &Agent) -> Hello {
    Hello { cluster_id: agent.told().cluster_id, ..hello(&agent.host_id) }
}

#[tokio::test]
async fn a_store_of_yesterday_under_a_live_agent_destroys_nothing_and_shows_what_it_does_not_know() {
    let lab = lab().await;
    let agent = Agent::silent(&lab).await;
    let obey = async |agent: &Agent, lab: &Lab, id: &str, state: &str| {
        agent.until_told("of it", |told| told.instances.contains_key(id)).await;
        eventually(state, async || {
            agent.report(as_desired(&agent.told().instances[id])).await;
            lab.state(id).await == state
        })
        .await;
    };
    let (kept, gone) = (run(&lab).await, run(&lab).await);
    obey(&agent, &lab, &kept, "running").await;
    obey(&agent, &lab, &gone, "running").await;
    lab.terminate(&gone).await;
    let subnet_id = lab.instance(&kept).await.subnet_id;
    let private = ec2::CreateNatGatewayRequest { subnet_id, connectivity_type: Some("private".into()), ..Default::default() };
    let gateway = lab.ok(private).await.nat_gateway.expect("a gateway").nat_gateway_id.expect("an id");
    agent.until_told("of the gateway", |told| told.nat_gateways.contains_key(&gateway)).await;
    // A network that was to be buried yesterday, and has been entered again since.
    let vpc = lab.instance(&kept).await.vpc_id.expect("a VPC");
    let tx = lab.store().begin(ALICE).await.expect("begin");
    let old = format!(
        "INSERT INTO tombstone (host_id, kind, id, account_id, generation, created) VALUES ('{}', 'vpc', '{vpc}', '{ALICE}', 1, 0)",
        agent.host_id
    );
    tx.db().execute_unprepared(&old).await.expect("a tombstone");
    tx.commit().await.expect("commit");
    write(&lab.config, &backup_file(&lab)).await.expect("yesterday's backup");

    lab.clock.advance(Duration::from_hours(24));
    let new = run(&lab).await;
    obey(&agent, &lab, &new, "running").await;
    lab.stop(&kept).await;
    obey(&agent, &lab, &kept, "stopped").await;
    lab.start(&kept).await;
    let seen = agent.until_told("the start", |told| told.instances[&kept].start_count == 2).await;
    let (hello_again, seen_epoch) = (again(&agent), seen.epoch);

    let lab = restored(lab).await;
    let agent = Agent::attend(&lab, hello_again, false).await;
    let told = agent.told();
    assert!(told.epoch > seen_epoch, "a host refuses an older epoch than {seen_epoch}: {}", told.epoch);
    assert!(told.instances[&kept].generation > seen.instances[&kept].generation, "a host ignores an older generation");
    for (id, group) in &told.groups {
        assert!(group.generation > seen.groups[id].generation);
    }
    assert!(told.vpcs[&vpc].generation > seen.vpcs[&vpc].generation);
    assert!(told.nat_gateways[&gateway].generation > seen.nat_gateways[&gateway].generation);
    assert!(!told.instances.contains_key(&new), "the restored store does not know it");
    let ordered: Vec<(ResourceKind, &str)> = told.tombstones.iter().map(|tombstone| (tombstone.kind(), tombstone.id.as_str())).collect();
    assert_eq!(ordered, [(ResourceKind::Instance, gone.as_str())], "nothing but what was answered as terminated is to be destroyed");

    let quarantined = InstanceObserved { instance_id: new.clone(), state: GuestState::Quarantined.into(), ..InstanceObserved::default() };
    agent.report(quarantined).await;
    eventually("the operator is shown it", async || {
        let rows = host::Entity::find().all(lab.store().reader()).await.expect("hosts");
        rows.iter().any(|row| row.quarantined.contains(&new))
    })
    .await;
    assert_eq!(tombstone::Entity::find().all(lab.store().reader()).await.expect("rows").len(), 1, "and nobody orders its end");
    let attention = crate::operator::status(lab.store(), "").await.expect("a status").attention;
    assert!(attention.iter().any(|line| line.contains(&new)), "{attention:?}");
    // And what the restored store decides from now on counts.
    obey(&agent, &lab, &kept, "running").await;
    lab.stop(&kept).await;
    obey(&agent, &lab, &kept, "stopped").await;
}

#[tokio::test]
async fn a_store_that_is_restored_twice_is_ahead_of_the_first_time() {
    let lab = lab().await;
    write(&lab.config, &backup_file(&lab)).await.expect("a backup");
    let epoch = async |lab: &Lab| Agent::silent(lab).await.told().epoch;
    let before = epoch(&lab).await;
    let lab = restored(lab).await;
    let once = epoch(&lab).await;
    Arc::clone(&lab.scheduler).run(std::future::ready(())).await;
    let lab = lab.crash().await;
    let started_again = epoch(&lab).await;
    lab.clock.advance(Duration::from_secs(1));
    let lab = restored(lab).await;
    let twice = epoch(&lab).await;
    assert!(before < once && once < started_again && started_again < twice, "{before} {once} {started_again} {twice}");
}

#[tokio::test]
async fn a_restored_store_knows_no_tokens_from_before_and_believes_whoever_has_a_certificate() {
    use freehold_link::tls::{Key, Peer};
    use freehold_proto::internal::parts::parts_client::PartsClient;
    use freehold_proto::internal::parts::{CertifyRequest, JoinRequest};
    let lab = lab().await;
    let ask = |key: &Key| CertifyRequest {
        kind: "gateway".into(),
        name: "gw".into(),
        request: key.request().expect("a request").into(),
        names: Vec::new(),
    };
    let (first, second) = (Key::generate().expect("a key"), Key::generate().expect("a key"));
    let hour = Duration::from_hours(1);
    let spent = crate::parts::create(lab.store(), "gateway", "", hour).await.expect("a token").secret;
    let left = crate::parts::create(lab.store(), "gateway", "", hour).await.expect("a token").secret;
    let join = |secret: &str, key: &Key| JoinRequest { secret: secret.into(), certify: Some(ask(key)) };
    let joined = PartsClient::new(lab.link(Peer::default())).join(join(&spent, &first)).await.expect("joined").into_inner();
    write(&lab.config, &backup_file(&lab)).await.expect("a backup");
    // Twice, so that the store of before knows neither key of it.
    let peer = Peer::shown(&joined.certificate).expect("a certificate");
    let renewed = PartsClient::new(lab.link(peer)).certify(ask(&second)).await.expect("renewed").into_inner();
    let peer = Peer::shown(&renewed.certificate).expect("a certificate");
    let renewed = PartsClient::new(lab.link(peer)).certify(ask(&second)).await.expect("renewed").into_inner();
    let lab = restored(lab).await;
    for secret in [&spent, &left] {
        let refused = PartsClient::new(lab.link(Peer::default())).join(join(secret, &first)).await.expect_err("refused");
        assert!(refused.message().contains("no such token"), "{refused}");
    }
    let peer = Peer::shown(&renewed.certificate).expect("a certificate");
    PartsClient::new(lab.link(peer)).certify(ask(&second)).await.expect("it is still a part");
}
