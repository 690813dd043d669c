//! `ModifyManagedPrefixList`: other entries are a new version, another name or size is none.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, IntoActiveModel, Set};

use super::create_tags::tags_of;
use super::delete_managed_prefix_list::own;
use super::message::missing;
use super::run_instances::combination;
use super::shown::Shows;
use crate::engine::Command;
use crate::network::prefix_list::{self as lists, Entries, state};
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, prefix_list};

impl Command for ec2::ModifyManagedPrefixListRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::InvalidPrefixListModification,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
        ErrorCode::PrefixListMaxEntriesExceeded,
        ErrorCode::PrefixListVersionMismatch,
        ErrorCode::ResourceLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::ModifyManagedPrefixListResult> {
        let row = own(tx, &self.prefix_list_id).await?;
        if let Some(version) = self.current_version {
            lists::check_current(&row, version)?;
        }
        let (add, remove) = asked(&self)?;
        let row = if add.is_empty() && remove.is_empty() {
            row
        } else {
            let has = lists::entries(tx, &row.prefix_list_id, row.version).await?;
            let wanted = lists::changed(&row.prefix_list_id, has, add, &remove)?;
            lists::check_fits(wanted.len(), row.max_entries)?;
            lists::become_next(tx, row, wanted, state::MODIFIED).await?
        };
        let row = match self.max_entries {
            Some(most) => lists::resize(tx, row, most).await?,
            None => row,
        };
        let row = named(tx, row, self.prefix_list_name).await?;
        let tags = tags_of(tx, &row.prefix_list_id).await?;
        let prefix_list = Some(Tagged { item: Arc::new(row), tags }.message(tx.settings())?);
        Ok(ec2::ModifyManagedPrefixListResult { prefix_list })
    }
}

/// What is to be added and what removed.
fn asked(request: &ec2::ModifyManagedPrefixListRequest) -> Result<(Entries, Entries), Fault> {
    let add = lists::read(request.add_entries.iter().map(|entry| (entry.cidr.as_str(), entry.description.as_deref())))?;
    let remove = lists::read(request.remove_entries.iter().map(|entry| (entry.cidr.as_str(), None)))?;
    let has_entries = !add.is_empty() || !remove.is_empty();
    if let Some(most) = request.max_entries {
        if has_entries {
            let message = "You cannot modify the entries and the maximum number of entries for the prefix list in the same request.";
            return Err(combination(message));
        }
        lists::check_size(most)?;
    }
    match &request.prefix_list_name {
        Some(name) => lists::check_name(name)?,
        None if !has_entries && request.max_entries.is_none() => {
            return Err(missing("AddEntry, RemoveEntry, MaxEntries or PrefixListName"));
        }
        None => {}
    }
    Ok((add, remove))
}

async fn named(tx: &Tx, row: prefix_list::Model, name: Option<String>) -> Outcome<prefix_list::Model> {
    let mut row = row.into_active_model();
    row.state = Set(state::MODIFIED.to_owned());
    if let Some(name) = name {
        row.prefix_list_name = Set(name);
    }
    Ok(row.update(tx.db()).await?)
}
