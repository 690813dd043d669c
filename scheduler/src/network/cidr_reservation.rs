//! Reservations of blocks in subnets: of these no address is given out unless a client names it.
//!
//! What already has an address of the block keeps it, and what is deleted leaves its addresses as they are. The two types differ in nothing
//! else than prefixes of interfaces, which are drawn from the one type, and there are none of.
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/subnet-cidr-reservation.html>.

use freehold_proto::id::SubnetCidrReservationId;
use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter};

use super::cidr;
use crate::ec2::create_tags::remove_tags;
use crate::store::subnet_cidr_reservation::{Column, Entity, Model};
use crate::store::{Outcome, Tx, subnet};

/// EC2's words for what the addresses are for.
pub const TYPES: [&str; 2] = ["prefix", "explicit"];

/// What a reservation is made of.
pub struct New<'a> {
    pub cidr: &'a str,
    pub reservation_type: String,
    pub description: Option<String>,
}

/// Reserves a block of a subnet, next to other reservations.
pub async fn create(tx: &Tx, subnet: &subnet::Model, new: New<'_>) -> Outcome<Model> {
    let block = cidr::parse("cidr", new.cidr)?;
    let refuse = |message: String| Fault::new(ErrorCode::InvalidParameterValue, message);
    if !cidr::stored(&subnet.cidr_block)?.contains(&block) {
        let message = format!("Reservation CIDR {block} is not within the subnet's CIDR block {}.", subnet.cidr_block);
        return Err(refuse(message).into());
    }
    if blocks(tx, &subnet.subnet_id).await?.iter().any(|other| cidr::overlap(other, &block)) {
        return Err(refuse(format!("Reservation CIDR {block} has overlap with existing reserved CIDR block")).into());
    }
    let row = Model {
        subnet_cidr_reservation_id: SubnetCidrReservationId::draw(tx.entropy()).into(),
        account_id: subnet.account_id.clone(),
        subnet_id: subnet.subnet_id.clone(),
        cidr: block.to_string(),
        reservation_type: new.reservation_type,
        description: new.description,
        created: tx.now(),
    };
    Ok(row.into_active_model().insert(tx.db()).await?)
}

/// A subnet's reserved blocks.
pub async fn blocks(tx: &Tx, subnet_id: &str) -> Outcome<Vec<Ipv4Net>> {
    let rows = Entity::find().filter(Column::SubnetId.eq(subnet_id)).all(tx.db()).await?;
    Ok(rows.iter().map(|row| cidr::stored(&row.cidr)).collect::<Result<_, _>>()?)
}

pub async fn delete(tx: &Tx, row: Model) -> Outcome<()> {
    remove_tags(tx, &row.subnet_cidr_reservation_id).await?;
    row.delete(tx.db()).await?;
    Ok(())
}

/// A subnet goes, and its reservations with it: EC2 keeps a subnet for nothing but the interfaces in it.
pub async fn leave(tx: &Tx, subnet_id: &str) -> Outcome<()> {
    for row in Entity::find().filter(Column::SubnetId.eq(subnet_id)).all(tx.db()).await? {
        delete(tx, row).await?;
    }
    Ok(())
}
