//! Which network and hosts a launch gets. A client that names neither a subnet nor a zone leaves the choice to us: all instances go to
//! the zone that has room for the most of them and, of those, to the one whose best host is the emptiest.

use std::cmp::Reverse;

use freehold_proto::{ErrorCode, Fault};

use super::image::Image;
use super::network::{self, Network};
use super::request::Asked;
use crate::placement::reasons::{Others, Refused, Wanted, Why};
use crate::placement::{Amount, Chosen, Decision, Host, Rank, Request, hosts, place};
use crate::store::{Outcome, Tx};

/// A network with a host for each instance, at least `MinCount`, and why there.
pub struct Placed {
    pub network: Network,
    pub hosts: Vec<Chosen>,
    pub wanted: Wanted,
    pub others: Others,
}

/// One network and what placement would make of it.
struct Candidate {
    network: Network,
    decision: Decision,
    /// Of the host that came first.
    rank: Option<Rank>,
}

pub async fn choose(tx: &Tx, asked: &Asked, image: &Image) -> Outcome<Placed> {
    let amount = Amount { vcpus: asked.vcpus.into(), memory_mib: asked.memory_mib, disk_mib: image.size_gib * 1024 };
    let networks = network::candidates(tx, asked).await?;
    let zones = networks.iter().map(|network| network.subnet.availability_zone.clone()).collect();
    let wanted = Wanted::new(what(asked), amount, &image.row.architecture, zones);
    let few = hosts::few(tx.db()).await?;
    let mut candidates = Vec::new();
    for network in networks {
        let zone = network.subnet.availability_zone.clone();
        let request = Request { availability_zone: &zone, architecture: &image.row.architecture, amount };
        let read = match &few {
            Some(_) => Vec::new(),
            None => hosts::best(tx.db(), &request, tx.settings().overcommit, asked.max_count).await?,
        };
        candidates.push(consider(tx, asked, &request, few.as_ref().unwrap_or(&read), network));
    }
    let enough = candidates.iter().enumerate().filter(|(_, candidate)| candidate.decision.chosen.len() >= asked.min_count);
    let best = enough.min_by_key(|(_, candidate)| (Reverse(candidate.decision.chosen.len()), candidate.rank));
    match best.map(|(at, _)| at) {
        Some(at) => {
            let others = Others::of(candidates.iter().map(|candidate| &candidate.decision), few.is_none());
            let Candidate { network, decision, .. } = candidates.swap_remove(at);
            Ok(Placed { network, hosts: decision.chosen, wanted, others })
        }
        None => Err(refuse(asked, wanted).into()),
    }
}

fn consider(tx: &Tx, asked: &Asked, request: &Request<'_>, hosts: &[Host], network: Network) -> Candidate {
    let decision = place(request, hosts, tx.settings().overcommit, asked.max_count);
    let first = decision.chosen.first().and_then(|first| hosts.iter().find(|host| host.host_id == first.host_id));
    Candidate { rank: first.map(Host::rank), decision, network }
}

/// `2 t3.micro`, `1 to 3 t3.micro`
fn what(asked: &Asked) -> String {
    let (least, most, kind) = (asked.min_count, asked.max_count, &asked.instance_type);
    if least == most { format!("{most} {kind}") } else { format!("{least} to {most} {kind}") }
}

/// Why not, host by host, is found out when the turn is over.
fn refuse(asked: &Asked, wanted: Wanted) -> Fault {
    let message = format!(
        "We currently do not have sufficient {} capacity in the Availability Zone you requested ({}). Ask for fewer or smaller \
         instances, or try again later.",
        asked.instance_type,
        wanted.zones.join(", ")
    );
    let why = Why::Unjudged(asked.max_count);
    Fault { source: Some(Box::new(Refused { wanted, why })), ..Fault::new(ErrorCode::InsufficientInstanceCapacity, message) }
}
