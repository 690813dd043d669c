//! VPC peering connections.

use freehold_proto::Fault;
use freehold_proto::aws::ec2;

use crate::Settings;
use crate::ec2::message::{self, timestamp};
use crate::ec2::shown::{Shown, Shows, shown};
use crate::filter::Table;
use crate::network::peering::status;
use crate::store::read::peering::VpcPeeringView;

pub const FILTERS: Table<Shown<VpcPeeringView>> = Table {
    names: &[
        shown!("accepter-vpc-info.cidr-block" => accepter_vpc_info.cidr_block),
        ("accepter-vpc-info.owner-id", |view, say| say(&view.connection.accepter_account_id)),
        ("accepter-vpc-info.vpc-id", |view, say| say(&view.connection.accepter_vpc_id)),
        shown!("expiration-time" => expiration_time),
        shown!("requester-vpc-info.cidr-block" => requester_vpc_info.cidr_block),
        ("requester-vpc-info.owner-id", |view, say| say(&view.connection.account_id)),
        ("requester-vpc-info.vpc-id", |view, say| say(&view.connection.requester_vpc_id)),
        ("status-code", |view, say| say(&view.connection.status)),
        ("status-message", |view, say| say(&view.connection.status_message)),
        ("vpc-peering-connection-id", |view, say| say(&view.connection.vpc_peering_connection_id)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl Shows for VpcPeeringView {
    type Message = ec2::VpcPeeringConnection;

    fn message(&self, settings: &Settings) -> Result<ec2::VpcPeeringConnection, Fault> {
        let row = &self.connection;
        let is_active = row.status == status::ACTIVE;
        let side = |(account, vpc_id): (&String, &String), blocks: &[String], answers: bool| ec2::VpcPeeringConnectionVpcInfo {
            owner_id: Some(account.clone()),
            vpc_id: Some(vpc_id.clone()),
            region: Some(settings.region.clone()),
            cidr_block: blocks.first().cloned(),
            cidr_block_set: blocks.iter().map(|block| ec2::CidrBlock { cidr_block: Some(block.clone()) }).collect(),
            peering_options: is_active.then(|| options(answers)),
            ..ec2::VpcPeeringConnectionVpcInfo::default()
        };
        // Who has agreed to nothing shows nothing of his addresses.
        let accepter_blocks = if is_active { self.accepter_blocks.as_slice() } else { &[] };
        let requester = side((&row.account_id, &row.requester_vpc_id), &self.requester_blocks, row.requester_answers_public_names);
        let accepter = side((&row.accepter_account_id, &row.accepter_vpc_id), accepter_blocks, row.accepter_answers_public_names);
        Ok(ec2::VpcPeeringConnection {
            vpc_peering_connection_id: Some(row.vpc_peering_connection_id.clone()),
            requester_vpc_info: Some(requester),
            accepter_vpc_info: Some(accepter),
            status: Some(ec2::VpcPeeringConnectionStateReason {
                code: Some(row.status.clone()),
                message: Some(row.status_message.clone()),
            }),
            expiration_time: (row.status == status::PENDING).then(|| timestamp(row.expires)),
            tags: message::tags(&self.tags),
        })
    }
}

fn options(answers_public_names: bool) -> ec2::VpcPeeringConnectionOptionsDescription {
    ec2::VpcPeeringConnectionOptionsDescription {
        allow_dns_resolution_from_remote_vpc: Some(answers_public_names),
        allow_egress_from_local_classic_link_to_remote_vpc: Some(false),
        allow_egress_from_local_vpc_to_remote_classic_link: Some(false),
    }
}
