//! A store of its own for each test of this crate: a file of SQLite's, or, where `FREEHOLD_TEST_DATABASE` has the address of a PostgreSQL
//! (`deploy/with-postgres` sets it), a schema there.

use std::path::Path;
use std::sync::Arc;

use freehold_proto::clock::SystemClock;
use freehold_proto::id::{Entropy, OsEntropy, request_id};
use sea_orm::{ActiveModelTrait, ConnectionTrait, Database, DbBackend, EntityTrait, IntoActiveModel};
use tempfile::TempDir;

use super::{DatabaseUrl, Place, Store, account, is_unique_violation};
use crate::{Config, Settings};

/// Where a test's scheduler keeps what it has. Gone with this value.
pub struct Ground {
    folder: TempDir,
    schema: Option<Schema>,
}

/// A schema of PostgreSQL's.
struct Schema {
    server: String,
    name: String,
}

impl Ground {
    pub async fn new() -> Self {
        let schema = match std::env::var("FREEHOLD_TEST_DATABASE") {
            Ok(server) => Some(Schema::create(server).await),
            Err(_) => None,
        };
        Self { folder: tempfile::tempdir().expect("a folder"), schema }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// For `scheduler.database`.
    pub fn database(&self) -> Option<DatabaseUrl> {
        self.schema.as_ref().map(Schema::url)
    }

    pub fn place(&self) -> Place {
        self.config().place()
    }

    /// The default configuration, on this ground.
    pub fn config(&self) -> Config {
        Config { data: self.path().join("data"), database: self.database(), ..Config::default() }
    }
}

impl Schema {
    async fn create(server: String) -> Self {
        let name = format!("test_{}", request_id(&OsEntropy).replace('-', ""));
        run(&server, &[format!("CREATE SCHEMA {name}")]).await;
        Self { server, name }
    }

    fn url(&self) -> DatabaseUrl {
        let with = if self.server.contains('?') { '&' } else { '?' };
        let url = format!("{}{with}options%5Bsearch_path%5D={name}&application_name={name}", self.server, name = self.name);
        DatabaseUrl::try_from(url).expect("FREEHOLD_TEST_DATABASE is an address of PostgreSQL's")
    }

    /// Ends the connections of those who use it.
    fn cut(&self) -> String {
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{}'", self.name)
    }
}

async fn run(server: &str, statements: &[String]) {
    let db = Database::connect(server).await.expect("PostgreSQL answers");
    for statement in statements {
        db.execute_unprepared(statement).await.expect(statement);
    }
    db.close().await.expect("closed");
}

/// What still holds the schema (a session's task between two of its steps) is ended with it.
impl Drop for Schema {
    fn drop(&mut self) {
        run_by_itself(&self.server, &[self.cut(), format!("DROP SCHEMA {} CASCADE", self.name)]);
    }
}

/// Where a runtime may be under way already.
fn run_by_itself(server: &str, statements: &[String]) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(run(server, statements));
        });
    });
}

/// A database of PostgreSQL's with a default of its own.
struct OwnDatabase {
    server: String,
    name: String,
}

impl OwnDatabase {
    async fn create(server: &str, setting: &str) -> Self {
        let name = format!("test_{}", request_id(&OsEntropy).replace('-', ""));
        run(server, &[format!("CREATE DATABASE {name}"), format!("ALTER DATABASE {name} SET {setting}")]).await;
        Self { server: server.to_owned(), name }
    }

    fn place(&self) -> Place {
        let with = if self.server.contains('?') { '&' } else { '?' };
        let url = format!("{}{with}dbname={}", self.server, self.name);
        Place::Postgres(DatabaseUrl::try_from(url).expect("an address of PostgreSQL's"))
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        run_by_itself(&self.server, &[format!("DROP DATABASE {} WITH (FORCE)", self.name)]);
    }
}

pub async fn empty_store() -> (Ground, Arc<Store>) {
    let ground = Ground::new().await;
    let store = open_in(&ground).await;
    (ground, store)
}

