//! Two VPCs that exchange packets, or are to.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vpc_peering_connection")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub vpc_peering_connection_id: String,
    /// The requester's.
    pub account_id: String,
    pub requester_vpc_id: String,
    pub accepter_account_id: String,
    pub accepter_vpc_id: String,
    /// As EC2 says it, see [`crate::network::peering::status`].
    pub status: String,
    pub status_message: String,
    /// Whether public names of the VPC's instances mean their private addresses to the other VPC.
    pub requester_answers_public_names: bool,
    pub accepter_answers_public_names: bool,
    /// One that has ended is shown to each side for a while, and to none but the requester if it failed.
    pub requester_sees: bool,
    pub accepter_sees: bool,
    pub requester_until: Option<i64>,
    pub accepter_until: Option<i64>,
    /// A request that nobody accepted by then is over.
    pub expires: i64,
    pub created: i64,
}

super::standalone!();
