use std::sync::Arc;

use freehold_proto::ErrorCode;
use freehold_proto::internal::identity::GetDayKeyRequest;
use freehold_proto::internal::identity::identity_server::Identity;
use sea_orm::EntityTrait;

use super::{IdentityService, KeyFeed, Vault, access_key, account};
use crate::store::tests::empty_store;
use crate::store::{self, Failure, subnet, vpc};

fn code<T>(outcome: Result<T, Failure>) -> Option<ErrorCode> {
    match outcome {
        Err(Failure::Fault(fault)) => Some(fault.code),
        _ => None,
    }
}

#[tokio::test]
async fn an_account_has_its_default_vpc_and_two_accounts_overlap() {
    let (_folder, store) = empty_store().await;
    account::create(&store, "111122223333", "one").await.expect("created");
    let drawn = account::create(&store, "", "two").await.expect("created").account_id;
    assert_eq!(drawn.len(), 12);
    let vpcs = vpc::Entity::find().all(store.reader()).await.expect("vpcs");
    assert_eq!(vpcs.iter().map(|vpc| vpc.cidr_block.as_str()).collect::<Vec<_>>(), ["172.31.0.0/16"; 2]);
    assert_ne!(vpcs[0].vni, vpcs[1].vni);
    let subnets = subnet::Entity::find().all(store.reader()).await.expect("subnets");
    assert_eq!(subnets.iter().filter(|subnet| subnet.account_id == drawn).count(), 3);
    store.world().caught_up().await.expect("the World");
    assert_eq!(store.world().rows().network_interfaces.count(&drawn), 0);
}

#[tokio::test]
async fn an_account_that_exists_or_is_none_is_refused_and_leaves_nothing() {
    let (_folder, store) = empty_store().await;
    account::create(&store, "111122223333", "one").await.expect("created");
    for (id, name) in [("111122223333", "again"), ("11112222333", "short"), ("11112222333x", "letters"), ("444455556666", "")] {
        assert_eq!(code(account::create(&store, id, name).await), Some(ErrorCode::InvalidParameterValue), "{id}");
    }
    assert_eq!(vpc::Entity::find().all(store.reader()).await.expect("vpcs").len(), 1);
}

#[tokio::test]
async fn a_key_gives_day_keys_until_it_is_disabled() {
    let (folder, store) = empty_store().await;
    let vault = Arc::new(Vault::open(&folder.path().join("sealing.key"), store.entropy()).expect("a vault"));
    account::create(&store, "111122223333", "one").await.expect("created");
    assert_eq!(code(access_key::create(&store, &vault, "444455556666").await), Some(ErrorCode::InvalidParameterValue));
    let key = access_key::create(&store, &vault, "111122223333").await.expect("created");
    assert_eq!((key.access_key_id.len(), key.secret_access_key.len(), &key.access_key_id[..4]), (20, 40, "AKIA"));
    let service = IdentityService { store: Arc::clone(&store), vault, feed: Arc::new(KeyFeed::of(&store)) };
    let ask = async |access_key_id: &str| {
        let request = GetDayKeyRequest {
            access_key_id: access_key_id.into(),
            date: "20260102".into(),
            region: "us-east-1".into(),
            service: "ec2".into(),
        };
        service.get_day_key(tonic::Request::new(request)).await.expect("answered").into_inner()
    };
    let found = ask(&key.access_key_id).await;
    assert_eq!((found.found, found.signing_key.len(), found.account_id.as_str()), (true, 32, "111122223333"));
    assert!(!ask("AKIANOBODY").await.found);
    let row = store::access_key::Entity::find_by_id(&key.access_key_id).one(store.reader()).await.expect("read").expect("a row");
    assert!(!format!("{row:?}").contains(&key.secret_access_key));
    access_key::set_active(&store, &key.access_key_id, false).await.expect("disabled");
    assert!(!ask(&key.access_key_id).await.found);
    access_key::set_active(&store, &key.access_key_id, true).await.expect("enabled");
    assert!(ask(&key.access_key_id).await.found);
    assert_eq!(access_key::list(&store, "").await.expect("listed").len(), 1);
    assert!(access_key::list(&store, "444455556666").await.expect("listed").is_empty());
    access_key::delete(&store, &key.access_key_id).await.expect("deleted");
    assert!(!ask(&key.access_key_id).await.found);
    for absent in [access_key::delete(&store, "AKIANOBODY").await, access_key::set_active(&store, "AKIANOBODY", true).await] {
        assert_eq!(code(absent), Some(ErrorCode::InvalidParameterValue));
    }
}