pub async fn open_in(ground: &Ground) -> Arc<Store> {
    open_with(ground, Arc::new(OsEntropy)).await
}

pub async fn open_with(ground: &Ground, entropy: Arc<dyn Entropy>) -> Arc<Store> {
    let config = ground.config();
    std::fs::create_dir_all(&config.data).expect("a folder");
    let settings = Arc::new(Settings::try_from(&config).expect("valid"));
    Store::open(&ground.place(), settings, Arc::new(SystemClock), entropy).await.expect("a store")
}

fn somebody() -> account::Model {
    account::Model { account_id: "111122223333".into(), name: "a".into(), created: 0 }
}

#[tokio::test]
async fn what_is_committed_survives_reopening_and_what_is_not_does_not() {
    let (ground, store) = empty_store().await;
    let tx = store.begin("111122223333").await.expect("begin");
    somebody().into_active_model().insert(tx.db()).await.expect("insert");
    tx.commit().await.expect("commit");
    let tx = store.begin("111122223333").await.expect("begin");
    account::Model { account_id: "444455556666".into(), ..somebody() }.into_active_model().insert(tx.db()).await.expect("insert");
    drop(tx);
    drop(store);
    let again = open_in(&ground).await;
    assert_eq!(account::Entity::find().all(again.reader()).await.expect("read"), vec![somebody()]);
}

#[tokio::test]
async fn a_unique_violation_is_told_from_other_failures() {
    let (_ground, store) = empty_store().await;
    let tx = store.begin("111122223333").await.expect("begin");
    somebody().into_active_model().insert(tx.db()).await.expect("insert");
    let twice = somebody().into_active_model().insert(tx.db()).await.expect_err("the same account twice");
    assert!(is_unique_violation(&twice), "{twice}");
    // PostgreSQL does nothing more in a transaction that has failed.
    drop(tx);
    let tx = store.begin("111122223333").await.expect("begin");
    let short =
        account::Model { account_id: "1".into(), ..somebody() }.into_active_model().insert(tx.db()).await.expect_err("not 12 digits");
    assert!(!is_unique_violation(&short), "{short}");
}

#[tokio::test]
async fn a_transaction_has_its_turn_from_its_first_statement_on() {
    let (ground, store) = empty_store().await;
    take_turns(store, open_in(&ground).await).await;
}

/// In REPEATABLE READ a turn would see what was there when it began to wait.
#[tokio::test]
async fn a_turn_sees_what_the_turn_before_left_whatever_a_server_s_default_is() {
    let Ok(server) = std::env::var("FREEHOLD_TEST_DATABASE") else { return };
    let database = OwnDatabase::create(&server, "default_transaction_isolation = 'repeatable read'").await;
    let open = async || {
        let settings = Arc::new(Settings::try_from(&Config::default()).expect("valid"));
        Store::open(&database.place(), settings, Arc::new(SystemClock), Arc::new(OsEntropy)).await.expect("a store")
    };
    take_turns(open().await, open().await).await;
}

async fn take_turns(store: Arc<Store>, other: Arc<Store>) {
    let tx = store.begin("111122223333").await.expect("begin");
    let mut waiting = Box::pin(other.begin("111122223333"));
    let turn = tokio::time::timeout(std::time::Duration::from_millis(200), &mut waiting).await;
    assert!(turn.is_err(), "two schedulers of one store decide at the same time");
    somebody().into_active_model().insert(tx.db()).await.expect("insert");
    tx.commit().await.expect("commit");
    let turn = waiting.await.expect("its turn has come");
    assert_eq!(account::Entity::find().all(turn.db()).await.expect("read"), vec![somebody()], "and it sees what the turn before left");
}

/// Writes into the store's own list of migrations.
async fn pretend_migrated(store: &Store, version: &str) {
    let tx = store.begin("").await.expect("begin");
    let row = format!("INSERT INTO seaql_migrations (version, applied_at) VALUES ('{version}', 0)");
    tx.db().execute_unprepared(&row).await.expect("written");
    tx.commit().await.expect("commit");
}

