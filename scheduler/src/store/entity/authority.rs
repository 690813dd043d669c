//! The install's certificate authority; its keys are sealed by [`crate::identity::Vault`]. The one row there is.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authority")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub singleton: i32,
    /// DER, base64.
    pub certificate: String,
    /// PKCS #8, base64, sealed.
    pub sealed_key: String,
    pub sealed_grant_key: String,
    pub created: i64,
}

super::standalone!();
