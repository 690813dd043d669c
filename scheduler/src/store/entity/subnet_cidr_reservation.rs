//! A block of a subnet of which no address is given out unasked.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subnet_cidr_reservation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subnet_cidr_reservation_id: String,
    pub account_id: String,
    pub subnet_id: String,
    pub cidr: String,
    /// `prefix` or `explicit`
    pub reservation_type: String,
    pub description: Option<String>,
    pub created: i64,
}

super::standalone!();