#[tokio::test]
async fn a_newer_store_is_refused_with_a_sentence_and_left_as_it_is() {
    let (ground, store) = empty_store().await;
    pretend_migrated(&store, "m9999_of_a_newer_version").await;
    drop(store);
    let config = ground.config();
    let settings = Arc::new(Settings::try_from(&config).expect("valid"));
    let refused = Store::open(&ground.place(), settings, Arc::new(SystemClock), Arc::new(OsEntropy)).await.err().expect("refused");
    let sentence = refused.to_string();
    assert!(sentence.contains("newer freehold") && sentence.contains("m9999_of_a_newer_version"), "{sentence}");
}

/// The store of the first release: its schema as the first migration left it, and a row in it.
#[tokio::test]
async fn an_older_store_is_brought_up_to_date_and_keeps_its_rows() {
    let ground = Ground::new().await;
    std::fs::create_dir_all(ground.config().data).expect("a folder");
    super::migration::tests::first_release(&ground.place()).await;
    let store = open_in(&ground).await;
    assert_eq!(account::Entity::find().all(store.reader()).await.expect("read").len(), 1);
    assert!(super::volume::Entity::find().all(store.reader()).await.expect("a column of the third migration").is_empty());
}

/// What older stores are filled with.
const A_VPC: &str = "
    INSERT INTO account (account_id, name, created) VALUES ('111122223333', 'a', 0);
    INSERT INTO vpc (vpc_id, account_id, cidr_block, cidr_association_id, is_default, vni, dhcp_options_id, enable_dns_support,
        enable_dns_hostnames, enable_network_address_usage_metrics, generation, created)
        VALUES ('vpc-1', '111122223333', '10.0.0.0/16', 'vpc-cidr-assoc-1', FALSE, 5000, 'default', TRUE, TRUE, FALSE, 1, 0);";

/// Public addresses meant the primary one of their interface.
#[tokio::test]
async fn public_addresses_of_an_older_store_mean_what_they_meant() {
    const ROWS: &str = "
        INSERT INTO subnet (subnet_id, account_id, vpc_id, availability_zone, cidr_block, default_for_az, map_public_ip_on_launch,
            private_dns_hostname_type, enable_resource_name_dns_a_record, created)
            VALUES ('subnet-1', '111122223333', 'vpc-1', 'us-east-1a', '10.0.0.0/24', FALSE, FALSE, 'ip-name', FALSE, 0);
        INSERT INTO network_interface (network_interface_id, account_id, vpc_id, subnet_id, availability_zone, mac_address, description,
            source_dest_check, created) VALUES ('eni-1', '111122223333', 'vpc-1', 'subnet-1', 'us-east-1a', '02:00:00:00:00:01', '', TRUE, 0);
        INSERT INTO private_address (subnet_id, address, account_id, network_interface_id, is_primary)
            VALUES ('subnet-1', '10.0.0.9', '111122223333', 'eni-1', FALSE), ('subnet-1', '10.0.0.10', '111122223333', 'eni-1', TRUE);
        INSERT INTO public_address (address, account_id, network_interface_id) VALUES ('198.18.0.1', '111122223333', 'eni-1');
        INSERT INTO elastic_address (allocation_id, account_id, address, association_id, network_interface_id, created)
            VALUES ('eipalloc-1', '111122223333', '198.18.0.1', 'eipassoc-1', 'eni-1', 0),
                ('eipalloc-2', '111122223333', '198.18.0.2', NULL, NULL, 0);";
    let ground = Ground::new().await;
    std::fs::create_dir_all(ground.config().data).expect("a folder");
    super::migration::tests::before(&ground.place(), "m0030_addresses_of_addresses", &format!("{A_VPC}{ROWS}")).await;
    let store = open_in(&ground).await;
    let public = super::public_address::Entity::find().all(store.reader()).await.expect("read");
    assert_eq!(public.iter().map(|row| row.private_ip_address.as_str()).collect::<Vec<_>>(), ["10.0.0.10"]);
    let mut elastic = super::elastic_address::Entity::find().all(store.reader()).await.expect("read");
    elastic.sort_by(|one, other| one.allocation_id.cmp(&other.allocation_id));
    let meant: Vec<_> = elastic.iter().map(|row| row.private_ip_address.as_deref()).collect();
    assert_eq!(meant, [Some("10.0.0.10"), None]);
}

