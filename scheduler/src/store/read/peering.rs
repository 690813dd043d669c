//! VPC peering connections, with what is shown of the two VPCs.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::View;
use super::networks::blocks;
use crate::network::peering::seen_by;
use crate::store::{Rows, vpc_peering_connection};

/// A connection as one of its sides sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VpcPeeringView {
    pub connection: Arc<vpc_peering_connection::Model>,
    /// The account's own.
    pub tags: BTreeMap<String, String>,
    /// Of the VPCs, their first ones first. None are known of what is gone, or never was.
    pub requester_blocks: Vec<String>,
    pub accepter_blocks: Vec<String>,
}

impl View for VpcPeeringView {
    fn one(rows: &Rows, account: &str, id: &str) -> Option<Self> {
        let row = rows.vpc_peering_connections.one(id).filter(|row| seen_by(row).any(|sees| sees == account))?;
        Some(Self {
            connection: Arc::clone(row),
            tags: rows.tags_of(account, id),
            requester_blocks: blocks(rows, &row.requester_vpc_id),
            accepter_blocks: blocks(rows, &row.accepter_vpc_id),
        })
    }

    fn ids<'a>(rows: &'a Rows, account: &'a str, after: Option<&'a str>) -> Box<dyn Iterator<Item = &'a str> + 'a> {
        Box::new(rows.vpc_peering_connections.of(account, after))
    }

    fn id(&self) -> &str {
        &self.connection.vpc_peering_connection_id
    }
}
