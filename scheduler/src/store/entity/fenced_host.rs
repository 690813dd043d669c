//! A host that was given up as lost: should it return, it is not let in.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fenced_host")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub host_id: String,
    pub hostname: String,
    pub availability_zone: String,
    pub created: i64,
    /// When it last asked to be let in.
    pub knocked: Option<i64>,
}

super::standalone!();