/// Rules meant blocks of IPv4 alone.
#[tokio::test]
async fn rules_of_an_older_store_mean_what_they_meant_and_new_ones_name_one_peer() {
    const ROWS: &str = "
        INSERT INTO security_group (group_id, account_id, vpc_id, group_name, description, generation, created)
            VALUES ('sg-1', '111122223333', 'vpc-1', 'g', 'd', 1, 0);
        INSERT INTO security_group_rule (security_group_rule_id, account_id, group_id, is_egress, ip_protocol, from_port, to_port, cidr_ipv4, created)
            VALUES ('sgr-1', '111122223333', 'sg-1', FALSE, 'tcp', 22, 22, '10.0.0.0/8', 0);
        INSERT INTO network_acl (network_acl_id, account_id, vpc_id, is_default, created) VALUES ('acl-1', '111122223333', 'vpc-1', TRUE, 0);
        INSERT INTO network_acl_entry (network_acl_id, is_egress, rule_number, account_id, protocol, rule_action, cidr_block)
            VALUES ('acl-1', FALSE, 100, '111122223333', '-1', 'allow', '0.0.0.0/0');";
    let ground = Ground::new().await;
    std::fs::create_dir_all(ground.config().data).expect("a folder");
    super::migration::tests::before(&ground.place(), "m0035_ipv6_in_rules", &format!("{A_VPC}{ROWS}")).await;
    let store = open_in(&ground).await;
    let (rules, entries) = (super::security_group_rule::Entity::find(), super::network_acl_entry::Entity::find());
    let rule = rules.one(store.reader()).await.expect("read").expect("the rule");
    assert_eq!((rule.cidr_ipv4.as_deref(), rule.cidr_ipv6.as_deref()), (Some("10.0.0.0/8"), None));
    let entry = entries.one(store.reader()).await.expect("read").expect("the entry");
    assert_eq!((entry.cidr_block.as_deref(), entry.ipv6_cidr_block.as_deref()), (Some("0.0.0.0/0"), None));
    let other = |cidr_ipv4: Option<&str>| super::security_group_rule::Model {
        security_group_rule_id: "sgr-2".into(),
        cidr_ipv4: cidr_ipv4.map(str::to_owned),
        cidr_ipv6: Some("::/0".into()),
        ..rule.clone()
    };
    let numbered = |cidr_block: Option<&str>, ipv6: Option<&str>| super::network_acl_entry::Model {
        rule_number: 101,
        cidr_block: cidr_block.map(str::to_owned),
        ipv6_cidr_block: ipv6.map(str::to_owned),
        ..entry.clone()
    };
    let begin = || store.begin("111122223333");
    let tx = begin().await.expect("begin");
    other(None).into_active_model().insert(tx.db()).await.expect("a rule of IPv6");
    numbered(None, Some("::/0")).into_active_model().insert(tx.db()).await.expect("an entry of IPv6");
    drop(tx);
    let tx = begin().await.expect("begin");
    other(Some("10.0.0.0/8")).into_active_model().insert(tx.db()).await.expect_err("two peers");
    drop(tx);
    for (ipv4, ipv6) in [(None, None), (Some("10.0.0.0/8"), Some("::/0"))] {
        let tx = begin().await.expect("begin");
        numbered(ipv4, ipv6).into_active_model().insert(tx.db()).await.expect_err("not one block");
    }
}

#[tokio::test]
async fn the_tests_run_on_the_store_that_they_were_asked_to() {
    let (_ground, store) = empty_store().await;
    let asked = if std::env::var_os("FREEHOLD_TEST_DATABASE").is_some() { DbBackend::Postgres } else { DbBackend::Sqlite };
    assert_eq!(store.reader().get_database_backend(), asked);
}

