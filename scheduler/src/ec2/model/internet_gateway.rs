//! Internet gateways.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::filter::Table;
use crate::store::internet_gateway;
use crate::store::read::resources::Tagged;

pub type InternetGateway = Tagged<Arc<internet_gateway::Model>>;

/// EC2's word for an internet gateway that is attached.
const ATTACHED: &str = "available";

pub const FILTERS: Table<InternetGateway> = Table {
    names: &[
        ("attachment.state", |gateway, say| gateway.item.vpc_id.iter().for_each(|_| say(ATTACHED))),
        ("attachment.vpc-id", |gateway, say| gateway.item.vpc_id.iter().for_each(|vpc_id| say(vpc_id))),
        ("internet-gateway-id", |gateway, say| say(&gateway.item.internet_gateway_id)),
        ("owner-id", |gateway, say| say(&gateway.item.account_id)),
    ],
    tags: Some(|gateway, say| gateway.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl From<&InternetGateway> for ec2::InternetGateway {
    fn from(Tagged { item, tags }: &InternetGateway) -> Self {
        let attachment = |vpc_id: &String| ec2::InternetGatewayAttachment { state: Some(ATTACHED.into()), vpc_id: Some(vpc_id.clone()) };
        Self {
            internet_gateway_id: Some(item.internet_gateway_id.clone()),
            owner_id: Some(item.account_id.clone()),
            attachments: item.vpc_id.iter().map(attachment).collect(),
            tags: message::tags(tags),
        }
    }
}
