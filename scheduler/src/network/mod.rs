//! VPCs and what is in each from the moment it is made: a main route table, a default network ACL and a default security group.
//!
//! [`cidr`] are the rules of address blocks, without a store; [`vpc`], [`subnet`], [`group`] and [`acl`] make and unmake rows; [`route`] what
//! routes may be; [`default`] is what every account begins with.
//!
//! Whatever of a VPC a host obeys (blocks, subnets, routes, options) is stated with the VPC, whole: who changes it calls [`restate`].

pub mod acl;
pub mod attachment;
pub mod cidr;
pub mod cidr_reservation;
pub mod default;
pub mod dhcp;
pub mod elastic;
pub mod endpoint;
pub mod group;
pub mod interface;
pub mod nat;
pub mod peering;
pub mod pool;
pub mod prefix_list;
pub mod route;
pub mod subnet;
pub mod vpc;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter};

use crate::store::{Kind, Outcome, Tx};

/// Tells the hosts that have the VPC that something of it changed.
pub async fn restate(tx: &mut Tx, vpc_id: &str) -> Outcome<()> {
    use crate::store::vpc::{Column, Entity};
    Entity::update_many()
        .col_expr(Column::Generation, Expr::col(Column::Generation).add(1))
        .filter(Column::VpcId.eq(vpc_id))
        .exec(tx.db())
        .await?;
    tx.changed(Kind::Vpc, vpc_id);
    Ok(())
}
