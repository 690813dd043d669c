//! What one scheduler wants to know of a host that attends another.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "console_question")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    pub host_id: String,
    pub asked: i64,
    /// The host's message, in base64.
    pub answer: Option<String>,
    /// The message to the host, in base64.
    pub question: String,
}

super::standalone!();
