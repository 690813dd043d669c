//! `GetManagedPrefixListEntries`, of the current version or an older one.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::message::missing;
use super::resolve::PREFIX_LIST;
use crate::engine::{Ask, Query};
use crate::network::prefix_list::check_known;
use crate::store::read::prefix_lists::{PrefixListView, entries};
use crate::store::{Outcome, Rows, View, prefix_list};

impl Query for ec2::GetManagedPrefixListEntriesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetManagedPrefixListEntriesResult> {
        let page = ask.page(&self)?;
        let rows = ask.rows();
        let list = visible(&rows, ask.account(), &self.prefix_list_id)?;
        let version = self.target_version.unwrap_or(list.version);
        check_known(&list, version)?;
        let (found, next_token) = page.cut(entries(&rows, &list.prefix_list_id, version).into_iter().collect(), |(block, _)| block)?;
        let entries = found
            .into_iter()
            .map(|(block, row)| ec2::PrefixListEntry { cidr: Some(block.to_owned()), description: row.description.clone() });
        Ok(ec2::GetManagedPrefixListEntriesResult { entries: entries.collect(), next_token })
    }
}

/// The list that a request names.
pub fn visible(rows: &Rows, account: &str, id: &str) -> Result<Arc<prefix_list::Model>, Fault> {
    if id.is_empty() {
        return Err(missing("PrefixListId"));
    }
    PREFIX_LIST.check(id)?;
    Ok(PrefixListView::one(rows, account, id).ok_or_else(|| PREFIX_LIST.absent(id))?.item)
}
