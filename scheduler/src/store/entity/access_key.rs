//! An access key; its secret is sealed by [`crate::identity::Vault`].

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_key")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub access_key_id: String,
    pub account_id: String,
    pub sealed_secret: String,
    pub active: bool,
    pub created: i64,
}

super::standalone!();
