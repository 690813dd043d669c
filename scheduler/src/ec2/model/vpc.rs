//! VPCs.

use freehold_proto::aws::ec2;

use crate::ec2::message;
use crate::ec2::shown::never;
use crate::filter::{Table, flag};
use crate::store::read::networks::VpcView;
use crate::store::vpc_cidr_block;

/// A VPC is available from the transaction that makes it on, and a block associated.
const STATE: &str = "available";
const ASSOCIATED: &str = "associated";
/// What instances share hosts with: anybody's.
pub const TENANCY: &str = "default";

pub const FILTERS: Table<VpcView> = Table {
    names: &[
        ("cidr", |view, say| say(&view.vpc.cidr_block)),
        ("cidr-block-association.association-id", |view, say| view.associations().for_each(|(id, _)| say(id))),
        ("cidr-block-association.cidr-block", |view, say| view.associations().for_each(|(_, block)| say(block))),
        ("cidr-block-association.state", |_, say| say(ASSOCIATED)),
        ("dhcp-options-id", |view, say| say(&view.vpc.dhcp_options_id)),
        never!("ipv6-cidr-block-association.association-id"),
        never!("ipv6-cidr-block-association.ipv6-cidr-block"),
        never!("ipv6-cidr-block-association.ipv6-pool"),
        never!("ipv6-cidr-block-association.state"),
        ("is-default", |view, say| say(flag(view.vpc.is_default))),
        // An older spelling that clients still send.
        ("isDefault", |view, say| say(flag(view.vpc.is_default))),
        ("owner-id", |view, say| say(&view.vpc.account_id)),
        ("state", |_, say| say(STATE)),
        ("vpc-id", |view, say| say(&view.vpc.vpc_id)),
    ],
    tags: Some(|view, say| view.tags.iter().for_each(|(key, value)| say(key, value))),
};

impl VpcView {
    /// Its blocks, each with the id of its association, the first one first.
    fn associations(&self) -> impl Iterator<Item = (&str, &str)> {
        let first = (self.vpc.cidr_association_id.as_str(), self.vpc.cidr_block.as_str());
        [first].into_iter().chain(self.other_blocks.iter().map(|row| (row.association_id.as_str(), row.cidr_block.as_str())))
    }
}

impl From<&VpcView> for ec2::Vpc {
    fn from(view: &VpcView) -> Self {
        let row = &view.vpc;
        Self {
            vpc_id: Some(row.vpc_id.clone()),
            owner_id: Some(row.account_id.clone()),
            cidr_block: Some(row.cidr_block.clone()),
            cidr_block_association_set: view.associations().map(|(id, block)| association(id, block, ASSOCIATED)).collect(),
            dhcp_options_id: Some(row.dhcp_options_id.clone()),
            instance_tenancy: Some(TENANCY.into()),
            is_default: Some(row.is_default),
            state: Some(STATE.into()),
            tags: message::tags(&view.tags),
            ..Self::default()
        }
    }
}

fn association(id: &str, block: &str, state: &str) -> ec2::VpcCidrBlockAssociation {
    ec2::VpcCidrBlockAssociation {
        association_id: Some(id.to_owned()),
        cidr_block: Some(block.to_owned()),
        cidr_block_state: Some(ec2::VpcCidrBlockState { state: Some(state.to_owned()), status_message: None }),
    }
}

/// A block that was just added, or just taken away.
pub fn cidr_block_association(row: &vpc_cidr_block::Model, is_there: bool) -> ec2::VpcCidrBlockAssociation {
    association(&row.association_id, &row.cidr_block, if is_there { ASSOCIATED } else { "disassociated" })
}
