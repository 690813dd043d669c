//! `DisassociateAddress`.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::allocate_address::by_address;
use super::message::missing;
use super::network_interfaces::unmanaged;
use super::resolve::ELASTIC_ADDRESS_ASSOCIATION;
use super::run_instances::combination;
use crate::engine::Command;
use crate::network::elastic;
use crate::store::{Outcome, Tx, elastic_address};

impl Command for ec2::DisassociateAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InvalidAddressNotFound,
        ErrorCode::InvalidAssociationIdMalformed,
        ErrorCode::InvalidAssociationIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let row = match (given(&self.association_id), given(&self.public_ip)) {
            (Some(_), Some(_)) => {
                return Err(combination("You may specify public IP or association id, but not both in the same call").into());
            }
            (Some(id), None) => by_association(tx, &id).await?,
            (None, Some(address)) => by_address(tx, &address).await?,
            (None, None) => return Err(missing("associationId").into()),
        };
        if let Some(from) = &row.network_interface_id {
            unmanaged(tx, from).await?;
        }
        elastic::disassociate(tx, row).await
    }
}

async fn by_association(tx: &Tx, id: &str) -> Outcome<elastic_address::Model> {
    ELASTIC_ADDRESS_ASSOCIATION.check(id)?;
    let own = elastic_address::Entity::find().filter(elastic_address::Column::AccountId.eq(tx.account()));
    let row = own.filter(elastic_address::Column::AssociationId.eq(id)).one(tx.db()).await?;
    Ok(row.ok_or_else(|| ELASTIC_ADDRESS_ASSOCIATION.absent(id))?)
}
