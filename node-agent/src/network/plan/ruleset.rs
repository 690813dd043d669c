//! nftables rules as a value: rendered whole, or as the difference to what stands.
//!
//! Either is one transaction of the kernel's: a packet meets the old rules or the new ones. What flows know of themselves (conntrack) is
//! no part of a rule set, so neither breaks a flow.
//!
//! A part adds what it needs to a [`Table`]: [`Table::set`], [`Table::map`], [`Table::chain`], and [`Table::base`] for a chain at a hook.
//! The order of the calls means nothing; the order of a chain's lines does.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Write};

/// Writing to a String can not fail; this says so once.
macro_rules! line {
    ($text:expr, $($words:tt)*) => {{ let _ = writeln!($text, $($words)*); }};
}

/// What one agent says in one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// By family and name: "inet freehold".
    tables: BTreeMap<String, Table>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    collections: BTreeMap<String, Collection>,
    chains: BTreeMap<String, Chain>,
}

/// A set or a map.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Collection {
    what: &'static str,
    /// Type and flags, as nft spells them.
    kind: String,
    /// A set's elements mean nothing.
    elements: BTreeMap<String, Option<String>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Chain {
    /// Of a base chain: type, hook, priority, policy.
    hook: Option<String>,
    lines: Vec<String>,
}

impl Table {
    pub fn set<T: Display>(&mut self, name: &str, kind: &str, elements: impl IntoIterator<Item = T>) {
        let elements = elements.into_iter().map(|element| (element.to_string(), None)).collect();
        self.collections.insert(name.to_owned(), Collection { what: "set", kind: kind.to_owned(), elements });
    }

    pub fn map<K: Display, V: Display>(&mut self, name: &str, kind: &str, elements: impl IntoIterator<Item = (K, V)>) {
        let elements = elements.into_iter().map(|(key, value)| (key.to_string(), Some(value.to_string()))).collect();
        self.collections.insert(name.to_owned(), Collection { what: "map", kind: kind.to_owned(), elements });
    }

    /// A chain that is jumped to.
    pub fn chain<T: Into<String>>(&mut self, name: &str, lines: impl IntoIterator<Item = T>) {
        self.add(name, None, lines);
    }

    /// A chain at a hook: "filter hook forward priority filter; policy drop;".
    pub fn base<T: Into<String>>(&mut self, name: &str, hook: &str, lines: impl IntoIterator<Item = T>) {
        self.add(name, Some(hook.to_owned()), lines);
    }

    fn add<T: Into<String>>(&mut self, name: &str, hook: Option<String>, lines: impl IntoIterator<Item = T>) {
        self.chains.insert(name.to_owned(), Chain { hook, lines: lines.into_iter().map(Into::into).collect() });
    }
}

impl Ruleset {
    /// The table of this family and name.
    pub fn table(&mut self, name: &str) -> &mut Table {
        self.tables.entry(name.to_owned()).or_default()
    }

    /// What turns `old` into this, "" for nothing. `None` where only the whole will do.
    pub fn since(&self, old: &Self) -> Option<String> {
        if !self.tables.keys().eq(old.tables.keys()) {
            return None;
        }
        let mut text = String::new();
        for ((name, new), old) in self.tables.iter().zip(old.tables.values()) {
            new.since(old, name, &mut text)?;
        }
        Some(text)
    }
}

