//! Prefix lists: their versions, and who refers to them. What a list has is told to hosts as blocks, with whatever refers to it.
//!
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/managed-prefix-lists.html>.

pub mod cloud;
mod referrers;

use std::collections::{BTreeMap, BTreeSet};

use freehold_proto::{ErrorCode, Fault};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter, Set};

pub use referrers::weight;

use super::cidr;
use crate::store::read::chosen;
use crate::store::{Failure, Outcome, Select, Tx, prefix_list, prefix_list_entry};

/// Whose the lists are that the cloud keeps itself.
pub const CLOUD: &str = "AWS";

/// An account's. EC2's is 100 until one asks for more; an operator has nobody to ask.
pub const MOST: u64 = 1_000;
const MOST_ENTRIES: i32 = 1_000;
/// Beyond it the oldest version is forgotten.
const MOST_VERSIONS: i64 = 1_000;
/// What one request may add, and what it may remove.
const MOST_CHANGES: usize = 100;
const LONGEST: usize = 255;
/// Names of the cloud's own lists begin with it.
const KEPT: &str = "com.amazonaws";

/// EC2's states. Whatever is answered is done, so none in between is ever seen.
pub mod state {
    pub const CREATED: &str = "create-complete";
    pub const MODIFIED: &str = "modify-complete";
    pub const RESTORED: &str = "restore-complete";
    pub const DELETED: &str = "delete-complete";
}

/// Blocks, each with its description.
pub type Entries = BTreeMap<String, Option<String>>;

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

/// A list's name as a client may choose it.
pub fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        return Err(invalid(format!("Value ({name}) for parameter prefixListName is invalid. A name has 1 to {LONGEST} characters.")));
    }
    if name.starts_with(KEPT) {
        return Err(invalid(format!("Value ({name}) for parameter prefixListName is invalid. The name cannot start with {KEPT}.")));
    }
    Ok(())
}

pub fn check_size(max_entries: i32) -> Result<(), Fault> {
    if (1..=MOST_ENTRIES).contains(&max_entries) {
        return Ok(());
    }
    Err(invalid(format!("Value ({max_entries}) for parameter maxEntries is invalid. It is from 1 to {MOST_ENTRIES}.")))
}

/// What a request gives, by block, each once; host bits are cleared.
pub fn read<'a>(given: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Result<Entries, Fault> {
    let mut entries = Entries::new();
    for (text, description) in given {
        if entries.len() == MOST_CHANGES {
            return Err(invalid(format!("The request cannot contain more than {MOST_CHANGES} entry additions or removals.")));
        }
        if text.is_empty() {
            return Err(Fault::new(ErrorCode::MissingParameter, "Each entry must have a Cidr."));
        }
        let block = cidr::parse("cidr", text)?.to_string();
        let long = |text: &&str| text.chars().count() > LONGEST || text.chars().any(char::is_control);
        if let Some(text) = description.filter(long) {
            return Err(invalid(format!("Value ({text}) for parameter description is invalid. It has at most {LONGEST} characters.")));
        }
        if entries.insert(block.clone(), description.filter(|text| !text.is_empty()).map(str::to_owned)).is_some() {
            return Err(invalid(format!("The entry {block} appears more than once in the request.")));
        }
    }
    Ok(entries)
}

/// What `has` becomes by adding and removing.
pub fn changed(list: &str, mut has: Entries, add: Entries, remove: &Entries) -> Result<Entries, Fault> {
    if let Some(block) = add.keys().find(|block| remove.contains_key(*block)) {
        return Err(invalid(format!("Request cannot contain Cidr {block} in both AddPrefixListEntries and RemovePrefixListEntries")));
    }
    let refuse = |why: String| Err(Fault::new(ErrorCode::InvalidPrefixListModification, why));
    for block in remove.keys() {
        if has.remove(block).is_none() {
            return refuse(format!("The entry {block} of the prefix list '{list}' does not exist."));
        }
    }
    for (block, description) in add {
        if has.contains_key(&block) {
            return refuse(format!("The entry {block} of the prefix list '{list}' already exists."));
        }
        has.insert(block, description);
    }
    Ok(has)
}

