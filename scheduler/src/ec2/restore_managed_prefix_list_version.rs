//! `RestoreManagedPrefixListVersion`: the entries of an older version become those of a new one.

use std::sync::Arc;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::create_tags::tags_of;
use super::delete_managed_prefix_list::own;
use super::shown::Shows;
use crate::engine::Command;
use crate::network::prefix_list::{self as lists, state};
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx};

impl Command for ec2::RestoreManagedPrefixListVersionRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
        ErrorCode::PrefixListMaxEntriesExceeded,
        ErrorCode::PrefixListVersionMismatch,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::RestoreManagedPrefixListVersionResult> {
        let row = own(tx, &self.prefix_list_id).await?;
        lists::check_current(&row, self.current_version)?;
        lists::check_known(&row, self.previous_version)?;
        let wanted = lists::entries(tx, &row.prefix_list_id, self.previous_version).await?;
        lists::check_fits(wanted.len(), row.max_entries)?;
        let row = lists::become_next(tx, row, wanted, state::RESTORED).await?;
        let tags = tags_of(tx, &row.prefix_list_id).await?;
        let prefix_list = Some(Tagged { item: Arc::new(row), tags }.message(tx.settings())?);
        Ok(ec2::RestoreManagedPrefixListVersionResult { prefix_list })
    }
}
