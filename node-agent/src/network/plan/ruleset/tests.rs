use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A rule set of one table, from names of interfaces and the chains that each jumps to.
fn ruleset(interfaces: &BTreeMap<u8, Vec<u8>>) -> Ruleset {
    let mut ruleset = Ruleset::default();
    let table = ruleset.table("inet t");
    for group in interfaces.values().flatten() {
        table.set(&format!("members-{group}"), "ipv4_addr", [format!("10.0.0.{group}")]);
        table.chain(&format!("g{group}"), [format!("ip saddr @members-{group} accept")]);
    }
    for (interface, groups) in interfaces {
        table.chain(&format!("i{interface}"), groups.iter().map(|group| format!("jump g{group}")));
    }
    table.map(
        "arriving",
        "ifname : verdict",
        interfaces.keys().map(|interface| (format!("\"tap{interface}\""), format!("jump i{interface}"))),
    );
    table.set("blocks", "ipv4_addr; flags interval; auto-merge", interfaces.keys().map(|n| format!("10.{n}.0.0/16")));
    table.base("arrive", "filter hook forward priority filter; policy drop;", ["oifname vmap @arriving"]);
    ruleset
}

fn one() -> Ruleset {
    ruleset(&[(1, vec![1]), (2, vec![1, 2])].into())
}

#[test]
fn nothing_new_is_no_difference() {
    assert_eq!(one().since(&one()).as_deref(), Some(""));
}

#[test]
fn an_interface_more_costs_its_own_elements_and_chain() {
    let more = ruleset(&[(1, vec![1]), (2, vec![1, 2]), (3, vec![2])].into());
    let wanted = "add chain inet t i3\nflush set inet t blocks\nadd rule inet t i3 jump g2\nadd element inet t arriving { \"tap3\" : jump i3 }\n\
                  add element inet t blocks { 10.1.0.0/16, 10.2.0.0/16, 10.3.0.0/16 }\n";
    assert_eq!(more.since(&one()).as_deref(), Some(wanted));
}

#[test]
fn what_goes_is_let_go_of_first() {
    let less = ruleset(&[(1, vec![1])].into());
    let wanted = "flush set inet t blocks\ndelete element inet t arriving { \"tap2\" : jump i2 }\nadd element inet t blocks { 10.1.0.0/16 }\n\
                  flush chain inet t g2\nflush chain inet t i2\ndelete set inet t members-2\ndelete chain inet t g2\ndelete chain inet t i2\n";
    let difference = less.since(&one()).unwrap();
    assert_eq!(sorted(&difference), sorted(wanted), "{difference}");
    let at = |line: &str| difference.find(line).unwrap();
    assert!(
        at("delete element") < at("delete chain")
            && at("flush chain inet t g2") < at("delete set")
            && at("flush chain inet t i2") < at("delete chain inet t g2")
    );
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_can_not_be_changed_in_place_needs_the_whole() {
    let mut other = one();
    other.table("inet t").base("arrive", "filter hook forward priority filter; policy accept;", ["oifname vmap @arriving"]);
    assert_eq!(other.since(&one()), None);
    let mut other = one();
    other.table("inet t").set("blocks", "ipv4_addr", [""; 0]);
    assert_eq!(other.since(&one()), None);
    let mut other = one();
    other.table("arp t");
    assert_eq!(other.since(&one()), None);
}

/// What the kernel does with a difference, by the letter; fails where the kernel would.
fn applied(old: &Ruleset, difference: &str) -> Ruleset {
    let mut ruleset = old.clone();
    let mentions = |ruleset: &mut Ruleset, what: &str| {
        ruleset
            .table("inet t")
            .to_string()
            .lines()
            .any(|line| line.ends_with(what) || line.contains(&format!("{what} ")) || line.contains(&format!("{what},")))
    };
    for line in difference.lines() {
        let words: Vec<&str> = line.splitn(6, ' ').collect();
        let (name, rest) = (words[4], words.get(5).copied().unwrap_or_default());
        let elements = || {
            rest.trim_matches(['{', '}', ' ']).split(", ").map(|e| e.split_once(" : ").map_or((e, None), |(k, v)| (k, Some(v.to_owned()))))
        };
        match (words[0], words[1]) {
            ("add", "chain") => ruleset.table("inet t").chain(name, [""; 0]),
            ("add", "set") => ruleset.table("inet t").set(name, rest.trim_start_matches("{ type ").trim_end_matches("; }"), [""; 0]),
            ("add", "rule") => ruleset.table("inet t").chains.get_mut(name).unwrap().lines.push(rest.to_owned()),
            ("add", "element") => {
                for (key, value) in elements() {
                    let there = ruleset.table("inet t").collections.get_mut(name).unwrap().elements.insert(key.to_owned(), value);
                    assert_eq!(there, None, "{line}");
                }
            }
            ("delete", "element") => {
                for (key, value) in elements() {
                    assert_eq!(ruleset.table("inet t").collections.get_mut(name).unwrap().elements.remove(key), Some(value), "{line}");
                }
            }
            ("flush", "chain") => ruleset.table("inet t").chains.get_mut(name).unwrap().lines.clear(),
            ("flush", "set") => ruleset.table("inet t").collections.get_mut(name).unwrap().elements.clear(),
            ("delete", "chain") => {
                assert!(!mentions(&mut ruleset, &format!("jump {name}")), "{line}: {ruleset}");
                assert_eq!(ruleset.table("inet t").chains.remove(name).unwrap().lines, [""; 0]);
            }
            ("delete", "set") => {
                assert!(!mentions(&mut ruleset, &format!("@{name}")), "{line}: {ruleset}");
                ruleset.table("inet t").collections.remove(name).unwrap();
            }
            _ => panic!("{line}"),
        }
    }
    ruleset
}

proptest! {
    #[test]
    fn a_difference_makes_the_new_of_the_old(
        old in prop::collection::btree_map(0_u8..6, prop::collection::vec(0_u8..4, 0..3), 0..5),
        new in prop::collection::btree_map(0_u8..6, prop::collection::vec(0_u8..4, 0..3), 0..5),
    ) {
        let (old, new) = (ruleset(&old), ruleset(&new));
        prop_assert_eq!(applied(&old, &new.since(&old).unwrap()), new);
    }
}
