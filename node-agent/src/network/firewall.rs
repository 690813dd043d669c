//! The host's own firewall, where it would drop what guests send out.
//!
//! A packet passes only if *every* chain at the forward hook lets it, so no rule of our own table can undo a drop in another: Docker and
//! ufw drop by policy (through iptables, whose tables nft shows as well), firewalld rejects in its last rule. So, as libvirt and
//! Docker do, two rules are put at the head of such a chain, marked with the host id: what comes from guests and what goes to them
//! passes. Guests' traffic has its own filters by then: their security groups, and the host's table that keeps them from its listeners.
//!
//! Traffic between guests and the host itself needs none of this: the host opens the connections, and every firewall lets answers in.
//!
//! Chains that let forwarded packets through are left alone. A reload of such a firewall takes the rules away; the next look, within a minute, puts them back.

use serde_json::{Value, json};

use super::namespace::Namespace;
use super::{Error, names, nft};

/// A chain of somebody else's at the forward hook.
#[derive(Debug, PartialEq, Eq)]
struct Chain {
    family: String,
    table: String,
    name: String,
    drops_by_policy: bool,
}

impl Chain {
    fn at(&self) -> String {
        format!("{} {} {}", self.family, self.table, self.name)
    }
}

/// Puts the rules wherever they are needed and are not there yet.
pub async fn open(namespace: &Namespace, host_id: &str) -> Result<(), Error> {
    for chain in foreign(namespace).await? {
        let rules = rules(namespace, &chain).await?;
        if shut(&chain, &rules) && marked(&rules, &mark(host_id)).is_empty() {
            tracing::info!(chain = chain.at(), "the host's firewall drops forwarded packets; guests' are let through");
            nft::load(namespace, &opening(&chain, host_id)).await?;
        }
    }
    if iptables_legacy_filters() {
        tracing::warn!("iptables-legacy filters this host, which nft can not see; if it drops forwarded packets, guests reach no world");
    }
    Ok(())
}

/// Takes the rules away again.
pub async fn close(namespace: &Namespace, host_id: &str) -> Result<(), Error> {
    for chain in foreign(namespace).await? {
        for handle in marked(&rules(namespace, &chain).await?, &mark(host_id)) {
            nft::load(namespace, &format!("delete rule {} handle {handle}\n", chain.at())).await?;
        }
    }
    Ok(())
}

fn opening(chain: &Chain, host_id: &str) -> String {
    let (at, ours, mark) = (chain.at(), names::uplink_prefix(host_id), mark(host_id));
    let rule = |side: &str| format!("insert rule {at} {side} \"{ours}*\" counter accept comment \"{mark}\"\n");
    rule("iifname") + &rule("oifname")
}

fn mark(host_id: &str) -> String {
    format!("freehold {host_id}")
}

async fn foreign(namespace: &Namespace) -> Result<Vec<Chain>, Error> {
    let listing = nft::run(namespace, &["-j", "list", "chains"], "").await?;
    Ok(forward_chains(&parse(&listing)?))
}

async fn rules(namespace: &Namespace, chain: &Chain) -> Result<Vec<Value>, Error> {
    let chain = json!({ "family": chain.family, "table": chain.table, "name": chain.name });
    let question = json!({ "nftables": [{ "list": { "chain": chain } }] });
    let listing = nft::run(namespace, &["-j", "-a", "-f", "-"], &question.to_string()).await?;
    Ok(objects(&parse(&listing)?, "rule").cloned().collect())
}

fn parse(listing: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(listing).map_err(|error| Error::Io { what: "read what nft lists", source: error.into() })
}

fn objects<'a>(listing: &'a Value, kind: &'static str) -> impl Iterator<Item = &'a Value> {
    listing["nftables"].as_array().into_iter().flatten().filter_map(move |object| object.get(kind))
}

fn forward_chains(listing: &Value) -> Vec<Chain> {
    let text = |chain: &Value, member: &str| chain[member].as_str().map(str::to_owned);
    let chains = objects(listing, "chain").filter(|chain| chain["hook"] == "forward");
    let chains = chains.filter_map(|chain| {
        Some(Chain {
            family: text(chain, "family")?,
            table: text(chain, "table")?,
            name: text(chain, "name")?,
            drops_by_policy: chain["policy"] == "drop",
        })
    });
    let ours = |chain: &Chain| chain.table.starts_with("freehold-");
    chains.filter(|chain| matches!(chain.family.as_str(), "ip" | "inet") && !ours(chain)).collect()
}

/// By its policy, or by a last rule that asks nothing.
fn shut(chain: &Chain, rules: &[Value]) -> bool {
    let verdict = |statement: &Value| statement.get("drop").is_some() || statement.get("reject").is_some();
    let condition = |statement: &Value| ["match", "xt", "vmap", "limit"].iter().any(|kind| statement.get(kind).is_some());
    let last = rules.last().and_then(|rule| rule["expr"].as_array());
    chain.drops_by_policy || last.is_some_and(|statements| statements.iter().any(verdict) && !statements.iter().any(condition))
}

/// The handles of the rules that carry our mark.
fn marked(rules: &[Value], mark: &str) -> Vec<u64> {
    rules.iter().filter(|rule| rule["comment"] == mark).filter_map(|rule| rule["handle"].as_u64()).collect()
}

/// The kernel lists the legacy tables of a namespace here, if its module is loaded.
fn iptables_legacy_filters() -> bool {
    std::fs::read_to_string("/proc/net/ip_tables_names").is_ok_and(|tables| tables.lines().any(|table| table == "filter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(policy: &str) -> Chain {
        Chain { family: "ip".into(), table: "filter".into(), name: "FORWARD".into(), drops_by_policy: policy == "drop" }
    }

    #[test]
    fn foreign_forward_chains_are_found_and_no_others() {
        let listing = json!({"nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
            {"chain": {"family": "ip", "table": "filter", "name": "INPUT", "hook": "input", "policy": "drop"}},
            {"chain": {"family": "ip", "table": "filter", "name": "DOCKER-USER"}},
            {"chain": {"family": "ip6", "table": "filter", "name": "FORWARD", "hook": "forward", "policy": "drop"}},
            {"chain": {"family": "inet", "table": "freehold-host-1", "name": "through", "hook": "forward", "policy": "accept"}},
        ]});
        assert_eq!(forward_chains(&listing), [chain("drop")]);
    }

    #[test]
    fn a_chain_is_shut_by_its_policy_or_its_last_rule() {
        let accept = json!({"expr": [{"match": {}}, {"accept": null}]});
        let reject = json!({"expr": [{"counter": {}}, {"reject": {"type": "icmpx"}}]});
        let some = json!({"expr": [{"match": {}}, {"drop": null}]});
        assert!(shut(&chain("drop"), std::slice::from_ref(&accept)));
        assert!(shut(&chain("accept"), &[accept.clone(), reject.clone()]));
        assert!(!shut(&chain("accept"), &[reject, accept]));
        assert!(!shut(&chain("accept"), &[some]), "a rule for some packets only");
        assert!(!shut(&chain("accept"), &[]));
    }

    #[test]
    fn our_rules_are_known_by_their_mark() {
        let rules = [
            json!({"handle": 7, "comment": "freehold host-1", "expr": []}),
            json!({"handle": 8, "comment": "freehold host-2", "expr": []}),
            json!({"handle": 9, "expr": []}),
        ];
        assert_eq!(marked(&rules, &mark("host-1")), [7]);
    }
}
