//! Why a reservation's instances are where they are: what was wanted, and why no other host took them. `placement_reason` of each
//! instance has the rest.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "placement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub reservation_id: String,
    pub account_id: String,
    pub wanted: String,
    pub others: String,
    pub created: i64,
}

super::standalone!();
