//! Prefix lists: every code that their actions declare, and their versions.

use super::network_refusals::too_many_tags;
use super::refusals::{refuse_filters, refuse_ids, refuse_pages, strings};
use super::*;
use crate::network::prefix_list::{CLOUD, MOST};
use crate::store::prefix_list;
use sea_orm::{EntityTrait, IntoActiveModel};

pub const ABSENT: &str = "pl-0123456789abcdef0";

pub fn entry(cidr: &str) -> ec2::AddPrefixListEntry {
    ec2::AddPrefixListEntry { cidr: cidr.into(), description: None }
}

pub fn create(max_entries: i32, blocks: &[&str]) -> ec2::CreateManagedPrefixListRequest {
    ec2::CreateManagedPrefixListRequest {
        prefix_list_name: "offices".into(),
        address_family: "IPv4".into(),
        max_entries,
        entries: blocks.iter().map(|block| entry(block)).collect(),
        ..Default::default()
    }
}

pub fn modify(id: &str, add: &[&str], remove: &[&str]) -> ec2::ModifyManagedPrefixListRequest {
    ec2::ModifyManagedPrefixListRequest {
        prefix_list_id: id.into(),
        add_entries: add.iter().map(|block| entry(block)).collect(),
        remove_entries: remove.iter().map(|block| ec2::RemovePrefixListEntry { cidr: (*block).into() }).collect(),
        ..Default::default()
    }
}

pub fn resize(id: &str, max_entries: i32) -> ec2::ModifyManagedPrefixListRequest {
    ec2::ModifyManagedPrefixListRequest { max_entries: Some(max_entries), ..modify(id, &[], &[]) }
}

pub fn delete(id: &str) -> ec2::DeleteManagedPrefixListRequest {
    ec2::DeleteManagedPrefixListRequest { prefix_list_id: id.into(), dry_run: None }
}

fn restore(id: &str, previous_version: i64, current_version: i64) -> ec2::RestoreManagedPrefixListVersionRequest {
    ec2::RestoreManagedPrefixListVersionRequest { prefix_list_id: id.into(), previous_version, current_version, dry_run: None }
}

fn entries_of(id: &str, target_version: Option<i64>) -> ec2::GetManagedPrefixListEntriesRequest {
    ec2::GetManagedPrefixListEntriesRequest { prefix_list_id: id.into(), target_version, ..Default::default() }
}

pub fn associations_of(id: &str) -> ec2::GetManagedPrefixListAssociationsRequest {
    ec2::GetManagedPrefixListAssociationsRequest { prefix_list_id: id.into(), ..Default::default() }
}

fn named(ids: &[&str]) -> ec2::DescribeManagedPrefixListsRequest {
    ec2::DescribeManagedPrefixListsRequest { prefix_list_ids: strings(ids), ..Default::default() }
}

pub async fn made(bench: &Bench, max_entries: i32, blocks: &[&str]) -> String {
    bench.get(create(max_entries, blocks)).await.prefix_list.expect("a list").prefix_list_id.expect("an id")
}

/// One of the cloud's own.
async fn of_cloud(bench: &Bench) -> String {
    let row = prefix_list::Model {
        prefix_list_id: "pl-00000001".into(),
        account_id: CLOUD.into(),
        prefix_list_name: "com.amazonaws.us-east-1.test".into(),
        max_entries: 1,
        version: 1,
        state: "create-complete".into(),
        created: 0,
    };
    bench.insert::<prefix_list::Entity>(vec![row.clone().into_active_model()]).await;
    row.prefix_list_id
}

