//! One table's rows in memory, found by key, and in the order of keys by what they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::pin::pin;
use std::slice;
use std::sync::Arc;

use futures_util::{Stream, TryStreamExt};
use sea_orm::DbErr;

/// Shared between the rows and the groups that they belong to.
type Key = Arc<str>;

/// A row that is mirrored.
pub trait Mirrored: PartialEq {
    /// The value of the column by which the feed names it: see [`crate::store::feed::triggers::Table::key`].
    fn feed_key(&self) -> &str;

    /// Whatever it is looked up by besides its key: its account, the instance that it is attached to.
    fn belongs_to(&self, say: &mut dyn FnMut(&str));

    /// The order among rows of one key.
    fn rank(&self) -> (i64, &str) {
        (0, "")
    }
}

/// A table.
#[derive(Debug)]
pub struct Mirror<M> {
    rows: HashMap<Key, Slot<M>>,
    groups: HashMap<Key, Group>,
}

/// The rows of one key: nearly always one.
#[derive(Debug)]
enum Slot<M> {
    One(Arc<M>),
    Many(Box<[Arc<M>]>),
}

/// What belongs to one owner.
#[derive(Debug, Default, PartialEq, Eq)]
struct Group {
    keys: BTreeSet<Key>,
    rows: usize,
}

impl<M> Slot<M> {
    fn as_slice(&self) -> &[Arc<M>] {
        match self {
            Self::One(row) => slice::from_ref(row),
            Self::Many(rows) => rows,
        }
    }
}

impl<M> Default for Mirror<M> {
    fn default() -> Self {
        Self { rows: HashMap::new(), groups: HashMap::new() }
    }
}

impl<M: PartialEq> PartialEq for Slot<M> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<M: PartialEq> PartialEq for Mirror<M> {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows && self.groups == other.groups
    }
}

impl<M> Mirror<M> {
    /// The rows of a key, in their order.
    pub fn get(&self, key: &str) -> &[Arc<M>] {
        self.rows.get(key).map_or(&[], Slot::as_slice)
    }

    /// The one row of a key.
    pub fn one(&self, key: &str) -> Option<&Arc<M>> {
        self.get(key).first()
    }

    /// The keys of what belongs to `owner`, in order, from the one behind `after` on. Walks nothing else.
    pub fn of<'a>(&'a self, owner: &str, after: Option<&str>) -> impl Iterator<Item = &'a str> + use<'a, M> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let keys = self.groups.get(owner).map(|group| group.keys.range::<str, _>((start, Bound::Unbounded)));
        keys.into_iter().flatten().map(|key| &**key)
    }

    /// The same from `first` on, which is among them.
    pub fn of_from<'a>(&'a self, owner: &str, first: &str) -> impl Iterator<Item = &'a str> + use<'a, M> {
        let keys = self.groups.get(owner).map(|group| group.keys.range::<str, _>((Bound::Included(first), Bound::Unbounded)));
        keys.into_iter().flatten().map(|key| &**key)
    }

    /// How many rows belong to `owner`.
    pub fn count(&self, owner: &str) -> usize {
        self.groups.get(owner).map_or(0, |group| group.rows)
    }

    /// All rows, in no order.
    pub fn each(&self) -> impl Iterator<Item = &Arc<M>> {
        self.rows.values().flat_map(Slot::as_slice)
    }

    /// All rows, in the order of their keys, which it first sorts: not for what is asked often of much.
    pub fn values(&self) -> impl Iterator<Item = &Arc<M>> {
        let mut slots: Vec<(&Key, &Slot<M>)> = self.rows.iter().collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        slots.into_iter().flat_map(|(_, slot)| slot.as_slice())
    }
}

impl<M: Mirrored> Mirror<M> {
    /// `rows` are all there are of `keys`.
    pub fn replace(&mut self, keys: impl IntoIterator<Item = String>, rows: impl IntoIterator<Item = M>) {
        let mut fresh: BTreeMap<String, Vec<Arc<M>>> = keys.into_iter().map(|key| (key, Vec::new())).collect();
        for row in rows {
            fresh.entry(row.feed_key().to_owned()).or_default().push(Arc::new(row));
        }
        for (key, rows) in fresh {
            self.set(&key, rows);
        }
    }

