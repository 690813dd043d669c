//! The one row that names this cluster; `epoch` grows with every start of a scheduler.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cluster")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub singleton: i32,
    pub cluster_id: String,
    pub epoch: i64,
}

super::standalone!();
