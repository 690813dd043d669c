//! `CreateManagedPrefixList`.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::id::PrefixListId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::model::prefix_list::ADDRESS_FAMILY;
use super::resolve::PREFIX_LIST;
use super::run_instances::invalid;
use super::shown::Shows;
use crate::engine::Command;
use crate::network::prefix_list::{self as lists, state};
use crate::store::read::resources::Tagged;
use crate::store::{Outcome, Tx, prefix_list};

impl Command for ec2::CreateManagedPrefixListRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::PrefixListMaxEntriesExceeded,
        ErrorCode::ResourceLimitExceeded,
        ErrorCode::TagLimitExceeded,
        ErrorCode::UnsupportedOperation,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateManagedPrefixListResult> {
        if self.prefix_list_name.is_empty() {
            return Err(missing("PrefixListName").into());
        }
        check_family(&self.address_family)?;
        lists::check_name(&self.prefix_list_name)?;
        lists::check_size(self.max_entries)?;
        let entries = lists::read(self.entries.iter().map(|entry| (entry.cidr.as_str(), entry.description.as_deref())))?;
        let tags = message::tags_on_create(PREFIX_LIST.resource_type, &self.tag_specifications)?;
        let of_account = prefix_list::Entity::find().filter(prefix_list::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= lists::MOST {
            let message = format!("An account has at most {} prefix lists. Delete some first.", lists::MOST);
            return Err(Fault::new(ErrorCode::ResourceLimitExceeded, message).into());
        }
        let row = prefix_list::Model {
            prefix_list_id: PrefixListId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            prefix_list_name: self.prefix_list_name,
            max_entries: self.max_entries,
            version: 1,
            state: state::CREATED.into(),
            created: tx.now(),
        };
        let row = lists::create(tx, row, entries).await?;
        insert_tags(tx, &row.prefix_list_id, PREFIX_LIST.resource_type, &tags).await?;
        let prefix_list = Some(Tagged { item: Arc::new(row), tags }.message(tx.settings())?);
        Ok(ec2::CreateManagedPrefixListResult { prefix_list })
    }
}

fn check_family(family: &str) -> Result<(), Fault> {
    match family {
        ADDRESS_FAMILY => Ok(()),
        "" => Err(missing("AddressFamily")),
        "IPv6" => Err(Fault::new(ErrorCode::UnsupportedOperation, "The AddressFamily IPv6 is not supported: networks are IPv4 so far.")),
        other => Err(invalid(format!("Value ({other}) for parameter addressFamily is invalid. It is IPv4 or IPv6."))),
    }
}
