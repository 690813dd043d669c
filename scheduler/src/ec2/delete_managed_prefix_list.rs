//! `DeleteManagedPrefixList`.

use std::sync::Arc;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::create_tags::{remove_tags, tags_of};
use super::message::missing;
use super::resolve::PREFIX_LIST;
use super::shown::Shows;
use crate::engine::Command;
use crate::network::prefix_list::{self as lists, state};
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, prefix_list};

impl Command for ec2::DeleteManagedPrefixListRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::DependencyViolation,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::DeleteManagedPrefixListResult> {
        let row = own(tx, &self.prefix_list_id).await?;
        let tags = tags_of(tx, &row.prefix_list_id).await?;
        remove_tags(tx, &row.prefix_list_id).await?;
        let gone = prefix_list::Model { state: state::DELETED.into(), ..row.clone() };
        lists::delete(tx, row).await?;
        let prefix_list = Some(Tagged { item: Arc::new(gone), tags }.message(tx.settings())?);
        Ok(ec2::DeleteManagedPrefixListResult { prefix_list })
    }
}

/// A list of the caller's own, which the caller may change.
pub async fn own(tx: &Tx, id: &str) -> Outcome<prefix_list::Model> {
    if id.is_empty() {
        return Err(missing("PrefixListId").into());
    }
    PREFIX_LIST.check(id)?;
    let row = lists::visible(tx, id).await?.ok_or_else(|| PREFIX_LIST.absent(id))?;
    lists::check_own(&row, tx.account())?;
    Ok(row)
}