impl Table {
    /// In an order in which whatever is named is there: what is new is declared, then filled; what goes is let go of, then removed.
    fn since(&self, old: &Self, table: &str, text: &mut String) -> Option<()> {
        let gone = |name: &&String| !self.chains.contains_key(*name);
        for (name, chain) in &self.chains {
            match old.chains.get(name) {
                None => line!(text, "add chain {table} {name}{}", chain.declared()),
                Some(before) if before.hook != chain.hook => return None,
                Some(before) if before.lines != chain.lines => line!(text, "flush chain {table} {name}"),
                Some(_) => {}
            }
        }
        for (name, collection) in &self.collections {
            match old.collections.get(name) {
                None => line!(text, "add {} {table} {name} {{ type {}; }}", collection.what, collection.kind),
                Some(before) if (before.what, &before.kind) != (collection.what, &collection.kind) => return None,
                Some(before) => collection.less_than(before, &format!("{table} {name}"), text),
            }
        }
        for (name, chain) in self.chains.iter().filter(|(name, chain)| old.chains.get(*name).is_none_or(|old| old.lines != chain.lines)) {
            for words in &chain.lines {
                line!(text, "add rule {table} {name} {words}");
            }
        }
        for (name, collection) in &self.collections {
            collection.more_than(old.collections.get(name), &format!("{table} {name}"), text);
        }
        let gone_collections = || old.collections.iter().filter(|(name, _)| !self.collections.contains_key(*name));
        // A map may hold the last jump to a chain that goes, so its elements go before the chain does.
        old.chains.keys().filter(gone).for_each(|name| line!(text, "flush chain {table} {name}"));
        gone_collections().for_each(|(name, old)| line!(text, "delete {} {table} {name}", old.what));
        old.chains.keys().filter(gone).for_each(|name| line!(text, "delete chain {table} {name}"));
        Some(())
    }
}

impl Collection {
    /// Elements of ranges may overlap what stands, so they are stated anew, all of them.
    fn is_of_ranges(&self) -> bool {
        self.kind.contains("interval")
    }

    fn less_than(&self, old: &Self, at: &str, text: &mut String) {
        if self.elements == old.elements {
            return;
        }
        if self.is_of_ranges() {
            return line!(text, "flush {} {at}", self.what);
        }
        let gone = old.elements.iter().filter(|(key, value)| self.elements.get(*key) != Some(value));
        change(text, "delete", at, gone.map(|(key, value)| element(key, value.as_deref())));
    }

    fn more_than(&self, old: Option<&Self>, at: &str, text: &mut String) {
        let stands = |key: &String| old.filter(|old| !self.is_of_ranges() || self.elements == old.elements)?.elements.get(key);
        let new = self.elements.iter().filter(|(key, value)| stands(key) != Some(value));
        change(text, "add", at, new.map(|(key, value)| element(key, value.as_deref())));
    }
}

fn change(text: &mut String, verb: &str, at: &str, elements: impl Iterator<Item = String>) {
    let elements: Vec<String> = elements.collect();
    if !elements.is_empty() {
        line!(text, "{verb} element {at} {{ {} }}", elements.join(", "));
    }
}

fn element(key: &str, value: Option<&str>) -> String {
    value.map_or_else(|| key.to_owned(), |value| format!("{key} : {value}"))
}

impl Chain {
    fn declared(&self) -> String {
        self.hook.as_ref().map(|hook| format!(" {{ type {hook} }}")).unwrap_or_default()
    }
}

/// The whole, in the place of whatever stands.
impl Display for Ruleset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, table) in &self.tables {
            // Named once before it is deleted, so that the first time is like every other.
            writeln!(formatter, "table {name}\ndelete table {name}\ntable {name} {{")?;
            table.fmt(formatter)?;
            writeln!(formatter, "}}")?;
        }
        Ok(())
    }
}

impl Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, Collection { what, kind, elements }) in &self.collections {
            write!(formatter, "\t{what} {name} {{ type {kind};")?;
            if !elements.is_empty() {
                let elements: Vec<String> = elements.iter().map(|(key, value)| element(key, value.as_deref())).collect();
                write!(formatter, " elements = {{ {} }}", elements.join(", "))?;
            }
            writeln!(formatter, "\n\t}}")?;
        }
        for (name, chain) in &self.chains {
            writeln!(formatter, "\tchain {name} {{")?;
            if let Some(hook) = &chain.hook {
                writeln!(formatter, "\t\ttype {hook}")?;
            }
            for words in &chain.lines {
                writeln!(formatter, "\t\t{words}")?;
            }
            writeln!(formatter, "\t}}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
