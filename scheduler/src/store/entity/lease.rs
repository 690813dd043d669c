//! Who of several schedulers does what only one may.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lease")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Empty: nobody.
    pub holder: String,
    /// Grows with every new holder.
    pub epoch: i64,
    /// Grows with every renewal.
    pub beat: i64,
}

super::standalone!();
