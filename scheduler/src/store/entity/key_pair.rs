//! A key pair; only its public half.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_pair")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_pair_id: String,
    pub account_id: String,
    pub key_name: String,
    pub key_type: String,
    pub key_fingerprint: String,
    pub public_key: String,
    pub created: i64,
}

super::standalone!();