/// Refuses a version that is not the list's current one.
pub fn check_current(list: &prefix_list::Model, version: i64) -> Result<(), Fault> {
    if version == list.version {
        return Ok(());
    }
    let message = format!("The prefix list has the incorrect version number: '{}' is at {}.", list.prefix_list_id, list.version);
    Err(Fault::new(ErrorCode::PrefixListVersionMismatch, message))
}

/// Refuses a version that a list never had, or has no longer.
pub fn check_known(list: &prefix_list::Model, version: i64) -> Result<(), Fault> {
    let oldest = oldest(list.version);
    if (oldest..=list.version).contains(&version) {
        return Ok(());
    }
    Err(invalid(format!("The prefix list '{}' has the versions {oldest} to {}, and not {version}.", list.prefix_list_id, list.version)))
}

fn oldest(current: i64) -> i64 {
    (current - MOST_VERSIONS + 1).max(1)
}

pub fn check_fits(entries: usize, max_entries: i32) -> Result<(), Fault> {
    if i32::try_from(entries).is_ok_and(|entries| entries <= max_entries) {
        return Ok(());
    }
    let message = format!("The prefix list would have {entries} entries, and has room for {max_entries}. Change its MaxEntries first.");
    Err(Fault::new(ErrorCode::PrefixListMaxEntriesExceeded, message))
}

/// What a version of a list has.
pub async fn entries(tx: &Tx, list: &str, version: i64) -> Outcome<Entries> {
    let rows = prefix_list_entry::Entity::find().filter(prefix_list_entry::Column::PrefixListId.eq(list)).all(tx.db()).await?;
    Ok(rows.into_iter().filter(|row| row.is_in(version)).map(|row| (row.cidr, row.description)).collect())
}

/// Makes a list, at its first version.
pub async fn create(tx: &Tx, row: prefix_list::Model, entries: Entries) -> Outcome<prefix_list::Model> {
    check_fits(entries.len(), row.max_entries)?;
    let row = row.into_active_model().insert(tx.db()).await?;
    insert(tx, &row.prefix_list_id, row.version, entries).await?;
    Ok(row)
}

async fn insert(tx: &Tx, list: &str, since: i64, entries: Entries) -> Outcome<()> {
    let rows = entries.into_iter().map(|(cidr, description)| prefix_list_entry::Model {
        prefix_list_id: list.to_owned(),
        cidr,
        since,
        until: None,
        description,
    });
    let rows: Vec<_> = rows.map(IntoActiveModel::into_active_model).collect();
    if !rows.is_empty() {
        prefix_list_entry::Entity::insert_many(rows).exec_without_returning(tx.db()).await?;
    }
    Ok(())
}

/// A list's next version, which has `wanted`.
pub async fn become_next(tx: &mut Tx, row: prefix_list::Model, wanted: Entries, state: &str) -> Outcome<prefix_list::Model> {
    use prefix_list_entry::{Column, Entity};
    let (id, version) = (row.prefix_list_id.clone(), row.version + 1);
    let has = entries(tx, &id, row.version).await?;
    let gone: Vec<&String> = has.iter().filter(|(block, text)| wanted.get(*block) != Some(text)).map(|(block, _)| block).collect();
    let of_list = || Column::PrefixListId.eq(&id);
    let ended = Entity::update_many().col_expr(Column::Until, Expr::value(version)).filter(of_list());
    ended.filter(Column::Until.is_null()).filter(Column::Cidr.is_in(gone)).exec(tx.db()).await?;
    let new = wanted.into_iter().filter(|(block, text)| has.get(block) != Some(text)).collect();
    insert(tx, &id, version, new).await?;
    Entity::delete_many().filter(of_list()).filter(Column::Until.lte(oldest(version))).exec(tx.db()).await?;
    let mut row = row.into_active_model();
    row.version = Set(version);
    row.state = Set(state.to_owned());
    let row = row.update(tx.db()).await?;
    referrers::restate(tx, &id).await?;
    Ok(row)
}

/// Takes a list away with all its versions. Refused while anything refers to it.
pub async fn delete(tx: &Tx, row: prefix_list::Model) -> Outcome<()> {
    if let Some(referrer) = referrers::first(tx, &row.prefix_list_id).await? {
        let message = format!(
            "The prefix list '{}' has dependencies and cannot be deleted: {referrer} names it. Remove its reference first.",
            row.prefix_list_id
        );
        return Err(Failure::refuse(ErrorCode::DependencyViolation, message));
    }
    let of_list = prefix_list_entry::Column::PrefixListId.eq(&row.prefix_list_id);
    prefix_list_entry::Entity::delete_many().filter(of_list).exec(tx.db()).await?;
    row.delete(tx.db()).await?;
    Ok(())
}