pub async fn refusals(bench: &Bench) {
    describes(bench).await;
    bench.refused(ErrorCode::MissingParameter, ec2::CreateManagedPrefixListRequest::default()).await;
    let family = |word: &str| ec2::CreateManagedPrefixListRequest { address_family: word.into(), ..create(1, &[]) };
    bench.refused(ErrorCode::MissingParameter, family("")).await;
    bench.refused(ErrorCode::InvalidParameterValue, family("ipv4")).await;
    bench.refused(ErrorCode::UnsupportedOperation, family("IPv6")).await;
    for name in ["com.amazonaws.mine", &"x".repeat(256)] {
        let request = ec2::CreateManagedPrefixListRequest { prefix_list_name: name.into(), ..create(1, &[]) };
        bench.refused(ErrorCode::InvalidParameterValue, request).await;
    }
    for size in [0, -1, 1_001] {
        bench.refused(ErrorCode::InvalidParameterValue, create(size, &[])).await;
    }
    bench.refused(ErrorCode::InvalidParameterValue, create(2, &["10.0.0.0/8", "10.1.0.0/8"])).await;
    bench.refused(ErrorCode::PrefixListMaxEntriesExceeded, create(1, &["10.0.0.0/8", "192.0.2.0/24"])).await;
    let tags = too_many_tags("prefix-list");
    bench.refused(ErrorCode::TagLimitExceeded, ec2::CreateManagedPrefixListRequest { tag_specifications: tags, ..create(1, &[]) }).await;

    let id = made(bench, 2, &["10.0.0.0/8"]).await;
    changes(bench, &id).await;
    gets(bench, &id).await;
    let cloud = of_cloud(bench).await;
    bench.refused(ErrorCode::OperationNotPermitted, modify(&cloud, &["10.0.0.0/8"], &[])).await;
    bench.refused(ErrorCode::OperationNotPermitted, restore(&cloud, 1, 1)).await;
    bench.refused(ErrorCode::OperationNotPermitted, delete(&cloud)).await;

    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidPrefixListIdMalformed, delete("pl-zzz")).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, delete(ABSENT)).await;
    assert_eq!(bench.ask(TWO, delete(&id)).await.expect_err("foreign").code, ErrorCode::InvalidPrefixListIdNotFound);
    let store = bench.scheduler.store();
    let row = prefix_list::Entity::find_by_id(&id).one(store.reader()).await.expect("a read").expect("a row");
    let like = |n: u64| prefix_list::Model { prefix_list_id: format!("pl-{n:017x}"), ..row.clone() }.into_active_model();
    bench.insert::<prefix_list::Entity>((0..MOST).map(like).collect()).await;
    bench.refused(ErrorCode::ResourceLimitExceeded, create(1, &[])).await;
}

async fn describes(bench: &Bench) {
    refuse_filters!(bench, DescribeManagedPrefixListsRequest, "prefix-list-name");
    refuse_pages!(bench, DescribeManagedPrefixListsRequest);
    refuse_ids!(bench, DescribeManagedPrefixListsRequest, prefix_list_ids, "pl", InvalidPrefixListIdMalformed, InvalidPrefixListIdNotFound);
    refuse_filters!(bench, DescribePrefixListsRequest, "prefix-list-name");
    refuse_pages!(bench, DescribePrefixListsRequest);
    refuse_ids!(
        bench,
        DescribePrefixListsRequest,
        prefix_list_ids,
        "pl",
        InvalidPrefixListIdMalformed,
        InvalidPrefixListIdOfServiceNotFound
    );
}

