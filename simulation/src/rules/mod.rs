//! EC2's rules, as a small model that knows nothing of the scheduler: plain maps, and in its own words what a request may be answered and
//! what it changes. A [`sequence`] of random requests of many clients is put to the product and to the model, and both must say the same.
//!
//! ```text
//!   draw ─▶ a request ─┬─▶ gateway ─▶ scheduler ◀─▶ simulated agents      no part of it fails
//!                      │        │ answer, and what Describe shows
//!                      └─▶ model ─▶ foretold ═══ compared                  after each request
//! ```
//!
//! The model foretells the answer exactly: which of EC2's codes, or a success and what is so from then on. Where a request is wrong in
//! several ways EC2 says nothing of which of them is told, so each of their codes is right. When a host brings an instance to its next state
//! no request decides; the model takes that from what is shown, and holds it to EC2's graph of states.

mod answer;
mod attributes;
mod between;
mod bug;
mod draw;
mod draw_resources;
mod groups;
mod instances;
mod keys;
mod launch;
mod looks;
mod placement;
mod query;
mod room;
mod sequence;
mod shown;
mod tags;
mod templates;

use std::collections::{BTreeMap, BTreeSet};

pub use bug::Slip;
pub use sequence::{Options, Outcome, clients, found, run};

use answer::Element;
use instances::Instance;
use query::Query;

/// Codes that a request may be refused by. None: it must be accepted.
type Faults = Vec<&'static str>;

/// What a request must be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Foretold {
    /// With one of these codes.
    Refused(Faults),
    Done,
    /// As the same request was before, by its token: with these instances.
    Again(Vec<String>),
}

const DRY_RUN: &str = "DryRunOperation";

/// A day, after which a token is forgotten.
const TOKEN_SECONDS: u64 = 24 * 60 * 60;

#[derive(Clone, Debug, Default)]
struct Account {
    id: String,
    instances: BTreeMap<String, Instance>,
    /// By name.
    keys: BTreeMap<String, keys::KeyPair>,
    /// The default group, the one that there is.
    group_id: String,
    /// What lets packets in: protocol, from and to port, and the network.
    open: BTreeSet<groups::Rule>,
    templates: BTreeMap<String, templates::Template>,
    /// By name.
    placement_groups: BTreeMap<String, placement::PlacementGroup>,
    /// By the id of what is tagged.
    tags: BTreeMap<String, tags::Tags>,
    /// By action and token.
    tokens: BTreeMap<(String, String), Remembered>,
}

/// A request that a token stands for.
#[derive(Clone, Debug)]
struct Remembered {
    query: Query,
    ids: Vec<String>,
    at: u64,
}

/// Everything that there is.
#[derive(Clone, Debug, Default)]
struct Rules {
    accounts: Vec<Account>,
    hosts: BTreeMap<String, room::Host>,
    image_id: String,
    /// Seconds since the sequence began.
    now: u64,
}

impl Rules {
    fn foretell(&self, account: usize, query: &Query) -> Foretold {
        let dry = query.given.is("DryRun");
        if !dry && let Some(remembered) = self.remembered(account, query) {
            if remembered.query == *query {
                return Foretold::Again(remembered.ids.clone());
            }
            return Foretold::Refused(vec!["IdempotentParameterMismatch"]);
        }
        match self.faults(account, query) {
            faults if !faults.is_empty() => Foretold::Refused(faults),
            _ if dry => Foretold::Refused(vec![DRY_RUN]),
            _ => Foretold::Done,
        }
    }

    fn remembered(&self, account: usize, query: &Query) -> Option<&Remembered> {
        let key = (query.action.to_owned(), query.get("ClientToken")?.to_owned());
        self.accounts[account].tokens.get(&key).filter(|remembered| self.now < remembered.at + TOKEN_SECONDS)
    }

    /// What is wrong with a request.
    fn faults(&self, account: usize, query: &Query) -> Faults {
        let own = &self.accounts[account];
        match query.action {
            "RunInstances" => launch::faults(self, own, query),
            "StartInstances" => instances::start_faults(self, own, query),
            "StopInstances" | "RebootInstances" | "TerminateInstances" | "MonitorInstances" | "UnmonitorInstances" => {
                instances::faults(own, query)
            }
            "ModifyInstanceAttribute" | "ResetInstanceAttribute" | "ModifyInstanceMetadataOptions" => attributes::faults(own, query),
            "CreateTags" | "DeleteTags" => tags::faults(self, own, query),
            "CreateKeyPair" | "ImportKeyPair" | "DeleteKeyPair" => keys::faults(own, query),
            "AuthorizeSecurityGroupIngress" | "RevokeSecurityGroupIngress" => groups::faults(own, query),
            "CreatePlacementGroup" | "DeletePlacementGroup" => placement::faults(own, query),
            _ => templates::faults(own, query),
        }
    }

    /// It was accepted, as it had to be: what is so from then on. An error says what is wrong with the answer.
    fn accept(&mut self, account: usize, query: &Query, answer: &Element) -> Result<(), String> {
        let now = self.now;
        let ids = match query.action {
            "RunInstances" => launch::accept(self, account, query, answer)?,
            action => {
                let own = &mut self.accounts[account];
                match action {
                    "StartInstances" | "StopInstances" | "RebootInstances" | "TerminateInstances" | "MonitorInstances"
                    | "UnmonitorInstances" => instances::accept(own, query, answer)?,
                    "ModifyInstanceAttribute" | "ResetInstanceAttribute" | "ModifyInstanceMetadataOptions" => {
                        attributes::accept(own, query);
                    }
                    "CreateTags" | "DeleteTags" => tags::accept(own, query),
                    "CreateKeyPair" | "ImportKeyPair" | "DeleteKeyPair" => keys::accept(own, query, answer)?,
                    "AuthorizeSecurityGroupIngress" | "RevokeSecurityGroupIngress" => groups::accept(own, query, answer)?,
                    "CreatePlacementGroup" | "DeletePlacementGroup" => placement::accept(own, query, answer)?,
                    _ => templates::accept(own, query, answer)?,
                }
                Vec::new()
            }
        };
        if let Some(token) = query.get("ClientToken") {
            let remembered = Remembered { query: query.clone(), ids, at: now };
            self.accounts[account].tokens.insert((query.action.to_owned(), token.to_owned()), remembered);
        }
        Ok(())
    }
}

/// An id is a prefix and 8 or 17 hexadecimal digits.
fn is_id(prefix: &str, text: &str) -> bool {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Compares what an answer says with what it should.
fn same(what: &str, said: &str, should: &str) -> Result<(), String> {
    if said == should { Ok(()) } else { Err(format!("{what} is answered as {said:?} and is {should:?}")) }
}
