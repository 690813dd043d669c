//! The plan in words, for people.

use std::fmt;

use super::acl::Entry;
use super::rules::{Peer, Rule, Traffic};

/// As the client wrote it: "tcp 22-80".
impl Traffic {
    pub fn words(&self) -> String {
        match self {
            Self::Any => "all traffic".into(),
            Self::Ports { protocol, from: 0, to: u16::MAX } => format!("{protocol}, all ports"),
            Self::Ports { protocol, from, to } if from == to => format!("{protocol} {from}"),
            Self::Ports { protocol, from, to } => format!("{protocol} {from}-{to}"),
            Self::Icmp(None) => "icmp".into(),
            Self::Icmp(Some((kind, None))) => format!("icmp type {kind}"),
            Self::Icmp(Some((kind, Some(code)))) => format!("icmp type {kind} code {code}"),
            Self::Protocol(number) => format!("protocol {number}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => write!(formatter, "0.0.0.0/0"),
            Self::Block(block) => write!(formatter, "{block}"),
            Self::Group(id) => write!(formatter, "{id}"),
        }
    }
}

impl Rule {
    pub fn words(&self, preposition: &str) -> String {
        format!("{} {preposition} {}", self.traffic.words(), self.peer)
    }
}

impl Entry {
    pub fn words_for_people(&self, preposition: &str) -> String {
        let verb = if self.allow { "allow" } else { "deny" };
        format!("{} {verb} {} {preposition} {}", self.number, self.traffic.words(), self.block)
    }
}
