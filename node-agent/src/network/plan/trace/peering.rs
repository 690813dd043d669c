//! From one VPC into another that is beside it.

use ipnet::Ipv4Net;

use super::{End, Guest, Packet, Place, Walk, route};
use crate::network::plan::Target;

impl<'a> Walk<'a> {
    pub(super) fn over_a_peering(&mut self, from: Guest<'a>, block: Ipv4Net, id: &str, packet: Packet) -> Option<End<'a>> {
        let table = &from.interface.route_table;
        let Some(peering) = from.vpc.peerings.get(id) else {
            self.step("route", false, format!("{table}: {block} leads to {id}, which is not active"))?;
            return None;
        };
        let peer = &peering.vpc_id;
        self.step("route", true, format!("{table}: {block} leads to {id}, and so to {peer}"))?;
        if !peering.contains(packet.destination) {
            self.step("peering", false, format!("{id} leads to addresses of {peer} alone"))?;
        }
        let there = |guest: &Guest<'_>| guest.vpc.vpc_id == *peer && guest.interface.has(packet.destination);
        let Some(receiver) = self.plans.guests().find(there) else {
            self.step("receiver", false, format!("nobody in {peer} that is known here has {}", packet.destination))?;
            return None;
        };
        self.leave(from, Some(receiver), packet)?;
        self.arrive(receiver, Some(from), packet).map(|()| End::At(Place::Guest(receiver), packet))
    }
}

/// Whether the first one's route to the second one's private address leads there.
pub(super) fn leads(from: Guest<'_>, to: Guest<'_>) -> bool {
    let Some((_, Some(Target::Peering(id)))) = route(from, to.interface.address) else { return false };
    from.vpc.peerings.get(id).is_some_and(|peering| peering.vpc_id == to.vpc.vpc_id)
}
