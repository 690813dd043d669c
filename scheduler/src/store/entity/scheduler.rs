//! A scheduler that runs, as long as it says so.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "scheduler")]
pub struct Model {
    /// Drawn at each start.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scheduler_id: String,
    pub started: i64,
    /// Grows as long as it is there.
    pub beat: i64,
}

super::standalone!();
