//! `AllocateAddress`: an Elastic IP.

use freehold_proto::aws::ec2;
use freehold_proto::id::ElasticAddressId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message;
use super::model::elastic_address::allocated;
use super::resolve::ELASTIC_ADDRESS;
use super::run_instances::invalid;
use crate::addresses;
use crate::engine::Command;
use crate::network::elastic;
use crate::store::{Outcome, Tx, elastic_address};

impl Command for ec2::AllocateAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::AddressLimitExceeded,
        ErrorCode::InsufficientAddressCapacity,
        ErrorCode::InvalidAddressNotFound,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidParameterValue,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AllocateAddressResult> {
        let tags = message::tags_on_create(ELASTIC_ADDRESS.resource_type, &self.tag_specifications)?;
        let region = &tx.settings().region;
        if let Some(group) = self.network_border_group.as_deref().filter(|group| !group.is_empty() && group != region) {
            return Err(invalid(format!("The network border group '{group}' does not exist. Use {region}.")).into());
        }
        let of_account = elastic_address::Entity::find().filter(elastic_address::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= elastic::MOST {
            let message = "The maximum number of addresses has been reached. Release some first.";
            return Err(Fault::new(ErrorCode::AddressLimitExceeded, message).into());
        }
        let address = match self.address.as_deref().filter(|address| !address.is_empty()) {
            Some(asked) => addresses::check_public(tx, asked).await?,
            None => addresses::free_public(tx).await?,
        };
        let row = elastic_address::Model {
            allocation_id: ElasticAddressId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            address: address.to_string(),
            association_id: None,
            network_interface_id: None,
            private_ip_address: None,
            ptr_record: None,
            created: tx.now(),
        };
        let row = row.into_active_model().insert(tx.db()).await?;
        insert_tags(tx, &row.allocation_id, ELASTIC_ADDRESS.resource_type, &tags).await?;
        Ok(allocated(row.allocation_id, row.address, tx.settings()))
    }
}

/// The caller's address, by its allocation or by itself.
pub async fn named(tx: &Tx, allocation_id: Option<&str>, public_ip: Option<&str>) -> Outcome<elastic_address::Model> {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    match (given(allocation_id), given(public_ip)) {
        (Some(_), Some(_)) => {
            Err(super::run_instances::combination("You may specify public IP or allocation id, but not both in the same call").into())
        }
        (Some(id), None) => ELASTIC_ADDRESS.own::<elastic_address::Entity>(tx, &id).await,
        (None, Some(address)) => by_address(tx, &address).await,
        (None, None) => Err(message::missing("allocationId").into()),
    }
}

pub async fn by_address(tx: &Tx, address: &str) -> Outcome<elastic_address::Model> {
    let own = elastic_address::Entity::find().filter(elastic_address::Column::AccountId.eq(tx.account()));
    let row = own.filter(elastic_address::Column::Address.eq(address)).one(tx.db()).await?;
    Ok(row.ok_or_else(|| absent(address))?)
}

/// Somebody else's, or nobody's.
pub fn absent(address: &str) -> Fault {
    Fault::new(ErrorCode::InvalidAddressNotFound, format!("Address '{address}' not found."))
}
