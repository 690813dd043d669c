//! NAT gateways.

use std::sync::Arc;

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message::{self, timestamp};
use crate::ec2::shown::{Shown, Shows};
use crate::filter::Table;
use crate::network::nat::{PUBLIC, state};
use crate::store::nat_gateway;
use crate::store::read::resources::Tagged;

pub type NatGateway = Tagged<Arc<nat_gateway::Model>>;

pub const FILTERS: Table<Shown<NatGateway>> = Table {
    names: &[
        ("nat-gateway-id", |gateway, say| say(&gateway.item.nat_gateway_id)),
        ("state", |gateway, say| say(&gateway.item.state)),
        ("subnet-id", |gateway, say| say(&gateway.item.subnet_id)),
        ("vpc-id", |gateway, say| say(&gateway.item.vpc_id)),
    ],
    tags: Some(|gateway, say| gateway.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for NatGateway {
    type Message = ec2::NatGateway;

    fn message(&self, _: &Settings) -> Result<ec2::NatGateway, Fault> {
        let row = &self.item;
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
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
            nat_gateway_addresses: vec![address(row)],
            tags: message::tags(&self.tags),
            ..ec2::NatGateway::default()
        })
    }
}

fn address(row: &nat_gateway::Model) -> ec2::NatGatewayAddress {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let status = match row.state.as_str() {
        state::PENDING => "associating",
        state::FAILED => "failed",
        state::DELETING | state::DELETED => "disassociating",
        _ => "succeeded",
    };
    ec2::NatGatewayAddress {
        allocation_id: row.allocation_id.clone(),
        association_id: row.association_id.clone(),
        is_primary: Some(true),
        network_interface_id: text(&row.network_interface_id),
        private_ip: text(&row.private_ip_address),
        public_ip: row.public_ip.clone(),
        status: (row.connectivity_type == PUBLIC).then(|| status.into()),
        ..ec2::NatGatewayAddress::default()
    }
}
