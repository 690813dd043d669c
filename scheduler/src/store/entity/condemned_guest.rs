//! An operator's order to destroy a guest that the store does not know. Stands until its host has buried it.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "condemned_guest")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub host_id: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance_id: String,
    pub created: i64,
}

super::standalone!();
