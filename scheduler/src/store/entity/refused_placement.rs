//! A request that no host could take, and why each not. Kept for a day.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refused_placement")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    pub account_id: String,
    pub action: String,
    pub wanted: String,
    pub others: String,
    pub created: i64,
}

super::standalone!();
