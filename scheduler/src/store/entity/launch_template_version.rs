//! One version of a launch template. It never changes.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "launch_template_version")]
pub struct Model {
    /// The template's id and the number, such that versions sort as their numbers do: see [`crate::launch_template::version_id`].
    #[sea_orm(primary_key, auto_increment = false)]
    pub launch_template_version_id: String,
    pub launch_template_id: String,
    pub account_id: String,
    pub version_number: i64,
    pub version_description: Option<String>,
    /// The request's message as it was given, in base64.
    pub data: String,
    /// The ARN of who made it.
    pub created_by: String,
    pub created: i64,
}

super::standalone!();