/// SQLite frees a process's lock with the process; a server does not know that a client stands still.
#[tokio::test]
async fn a_scheduler_that_stands_still_in_its_turn_loses_it_on_a_server() {
    let (ground, store) = empty_store().await;
    if ground.database().is_none() {
        return;
    }
    let other = open_in(&ground).await;
    let stopped = store.begin("111122223333").await.expect("begin");
    somebody().into_active_model().insert(stopped.db()).await.expect("insert");
    let next = other.begin("111122223333").await.expect("the turn goes on");
    assert!(account::Entity::find().all(next.db()).await.expect("read").is_empty(), "what was not committed is gone");
    drop(next);
    let fault = freehold_proto::Fault::from(super::Failure::from(stopped.commit().await.expect_err("too late")));
    assert_eq!(fault.code, freehold_proto::ErrorCode::Unavailable, "{fault}: {:?}", fault.source);
}

/// At PostgreSQL's own prompt nobody has set a search path, and TRUNCATE fires no trigger of a row.
#[tokio::test]
async fn a_hand_at_a_server_s_prompt_is_followed_and_counted_and_empties_no_table_at_once() {
    let (ground, store) = empty_store().await;
    let Some(Schema { server, name }) = &ground.schema else { return };
    let tx = store.begin("").await.expect("begin");
    somebody().into_active_model().insert(tx.db()).await.expect("insert");
    let host = "INSERT INTO host (host_id, hostname, availability_zone, vcpus, memory_mib, disk_mib, drivers, version, connected, last_seen, quarantined)
        VALUES ('host-1', '', 'us-east-1a', 1, 1, 1, '[]', '', FALSE, 0, '[]')";
    tx.db().execute_unprepared(host).await.expect("a host");
    tx.commit().await.expect("commit");
    let before = super::feed::head(store.reader()).await.expect("a head");
    let volume = format!(
        "INSERT INTO {name}.volume (volume_id, account_id, availability_zone, size_gib, volume_type, iops, throughput, snapshot_id, manifest, created, host_id)
         VALUES ('vol-1', '111122223333', 'us-east-1a', 3, 'gp3', 1, 1, '', '', 0, 'host-1')"
    );
    run(server, &[volume]).await;
    assert_eq!(super::host::Entity::find().one(store.reader()).await.expect("read").expect("the host").disk_mib_used, 3 * 1024);
    let super::feed::After::Changes(changes) = super::feed::after(store.reader(), before).await.expect("the feed") else {
        panic!("pruned")
    };
    assert!(changes.iter().any(|change| (change.kind.as_str(), change.id.as_str()) == ("volume", "vol-1")), "{changes:?}");
    let db = Database::connect(server).await.expect("PostgreSQL answers");
    let refused = db.execute_unprepared(&format!("TRUNCATE {name}.volume CASCADE")).await.expect_err("refused");
    assert!(refused.to_string().contains("are deleted one by one"), "{refused}");
    db.close().await.expect("closed");
}

/// A server that is started again, or a network that is cut.
#[tokio::test]
async fn connections_that_were_cut_are_made_again() {
    let (ground, store) = empty_store().await;
    let Some(schema) = &ground.schema else { return };
    for round in 0..3 {
        run(&schema.server, &[schema.cut()]).await;
        let account_id = format!("11112222333{round}");
        crate::lab::eventually("a command is done", async || {
            let Ok(tx) = store.begin(&account_id).await else { return false };
            let row = account::Model { account_id: account_id.clone(), ..somebody() };
            row.into_active_model().insert(tx.db()).await.is_ok() && tx.commit().await.is_ok()
        })
        .await;
        crate::lab::eventually("the World follows", async || store.world().caught_up().await.is_ok()).await;
        assert_eq!(account::Entity::find().all(store.reader()).await.expect("read").len(), round + 1);
    }
}
