//! NAT gateways.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message::{self, timestamp};
use crate::ec2::shown::{Shown, Shows};
use crate::filter::Table;
use crate::network::nat::address::status;
use crate::network::nat::{PUBLIC, state};
use crate::store::read::resources::{NatGatewayView, Tagged};
use crate::store::{nat_gateway, nat_gateway_address};

pub type NatGateway = Tagged<NatGatewayView>;

pub const FILTERS: Table<Shown<NatGateway>> = Table {
    names: &[
        ("nat-gateway-id", |gateway, say| say(&gateway.item.gateway.nat_gateway_id)),
        ("state", |gateway, say| say(&gateway.item.gateway.state)),
        ("subnet-id", |gateway, say| say(&gateway.item.gateway.subnet_id)),
        ("vpc-id", |gateway, say| say(&gateway.item.gateway.vpc_id)),
    ],
    tags: Some(|gateway, say| gateway.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for NatGateway {
    type Message = ec2::NatGateway;

    fn message(&self, _: &Settings) -> Result<ec2::NatGateway, Fault> {
        let NatGatewayView { gateway: row, addresses } = &self.item;
        Ok(ec2::NatGateway {
            nat_gateway_id: Some(row.nat_gateway_id.clone()),
            vpc_id: Some(row.vpc_id.clone()),
            subnet_id: Some(row.subnet_id.clone()),
            connectivity_type: Some(row.connectivity_type.clone()),
            availability_mode: Some("zonal".into()),
            state: Some(row.state.clone()),
            failure_code: text(&row.failure_code),
            failure_message: text(&row.failure_message),
            create_time: Some(timestamp(row.created)),
            delete_time: row.ended.map(timestamp),
            nat_gateway_addresses: [primary(row)].into_iter().chain(addresses.iter().map(|address| secondary(row, address))).collect(),
            tags: message::tags(&self.tags),
            ..ec2::NatGateway::default()
        })
    }
}

fn primary(row: &nat_gateway::Model) -> ec2::NatGatewayAddress {
    ec2::NatGatewayAddress {
        allocation_id: row.allocation_id.clone(),
        association_id: row.association_id.clone(),
        is_primary: Some(true),
        network_interface_id: text(&row.network_interface_id),
        private_ip: text(&row.private_ip_address),
        public_ip: row.public_ip.clone(),
        status: Some(of_gateway(row).unwrap_or(status::SUCCEEDED).into()),
        ..ec2::NatGatewayAddress::default()
    }
}

/// One beside the primary one.
pub fn secondary(gateway: &nat_gateway::Model, row: &nat_gateway_address::Model) -> ec2::NatGatewayAddress {
    let going = status::GOING.contains(&row.status.as_str());
    let status = of_gateway(gateway).filter(|_| !going).unwrap_or(&row.status);
    ec2::NatGatewayAddress {
        allocation_id: row.allocation_id.clone(),
        association_id: row.association_id.clone(),
        is_primary: Some(false),
        network_interface_id: text(&gateway.network_interface_id),
        private_ip: text(&row.private_ip_address),
        public_ip: row.public_ip.clone(),
        status: Some(status.into()),
        ..ec2::NatGatewayAddress::default()
    }
}

/// How the addresses of a gateway that is not available are.
fn of_gateway(gateway: &nat_gateway::Model) -> Option<&'static str> {
    let public = gateway.connectivity_type == PUBLIC;
    match gateway.state.as_str() {
        state::PENDING => Some(if public { status::ASSOCIATING } else { status::ASSIGNING }),
        state::FAILED => Some(status::FAILED),
        state::DELETING | state::DELETED => Some(if public { status::DISASSOCIATING } else { status::UNASSIGNING }),
        _ => None,
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
