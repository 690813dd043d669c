//! What guests are told when they ask for an address.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dhcp_options")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub dhcp_options_id: String,
    pub account_id: String,
    pub is_default: bool,
    /// JSON: a list of names with their values.
    pub configurations: String,
    pub created: i64,
}

super::standalone!();