    /// `rows` are all there are of their keys.
    pub fn add(&mut self, rows: impl IntoIterator<Item = M>) {
        self.replace([], rows);
    }

    /// `rows` are all there are, those of one key next to each other. Taken in as they come: a large table read whole before would take
    /// several times its place here.
    pub async fn fill(&mut self, rows: impl Stream<Item = Result<M, DbErr>>) -> Result<(), DbErr> {
        let (mut rows, mut key, mut of_key) = (pin!(rows), String::new(), Vec::new());
        while let Some(row) = rows.try_next().await? {
            if row.feed_key() != key {
                self.set(&key, std::mem::take(&mut of_key));
                row.feed_key().clone_into(&mut key);
            }
            of_key.push(Arc::new(row));
        }
        self.set(&key, of_key);
        Ok(())
    }

    fn set(&mut self, key: &str, mut rows: Vec<Arc<M>>) {
        rows.sort_by(|a, b| a.rank().cmp(&b.rank()));
        if self.get(key) == rows {
            return;
        }
        // Whoever reads meanwhile has the old rows for as long as it likes.
        let (key, old) = self.rows.remove_entry(key).map_or_else(|| (Key::from(key), None), |(key, old)| (key, Some(old)));
        for row in old.iter().flat_map(Slot::as_slice) {
            row.belongs_to(&mut |owner| leave(&mut self.groups, owner, &key));
        }
        for row in &rows {
            row.belongs_to(&mut |owner| enter(&mut self.groups, owner, &key));
        }
        let slot = match rows.len() {
            0 => return,
            1 => rows.pop().map(Slot::One),
            _ => Some(Slot::Many(rows.into_boxed_slice())),
        };
        self.rows.extend(slot.map(|slot| (key, slot)));
    }
}

fn enter(groups: &mut HashMap<Key, Group>, owner: &str, key: &Key) {
    if !groups.contains_key(owner) {
        groups.insert(owner.into(), Group::default());
    }
    if let Some(group) = groups.get_mut(owner) {
        group.keys.insert(Arc::clone(key));
        group.rows += 1;
    }
}

fn leave(groups: &mut HashMap<Key, Group>, owner: &str, key: &Key) {
    let Some(group) = groups.get_mut(owner) else { return };
    group.keys.remove(&**key);
    group.rows = group.rows.saturating_sub(1);
    if group.rows == 0 {
        groups.remove(owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Leaf {
        key: &'static str,
        owner: &'static str,
        rank: i64,
    }

    impl Mirrored for Leaf {
        fn feed_key(&self) -> &str {
            self.key
        }
        fn belongs_to(&self, say: &mut dyn FnMut(&str)) {
            say(self.owner);
        }
        fn rank(&self) -> (i64, &str) {
            (self.rank, "")
        }
    }

    const fn leaf(key: &'static str, owner: &'static str, rank: i64) -> Leaf {
        Leaf { key, owner, rank }
    }

    #[test]
    fn rows_are_found_by_key_and_by_owner_and_are_gone_from_both() {
        let mut mirror = Mirror::default();
        mirror.add([leaf("b", "x", 2), leaf("a", "x", 0), leaf("b", "y", 1)]);
        assert_eq!(mirror.get("b").iter().map(|row| row.rank).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(mirror.of("x", None).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(mirror.of("x", Some("a")).collect::<Vec<_>>(), ["b"]);
        assert_eq!((mirror.count("x"), mirror.count("y"), mirror.count("z")), (2, 1, 0));
        mirror.replace(["b".to_owned()], [leaf("b", "y", 3)]);
        assert_eq!((mirror.of("x", None).collect::<Vec<_>>(), mirror.count("y")), (vec!["a"], 1));
        mirror.replace(["a".to_owned(), "b".to_owned()], []);
        assert_eq!(mirror, Mirror::default());
    }
}
