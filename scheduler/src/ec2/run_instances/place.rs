//! Which network and hosts a launch gets. A client that names neither a subnet nor a zone leaves the choice to us: all instances go to
//! the zone that has room for the most of them and, of those, to the one whose best host is the emptiest.

use std::cmp::Reverse;

use freehold_proto::{ErrorCode, Fault};

use super::image::Image;
use super::network::{self, Network};
use super::request::Asked;
use crate::placement::group::{self, Group};
use crate::placement::hosts::Offer;
use crate::placement::reasons::{Others, Refused, Wanted, Why};
use crate::placement::{Amount, Chosen, Decision, Host, Rank, Request, hosts, place};
use crate::store::{Outcome, Tx, placement_group};

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

pub async fn choose(tx: &Tx, asked: &Asked, image: &Image, group: Option<&placement_group::Model>) -> Outcome<Placed> {
    let amount = Amount { vcpus: asked.vcpus.into(), memory_mib: asked.memory_mib, disk_mib: image.disk_mib() };
    let networks = network::candidates(tx, asked).await?;
    let zones = networks.iter().map(|network| network.subnet.availability_zone.clone()).collect();
    let anywhere = Request { availability_zone: "", architecture: &image.row.architecture, instance_type: &asked.instance_type, amount };
    let wanted = Wanted::new(what(asked, group), &anywhere, zones);
    let group = match group {
        Some(row) => {
            let partition = asked.placement_group.as_ref().and_then(|asked| asked.partition_number);
            Some(Group::load(tx, row, partition, None).await?)
        }
        None => None,
    };
    let few = hosts::few(tx.db()).await?;
    let mut candidates = Vec::new();
    for network in networks {
        let zone = network.subnet.availability_zone.clone();
        let request = Request { availability_zone: &zone, ..anywhere };
        let read = match &few {
            Some(_) => Vec::new(),
            None => best(tx, asked, &request, group.as_ref()).await?,
        };
        candidates.push(consider(tx, asked, &request, few.as_ref().unwrap_or(&read), network, group.as_ref()));
    }
    let enough = candidates.iter().enumerate().filter(|(_, candidate)| candidate.decision.chosen.len() >= asked.min_count);
    let best = enough.min_by_key(|(_, candidate)| (Reverse(candidate.decision.chosen.len()), candidate.rank));
    let others = || Others::of(candidates.iter().map(|candidate| &candidate.decision), few.is_none());
    let Some((at, _)) = best else {
        // What a group is against is known of the hosts that were read. Of the others nobody says it later.
        let why = if group.is_some() { Why::Known(others()) } else { Why::Unjudged(asked.max_count) };
        return Err(refuse(tx, asked, &anywhere, wanted, why).await?.into());
    };
    let others = others();
    let Candidate { network, decision, .. } = candidates.swap_remove(at);
    Ok(Placed { network, hosts: decision.chosen, wanted, others })
}

/// Of many hosts those that are enough to decide: a group rules out or prefers some of those that it is on already.
async fn best(tx: &Tx, asked: &Asked, request: &Request<'_>, group: Option<&Group>) -> Outcome<Vec<Host>> {
    let overcommit = tx.settings().overcommit;
    let Some(group) = group else { return hosts::best(tx.db(), request, overcommit, asked.max_count).await };
    let own = group.hosts();
    let mut best = hosts::best(tx.db(), request, overcommit, asked.max_count + own.len()).await?;
    best.retain(|host| !own.contains(host.host_id.as_str()));
    best.extend(hosts::some(tx.db(), own).await?);
    Ok(best)
}

fn consider(tx: &Tx, asked: &Asked, request: &Request<'_>, hosts: &[Host], network: Network, group: Option<&Group>) -> Candidate {
    let overcommit = tx.settings().overcommit;
    let decision = match group {
        Some(group) => group::place(request, hosts, overcommit, asked.max_count, group.clone()),
        None => place(request, hosts, overcommit, asked.max_count),
    };
    let first = decision.chosen.first().and_then(|first| hosts.iter().find(|host| host.host_id == first.host_id));
    Candidate { rank: first.map(Host::rank), decision, network }
}

/// `2 t3.micro`, `1 to 3 t3.micro in the spread placement group g`
fn what(asked: &Asked, group: Option<&placement_group::Model>) -> String {
    let (least, most, kind) = (asked.min_count, asked.max_count, &asked.instance_type);
    let what = if least == most { format!("{most} {kind}") } else { format!("{least} to {most} {kind}") };
    match group {
        Some(group) => format!("{what} in the {} placement group {}", group.strategy, group.group_name),
        None => what,
    }
}

/// There is no room now, or there never is where it was asked for. Why not, host by host, is found out when the turn is over.
async fn refuse(tx: &Tx, asked: &Asked, anywhere: &Request<'_>, wanted: Wanted, why: Why) -> Outcome<Fault> {
    let zones = wanted.zones.join(", ");
    let kind = &asked.instance_type;
    let (code, message) = if let Some(offers) = never(tx, anywhere, &wanted.zones).await? {
        (ErrorCode::Unsupported, unsupported(kind, &zones, &offers))
    } else {
        let message = format!(
            "We currently do not have sufficient {kind} capacity in the Availability Zone you requested ({zones}). Ask for fewer or smaller \
             instances, or try again later."
        );
        (ErrorCode::InsufficientInstanceCapacity, message)
    };
    Ok(Fault { source: Some(Box::new(Refused { wanted, why })), ..Fault::new(code, message) })
}

/// Where the zones have hosts of which none offers it, however empty: who does. A zone without a host may get one any time, of which nothing
/// is known yet.
async fn never(tx: &Tx, anywhere: &Request<'_>, zones: &[String]) -> Outcome<Option<Vec<Offer>>> {
    let overcommit = tx.settings().overcommit;
    for availability_zone in zones {
        if hosts::is_offered(tx.db(), &Request { availability_zone, ..*anywhere }, overcommit).await? {
            return Ok(None);
        }
    }
    let offers = hosts::offers(tx.db(), anywhere, overcommit).await?;
    Ok(Some(offers).filter(|offers| offers.iter().any(|offer| zones.contains(&offer.availability_zone))))
}

fn unsupported(instance_type: &str, zones: &str, offers: &[Offer]) -> String {
    let elsewhere: Vec<&str> = offers.iter().filter(|offer| offer.is_there()).map(|offer| offer.availability_zone.as_str()).collect();
    let advice = if elsewhere.is_empty() {
        "Please retry your request with a type that DescribeInstanceTypeOfferings lists.".to_owned()
    } else {
        format!("Please retry your request by not specifying an Availability Zone or choosing {}.", elsewhere.join(", "))
    };
    format!("Your requested instance type ({instance_type}) is not supported in your requested Availability Zone ({zones}). {advice}")
}
