//! The pairs that join a VPC's namespace to those of its peers.
//!
//! Each of the two VPCs sees to the pair, and to its own end of it, when it is applied; the second finds what the first has made. Nothing is asked
//! and nothing learnt over a pair: either end is one next hop with one hardware address.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::namespace::Namespace;
use super::netlink::{End, Netlink};
use super::plan::{Mac, Peering, VpcPlan};
use super::{Error, names};

/// The other end of any pair. No packet ever bears it, and no router's number is it.
pub const HOP: Ipv4Addr = Ipv4Addr::new(169, 254, 0, 1);
/// Of both ends.
const MAC: Mac = Mac([0x02, 0x46, 0x48, 0, 0, 0xfb]);

/// A VPC's end of a pair that is there.
#[derive(Debug)]
pub struct Pair {
    pub link: u32,
    /// What it leads to.
    namespace: Namespace,
}

/// By connection.
pub type Pairs = BTreeMap<String, Pair>;

/// Whether these pairs are those of the plan, and lead to the namespaces that its peers have now.
pub fn are_of(pairs: &Pairs, plan: &VpcPlan, namespaces: &BTreeMap<String, Namespace>) -> bool {
    let there = |peering: &Peering, pair: &Pair| namespaces.get(&peering.vpc_id).is_none_or(|peer| peer.is(&pair.namespace));
    let known = pairs.keys().all(|id| plan.peerings.contains_key(id));
    known
        && plan.peerings.iter().all(|(id, peering)| match pairs.get(id) {
            Some(pair) => there(peering, pair),
            None => !namespaces.contains_key(&peering.vpc_id),
        })
}

/// Makes the plan's pairs be there and no others. Where a peer's namespace is not as it should be now, the pair to it stays as it was.
pub async fn apply(
    plan: &VpcPlan,
    netlink: &Netlink,
    namespaces: &BTreeMap<String, Namespace>,
    mtu: u32,
    mut before: Pairs,
) -> Result<Pairs, Error> {
    let there = netlink.ends(names::PEERING).await?;
    let wanted = |name: &String| plan.peerings.values().any(|peering| peering.link == *name);
    for (_, end) in there.iter().filter(|(name, _)| !wanted(name)) {
        netlink.delete_link(end.index).await?;
    }
    let mut pairs = Pairs::new();
    for (id, peering) in &plan.peerings {
        let end = there.get(&peering.link);
        let known = before.remove(id).filter(|pair| end.is_some_and(|end| end.index == pair.link));
        let pair = match (namespaces.get(&peering.vpc_id), known) {
            (Some(peer), Some(known)) if peer.is(&known.namespace) => known,
            (Some(peer), _) => Pair { link: joined(netlink, peer, &peering.link, mtu, end).await?, namespace: peer.clone() },
            (None, Some(known)) => known,
            (None, None) => continue,
        };
        pairs.insert(id.clone(), pair);
    }
    Ok(pairs)
}

/// The index of this end of the pair. One whose ends are not here and there is made anew.
async fn joined(here: &Netlink, peer: &Namespace, name: &str, mtu: u32, end: Option<&End>) -> Result<u32, Error> {
    let there = Netlink::open(peer).await?;
    let other = there.ends(name).await?.remove(name);
    let link = match (end, other) {
        (Some(end), Some(other)) if end.leads_to(&other) => end.index,
        (end, other) => {
            if let Some(end) = end {
                here.delete_link(end.index).await?;
            }
            if let Some(other) = other {
                there.delete_link(other.index).await?;
            }
            here.add_pair((name, MAC), (name, MAC), peer).await?;
            here.index(name).await?.ok_or(Error::Missing("the pair to a peered VPC"))?
        }
    };
    here.configure(link, MAC, mtu).await?;
    here.add_neighbour(link, HOP, MAC).await?;
    Ok(link)
}
