//! VPCs.

use std::sync::Arc;

use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::ec2::shown::never;
use crate::filter::{Table, flag};
use crate::store::read::resources::Tagged;
use crate::store::vpc;

pub type Vpc = Tagged<Arc<vpc::Model>>;

/// A VPC is available from the transaction that makes it on.
const STATE: &str = "available";

pub const FILTERS: Table<Vpc> = Table {
    names: &[
        ("cidr", |vpc, say| say(&vpc.item.cidr_block)),
        ("cidr-block-association.association-id", |vpc, say| say(&vpc.item.cidr_association_id)),
        ("cidr-block-association.cidr-block", |vpc, say| say(&vpc.item.cidr_block)),
        ("cidr-block-association.state", |_, say| say("associated")),
        ("dhcp-options-id", |vpc, say| say(&vpc.item.dhcp_options_id)),
        never!("ipv6-cidr-block-association.association-id"),
        never!("ipv6-cidr-block-association.ipv6-cidr-block"),
        never!("ipv6-cidr-block-association.ipv6-pool"),
        never!("ipv6-cidr-block-association.state"),
        ("is-default", |vpc, say| say(flag(vpc.item.is_default))),
        // An older spelling that clients still send.
        ("isDefault", |vpc, say| say(flag(vpc.item.is_default))),
        ("owner-id", |vpc, say| say(&vpc.item.account_id)),
        ("state", |_, say| say(STATE)),
        ("vpc-id", |vpc, say| say(&vpc.item.vpc_id)),
    ],
    tags: Some(|vpc, say| vpc.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl From<&Vpc> for ec2::Vpc {
    fn from(Tagged { item, tags }: &Vpc) -> Self {
        let association = ec2::VpcCidrBlockAssociation {
            association_id: Some(item.cidr_association_id.clone()),
            cidr_block: Some(item.cidr_block.clone()),
            cidr_block_state: Some(ec2::VpcCidrBlockState { state: Some("associated".into()), status_message: None }),
        };
        Self {
            vpc_id: Some(item.vpc_id.clone()),
            owner_id: Some(item.account_id.clone()),
            cidr_block: Some(item.cidr_block.clone()),
            cidr_block_association_set: vec![association],
            dhcp_options_id: Some(item.dhcp_options_id.clone()),
            instance_tenancy: Some("default".into()),
            is_default: Some(item.is_default),
            state: Some(STATE.into()),
            tags: message::tags(tags),
            ..Self::default()
        }
    }
}
