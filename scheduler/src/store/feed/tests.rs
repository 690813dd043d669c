//! That no table is forgotten, and that the triggers are there however the store came to be.

use std::collections::BTreeSet;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::triggers::{Table, UNFOLLOWED};
use super::{After, after, head};
use crate::store::Store;
use crate::store::tests::{empty_store, open_in};

async fn texts(store: &Store, sqlite: &str, postgres: &str) -> BTreeSet<String> {
    let backend = store.reader().get_database_backend();
    let sql = if backend == DbBackend::Postgres { postgres } else { sqlite };
    let rows = store.reader().query_all_raw(Statement::from_string(backend, sql)).await.expect("rows");
    rows.iter().map(|row| row.try_get_by_index(0).expect("a text")).collect()
}

#[tokio::test]
async fn every_table_is_followed_or_says_why_not() {
    let (_ground, store) = empty_store().await;
    let tables = texts(
        &store,
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema()",
    )
    .await;
    let listed = Table::ALL.iter().map(|table| table.name()).chain(UNFOLLOWED.iter().copied()).map(str::to_owned).collect();
    assert_eq!(tables, listed, "a table that is in neither list of feed::triggers, or a list with a table that is not there");
}

async fn run(store: &Store, statement: &str) {
    let tx = store.begin("").await.expect("begin");
    tx.db().execute_unprepared(statement).await.expect(statement);
    tx.commit().await.expect("commit");
}

async fn newer(store: &Store, than: i64) -> Vec<(String, String)> {
    let After::Changes(changes) = after(store.reader(), than).await.expect("the feed") else { panic!("pruned") };
    changes.into_iter().map(|change| (change.kind, change.id)).collect()
}

#[tokio::test]
async fn a_row_that_comes_changes_or_goes_is_a_change_of_its_key_and_of_the_one_it_had() {
    let (_ground, store) = empty_store().await;
    run(&store, "INSERT INTO account (account_id, name, created) VALUES ('111122223333', 'a', 0)").await;
    let before = head(store.reader()).await.expect("a head");
    for statement in [
        "INSERT INTO tag (account_id, resource_id, resource_type, key, value) VALUES ('111122223333', 'vpc-1', 'vpc', 'k', 'v')",
        "UPDATE tag SET value = 'w'",
        "UPDATE tag SET resource_id = 'vpc-2'",
        "DELETE FROM tag",
    ] {
        run(&store, statement).await;
    }
    let changes = newer(&store, before).await;
    let ids: Vec<&str> = changes.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(ids, ["vpc-1", "vpc-1", "vpc-2", "vpc-1", "vpc-2"]);
    assert!(changes.iter().all(|(kind, _)| kind == "tag"));
}

#[tokio::test]
async fn triggers_that_are_gone_are_made_again_when_the_store_is_opened() {
    let (ground, store) = empty_store().await;
    let on_postgres = ground.database().is_some();
    let names = async |store: &Store| {
        texts(
            store,
            "SELECT name FROM sqlite_master WHERE type = 'trigger'",
            "SELECT tgname::text FROM pg_trigger WHERE tgrelid = 'host'::regclass AND NOT tgisinternal",
        )
        .await
    };
    let all = names(&store).await;
    assert!(!all.is_empty());
    run(&store, if on_postgres { "DROP TRIGGER feed2_host ON host" } else { "DROP TRIGGER feed2_host_update" }).await;
    assert_ne!(names(&store).await, all);
    drop(store);
    assert_eq!(names(&*open_in(&ground).await).await, all);
}
