//! A VPC's route tables, as far as they matter on this host.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use freehold_proto::internal::host::route_desired::Target as StatedTarget;
use freehold_proto::internal::host::{RouteDesired, VpcDesired};
use ipnet::Ipv4Net;

use super::{address, checked_id};
use crate::network::names;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// The kernel's number for it, inside the VPC's namespace.
    pub number: u32,
    /// The longest prefix wins.
    pub routes: BTreeMap<Ipv4Net, Target>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The internet gateway: whoever has a public address gets out and is reached.
    Outside,
    /// An interface that forwards.
    Interface { id: String, address: Ipv4Addr },
    /// A VPC beside this one, by the connection's id: nowhere while there is no such connection.
    Peering(String),
    /// What it was is gone.
    Nowhere,
}

impl RouteTable {
    /// The table `id` of `vpc`. An empty id is that of a scheduler that knew no tables: all that is elsewhere is outside.
    pub fn new(vpc: &VpcDesired, id: &str) -> Result<Self, String> {
        let number = names::routing_table(id);
        if id.is_empty() {
            return Ok(Self { number, routes: [(Ipv4Net::default(), Target::Outside)].into() });
        }
        let stated = vpc.route_tables.iter().find(|table| table.route_table_id == id);
        let stated = stated.ok_or_else(|| format!("its subnet's route table {id} is not known yet"))?;
        Ok(Self { number, routes: stated.routes.iter().map(route).collect::<Result<_, _>>()? })
    }
}

fn route(stated: &RouteDesired) -> Result<(Ipv4Net, Target), String> {
    let to: Ipv4Net =
        stated.cidr_block.parse().map_err(|_| format!("a route leads to {:?}, which is not a CIDR block", stated.cidr_block))?;
    let target = match &stated.target {
        Some(StatedTarget::InternetGatewayId(_)) => Target::Outside,
        Some(StatedTarget::NetworkInterface(interface)) => Target::Interface {
            id: checked_id(&interface.network_interface_id)?.to_owned(),
            address: address(&interface.private_ip_address)?,
        },
        Some(StatedTarget::VpcPeeringConnectionId(id)) => Target::Peering(checked_id(id)?.to_owned()),
        None => Target::Nowhere,
    };
    Ok((to.trunc(), target))
}
