//! What the actions on VPC peering connections share: who may do what in which state.

use std::sync::Arc;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::create_tags::tags_of;
use super::message::missing;
use super::resolve::VPC_PEERING_CONNECTION;
use super::shown::Shows;
use crate::network::peering::{self, status};
use crate::network::vpc::blocks;
use crate::store::read::peering::VpcPeeringView;
use crate::store::vpc_peering_connection::Model;
use crate::store::{Failure, Outcome, Tx, vpc};

/// One that the caller sees.
pub async fn find(tx: &Tx, id: Option<&str>) -> Outcome<Model> {
    let id = id.filter(|id| !id.is_empty()).ok_or_else(|| missing("vpcPeeringConnectionId"))?;
    VPC_PEERING_CONNECTION.check(id)?;
    Ok(peering::seen(tx, id).await?.ok_or_else(|| VPC_PEERING_CONNECTION.absent(id))?)
}

/// A request that the caller can answer.
pub async fn to_answer(tx: &Tx, id: Option<&str>, verb: &str, next: &str) -> Outcome<Model> {
    let row = find(tx, id).await?;
    if row.accepter_account_id != tx.account() {
        let message = format!("User {} cannot {verb} peering {}", tx.account(), row.vpc_peering_connection_id);
        return Err(Failure::refuse(ErrorCode::OperationNotPermitted, message));
    }
    if row.status != status::PENDING {
        return Err(no_way(&row, next).into());
    }
    Ok(row)
}

pub fn no_way(row: &Model, next: &str) -> Fault {
    let (id, status) = (&row.vpc_peering_connection_id, &row.status);
    let message = format!("Invalid state transition for {id}, attempted to transition from {status} to {next}");
    Fault::new(ErrorCode::InvalidStateTransition, message)
}

/// As its caller sees it.
pub async fn message(tx: &Tx, row: Model) -> Outcome<ec2::VpcPeeringConnection> {
    let view = VpcPeeringView {
        tags: tags_of(tx, &row.vpc_peering_connection_id).await?,
        requester_blocks: blocks_of(tx, &row.requester_vpc_id).await?,
        accepter_blocks: blocks_of(tx, &row.accepter_vpc_id).await?,
        connection: Arc::new(row),
    };
    Ok(view.message(tx.settings())?)
}

async fn blocks_of(tx: &Tx, vpc_id: &str) -> Outcome<Vec<String>> {
    use sea_orm::EntityTrait as _;
    let Some(row) = vpc::Entity::find_by_id(vpc_id).one(tx.db()).await? else { return Ok(Vec::new()) };
    Ok(blocks(tx, &row).await?.iter().map(ToString::to_string).collect())
}
