//! A VPC's gateway to a service of the cloud.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "vpc_endpoint")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub vpc_endpoint_id: String,
    pub account_id: String,
    pub vpc_id: String,
    /// `s3`
    pub service: String,
    /// JSON, as the client wrote it.
    pub policy_document: String,
    pub created: i64,
}

super::standalone!();
