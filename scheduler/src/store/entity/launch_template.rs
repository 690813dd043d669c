//! A launch template; what it says is in its versions.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "launch_template")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub launch_template_id: String,
    pub account_id: String,
    pub launch_template_name: String,
    pub default_version_number: i64,
    /// The highest number of those that are there.
    pub latest_version_number: i64,
    /// The highest number there ever was: none comes again.
    pub highest_version_number: i64,
    /// The ARN of who made it.
    pub created_by: String,
    pub created: i64,
}

super::standalone!();
