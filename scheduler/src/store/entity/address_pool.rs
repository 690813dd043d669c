//! A pool of public addresses that the operator has added, or the configured one, once it was closed.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "address_pool")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub cidr_block: String,
    /// No address of it is given out any more.
    pub closed: bool,
    /// Nobody beyond the hosts knows its addresses, which leave a host under its own.
    pub translated: bool,
    pub created: i64,
}

super::standalone!();