/// Makes a list larger or smaller, which is no version of its own.
pub async fn resize(tx: &Tx, row: prefix_list::Model, max_entries: i32) -> Outcome<prefix_list::Model> {
    check_fits(entries(tx, &row.prefix_list_id, row.version).await?.len(), max_entries)?;
    let mut row = row.into_active_model();
    row.max_entries = Set(max_entries);
    let row = row.update(tx.db()).await?;
    referrers::check_bearable(tx, &row.prefix_list_id).await?;
    Ok(row)
}

/// Refuses what only the cloud may do with its own lists.
pub fn check_own(row: &prefix_list::Model, account: &str) -> Result<(), Failure> {
    if row.account_id == account {
        return Ok(());
    }
    let message = format!("The prefix list '{}' is AWS-managed and cannot be changed or deleted.", row.prefix_list_id);
    Err(Failure::refuse(ErrorCode::OperationNotPermitted, message))
}

/// A list that the account sees: its own, or the cloud's.
pub async fn visible(tx: &Tx, id: &str) -> Outcome<Option<prefix_list::Model>> {
    let row = prefix_list::Entity::find_by_id(id).one(tx.db()).await?;
    Ok(row.filter(|row| row.account_id == tx.account() || row.account_id == CLOUD))
}

/// Those of `ids` that the account sees.
pub async fn visible_of(tx: &Tx, ids: Vec<String>) -> Outcome<BTreeSet<String>> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let rows = chosen(tx.db(), prefix_list::Entity::find(), prefix_list::Column::PrefixListId, &Select::Ids(ids)).await?;
    let seen = rows.into_iter().filter(|row| row.account_id == tx.account() || row.account_id == CLOUD);
    Ok(seen.map(|row| row.prefix_list_id).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(blocks: &[&str]) -> Entries {
        read(blocks.iter().map(|block| (*block, None))).expect("entries")
    }

    #[test]
    fn entries_are_blocks_each_once_and_host_bits_are_cleared() {
        assert_eq!(of(&["10.1.2.3/8", "192.0.2.1/32"]).into_keys().collect::<Vec<_>>(), ["10.0.0.0/8", "192.0.2.1/32"]);
        for twice in [["10.0.0.0/8", "10.9.9.9/8"], ["10.0.0.0", "10.0.0.0/8"], ["2001:db8::/32", "10.0.0.0/8"]] {
            let refused = read(twice.iter().map(|block| (*block, None))).expect_err("refused");
            assert_eq!(refused.code, ErrorCode::InvalidParameterValue, "{twice:?}");
        }
        let many: Vec<String> = (0..101).map(|n| format!("10.0.{n}.0/24")).collect();
        assert!(read(many.iter().map(|block| (block.as_str(), None))).is_err());
        assert_eq!(read(many[1..].iter().map(|block| (block.as_str(), None))).expect("a hundred").len(), 100);
    }

    #[test]
    fn a_change_adds_what_is_not_there_and_removes_what_is() {
        let change = |add: &[&str], remove: &[&str]| {
            let has = of(&["10.0.0.0/8", "192.0.2.0/24"]);
            changed("pl-1", has, of(add), &of(remove)).map(|left| left.into_keys().collect::<Vec<_>>()).map_err(|fault| fault.code)
        };
        assert_eq!(change(&["198.51.100.0/24"], &["10.0.0.0/8"]), Ok(vec!["192.0.2.0/24".into(), "198.51.100.0/24".into()]));
        assert_eq!(change(&["10.0.0.0/8"], &[]), Err(ErrorCode::InvalidPrefixListModification));
        assert_eq!(change(&[], &["10.0.0.0/9"]), Err(ErrorCode::InvalidPrefixListModification));
        assert_eq!(change(&["10.0.0.0/8"], &["10.1.1.1/8"]), Err(ErrorCode::InvalidParameterValue));
    }

    #[test]
    fn the_oldest_version_is_forgotten_when_there_are_a_thousand() {
        assert_eq!([1, 1_000, 1_001, 5_000].map(oldest), [1, 1, 2, 4_001]);
    }
}
