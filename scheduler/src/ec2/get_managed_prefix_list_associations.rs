//! `GetManagedPrefixListAssociations`: which of the account's resources name the list.

use std::collections::BTreeSet;

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::get_managed_prefix_list_entries::visible;
use crate::engine::{Ask, Query};
use crate::store::Outcome;

impl Query for ec2::GetManagedPrefixListAssociationsRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidNextToken,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPrefixListIdMalformed,
        ErrorCode::InvalidPrefixListIdNotFound,
        ErrorCode::MissingParameter,
    ];

    async fn answer(self, ask: &Ask) -> Outcome<ec2::GetManagedPrefixListAssociationsResult> {
        let page = ask.page(&self)?;
        let rows = ask.rows();
        let list = visible(&rows, ask.account(), &self.prefix_list_id)?;
        let groups = rows.security_group_rules.of(&list.prefix_list_id, None);
        let groups = groups.filter(|id| rows.security_groups.one(id).is_some_and(|row| row.account_id == ask.account()));
        let tables = rows.routes.of(&list.prefix_list_id, None);
        let tables = tables.filter(|id| rows.route_tables.one(id).is_some_and(|row| row.account_id == ask.account()));
        let named: BTreeSet<&str> = tables.chain(groups).collect();
        let (found, next_token) = page.cut(named.into_iter().collect(), |id| id)?;
        let association =
            |id: &str| ec2::PrefixListAssociation { resource_id: Some(id.to_owned()), resource_owner: Some(ask.account().to_owned()) };
        Ok(ec2::GetManagedPrefixListAssociationsResult {
            prefix_list_associations: found.into_iter().map(association).collect(),
            next_token,
        })
    }
}
