//! One change of the feed, in the order of commits.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "change")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub sequence: i64,
    pub kind: String,
    pub id: String,
    /// When its transaction began, where that transaction noted anything itself: triggers have no clock but the database's.
    pub at: Option<i64>,
}

super::standalone!();