async fn changes(bench: &Bench, id: &str) {
    bench.refused(ErrorCode::MissingParameter, modify("", &["192.0.2.0/24"], &[])).await;
    bench.refused(ErrorCode::MissingParameter, modify(id, &[], &[])).await;
    bench.refused(ErrorCode::InvalidPrefixListIdMalformed, modify("pl-zzz", &["192.0.2.0/24"], &[])).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, modify(ABSENT, &["192.0.2.0/24"], &[])).await;
    bench.refused(ErrorCode::InvalidParameterValue, modify(id, &["192.0.2.0"], &[])).await;
    bench.refused(ErrorCode::InvalidParameterValue, modify(id, &["10.0.0.0/8"], &["10.0.0.0/8"])).await;
    bench.refused(ErrorCode::InvalidPrefixListModification, modify(id, &["10.0.0.0/8"], &[])).await;
    bench.refused(ErrorCode::InvalidPrefixListModification, modify(id, &[], &["192.0.2.0/24"])).await;
    bench.refused(ErrorCode::PrefixListMaxEntriesExceeded, modify(id, &["192.0.2.0/24", "198.51.100.0/24"], &[])).await;
    let both = ec2::ModifyManagedPrefixListRequest { max_entries: Some(5), ..modify(id, &["192.0.2.0/24"], &[]) };
    bench.refused(ErrorCode::InvalidParameterCombination, both).await;
    bench.refused(ErrorCode::InvalidParameterValue, resize(id, 0)).await;
    let late = ec2::ModifyManagedPrefixListRequest { current_version: Some(2), ..modify(id, &["192.0.2.0/24"], &[]) };
    bench.refused(ErrorCode::PrefixListVersionMismatch, late).await;

    bench.refused(ErrorCode::MissingParameter, restore("", 1, 1)).await;
    bench.refused(ErrorCode::InvalidPrefixListIdMalformed, restore("pl-zzz", 1, 1)).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, restore(ABSENT, 1, 1)).await;
    bench.refused(ErrorCode::PrefixListVersionMismatch, restore(id, 1, 2)).await;
    for never in [0, 2] {
        bench.refused(ErrorCode::InvalidParameterValue, restore(id, never, 1)).await;
    }
    let larger = made(bench, 2, &["10.0.0.0/8", "192.0.2.0/24"]).await;
    bench.get(modify(&larger, &[], &["10.0.0.0/8"])).await;
    bench.get(resize(&larger, 1)).await;
    bench.refused(ErrorCode::PrefixListMaxEntriesExceeded, restore(&larger, 1, 2)).await;
}

async fn gets(bench: &Bench, id: &str) {
    bench.refused(ErrorCode::MissingParameter, entries_of("", None)).await;
    bench.refused(ErrorCode::InvalidPrefixListIdMalformed, entries_of("pl-zzz", None)).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, entries_of(ABSENT, None)).await;
    bench.refused(ErrorCode::InvalidParameterValue, entries_of(id, Some(2))).await;
    bench.refused(ErrorCode::MissingParameter, associations_of("")).await;
    bench.refused(ErrorCode::InvalidPrefixListIdMalformed, associations_of("pl-zzz")).await;
    bench.refused(ErrorCode::InvalidPrefixListIdNotFound, associations_of(ABSENT)).await;
    refuse_pages!(bench, GetManagedPrefixListEntriesRequest);
    refuse_pages!(bench, GetManagedPrefixListAssociationsRequest);
}

async fn blocks(bench: &Bench, id: &str, version: Option<i64>) -> Vec<String> {
    bench.get(entries_of(id, version)).await.entries.into_iter().filter_map(|entry| entry.cidr).collect()
}

