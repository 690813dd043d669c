//! A store on a real file, for the tests of this crate.

use std::sync::Arc;

use freehold_proto::clock::SystemClock;
use freehold_proto::id::{Entropy, OsEntropy};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use tempfile::TempDir;

use super::{Store, account, is_unique_violation};
use crate::{Config, Settings};

pub async fn empty_store() -> (TempDir, Arc<Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open_in(&folder).await;
    (folder, store)
}

pub async fn open_in(folder: &TempDir) -> Arc<Store> {
    open_with(folder, Arc::new(OsEntropy)).await
}

pub async fn open_with(folder: &TempDir, entropy: Arc<dyn Entropy>) -> Arc<Store> {
    let settings = Arc::new(Settings::try_from(&Config::default()).expect("valid"));
    Store::open(&folder.path().join("freehold.db"), settings, Arc::new(SystemClock), entropy).await.expect("a store")
}

fn somebody() -> account::Model {
    account::Model { account_id: "111122223333".into(), name: "a".into(), created: 0 }
}

#[tokio::test]
async fn what_is_committed_survives_reopening_and_what_is_not_does_not() {
    let (folder, store) = empty_store().await;
    let tx = store.begin("111122223333").await.expect("begin");
    somebody().into_active_model().insert(tx.db()).await.expect("insert");
    tx.commit().await.expect("commit");
    let tx = store.begin("111122223333").await.expect("begin");
    account::Model { account_id: "444455556666".into(), ..somebody() }.into_active_model().insert(tx.db()).await.expect("insert");
    drop(tx);
    drop(store);
    let again = open_in(&folder).await;
    assert_eq!(account::Entity::find().all(again.reader()).await.expect("read"), vec![somebody()]);
}

#[tokio::test]
async fn a_unique_violation_is_told_from_other_failures() {
    let (_folder, store) = empty_store().await;
    let tx = store.begin("111122223333").await.expect("begin");
    somebody().into_active_model().insert(tx.db()).await.expect("insert");
    let twice = somebody().into_active_model().insert(tx.db()).await.expect_err("the same account twice");
    assert!(is_unique_violation(&twice), "{twice}");
    let short =
        account::Model { account_id: "1".into(), ..somebody() }.into_active_model().insert(tx.db()).await.expect_err("not 12 digits");
    assert!(!is_unique_violation(&short), "{short}");
}