#[tokio::test]
async fn entries_are_versions_and_names_and_sizes_are_none() {
    let bench = Bench::new().await;
    let mut request = create(3, &["192.0.2.0/24", "10.1.2.3/8"]);
    request.entries[0].description = Some("near".into());
    request.tag_specifications = tagged("prefix-list", &[("a", "b")]);
    let list = bench.get(request).await.prefix_list.expect("a list");
    let id = list.prefix_list_id.clone().expect("an id");
    let expected = ec2::ManagedPrefixList {
        prefix_list_id: Some(id.clone()),
        prefix_list_name: Some("offices".into()),
        prefix_list_arn: Some(format!("arn:aws:ec2:us-east-1:{ONE}:prefix-list/{id}")),
        address_family: Some("IPv4".into()),
        state: Some("create-complete".into()),
        owner_id: Some(ONE.into()),
        max_entries: Some(3),
        version: Some(1),
        tags: vec![tag("a", "b")],
        ..Default::default()
    };
    assert_eq!(list, expected);
    let version = |list: Option<ec2::ManagedPrefixList>| list.and_then(|list| Some((list.version?, list.state?))).expect("a version");
    let renamed = ec2::ModifyManagedPrefixListRequest { prefix_list_name: Some("all".into()), ..modify(&id, &[], &[]) };
    assert_eq!(version(bench.get(renamed).await.prefix_list), (1, "modify-complete".into()));
    assert_eq!(version(bench.get(resize(&id, 2)).await.prefix_list), (1, "modify-complete".into()));
    let at_one = ec2::ModifyManagedPrefixListRequest { current_version: Some(1), ..modify(&id, &["198.51.100.0/24"], &["10.0.0.0/8"]) };
    assert_eq!(version(bench.get(at_one).await.prefix_list).0, 2);
    assert_eq!(blocks(&bench, &id, None).await, ["192.0.2.0/24", "198.51.100.0/24"]);
    assert_eq!(blocks(&bench, &id, Some(1)).await, ["10.0.0.0/8", "192.0.2.0/24"]);
    assert_eq!(version(bench.get(restore(&id, 1, 2)).await.prefix_list), (3, "restore-complete".into()));
    let restored = bench.get(entries_of(&id, None)).await.entries;
    assert_eq!(restored[1].description.as_deref(), Some("near"));
    assert_eq!(blocks(&bench, &id, Some(2)).await, ["192.0.2.0/24", "198.51.100.0/24"]);

    let found = bench.get(named(&[&id])).await.prefix_lists.remove(0);
    assert_eq!((found.prefix_list_name.as_deref(), found.max_entries, found.version), (Some("all"), Some(2), Some(3)));
    assert_eq!(bench.ask(TWO, named(&[&id])).await.expect_err("foreign").code, ErrorCode::InvalidPrefixListIdNotFound);
    assert_eq!(bench.get(delete(&id)).await.prefix_list.expect("a list").state.as_deref(), Some("delete-complete"));
    assert_eq!(bench.ask(ONE, named(&[&id])).await.expect_err("gone").code, ErrorCode::InvalidPrefixListIdNotFound);
}

#[tokio::test]
async fn filters_and_pages_of_lists_and_of_their_entries() {
    let bench = Bench::new().await;
    let many: Vec<String> = (0..7).map(|n| format!("10.{n}.0.0/16")).collect();
    let id = made(&bench, 7, &many.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let asked = ec2::GetManagedPrefixListEntriesRequest { max_results: Some(4), ..entries_of(&id, None) };
    let first = bench.get(asked.clone()).await;
    let second = bench.get(ec2::GetManagedPrefixListEntriesRequest { next_token: first.next_token.clone(), ..asked }).await;
    let all = first.entries.iter().chain(&second.entries).filter_map(|entry| entry.cidr.clone()).collect::<Vec<_>>();
    assert_eq!((first.entries.len(), all, second.next_token), (4, many, None));
    let other = ec2::CreateManagedPrefixListRequest { prefix_list_name: "other".into(), ..create(1, &[]) };
    bench.get(ec2::CreateManagedPrefixListRequest { tag_specifications: tagged("prefix-list", &[("a", "b")]), ..other }).await;
    for (name, value, found) in [
        ("prefix-list-name", "offices", 1),
        ("prefix-list-name", "*", 2),
        ("owner-id", ONE, 2),
        ("prefix-list-id", &id, 1),
        ("tag:a", "b", 1),
    ] {
        let filters = vec![filter(name, &[value]), filter("owner-id", &[ONE])];
        let lists = bench.get(ec2::DescribeManagedPrefixListsRequest { filters, ..Default::default() }).await.prefix_lists;
        assert_eq!(lists.len(), found, "{name} {value}");
    }
}
