//! What a route is for: a block, or a prefix list.

use std::fmt;

use freehold_proto::Fault;
use ipnet::Ipv4Net;
use sea_orm::EntityTrait;

use super::message::missing;
use super::resolve::PREFIX_LIST;
use super::run_instances::combination;
use crate::network::route::{Place, destination};
use crate::network::{cidr, prefix_list as lists, subnet, vpc as network_vpc};
use crate::store::{Outcome, Tx, prefix_list, route_table, vpc};

pub enum Destination {
    Block(Ipv4Net),
    List(prefix_list::Model),
}

impl fmt::Display for Destination {
    /// As it is stored.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(block) => block.fmt(formatter),
            Self::List(list) => formatter.write_str(&list.prefix_list_id),
        }
    }
}

/// What a request gives.
#[derive(Clone, Copy)]
pub enum Given<'a> {
    Block(&'a str),
    List(&'a str),
}

impl<'a> Given<'a> {
    pub fn of(block: Option<&'a str>, list: Option<&'a str>) -> Result<Self, Fault> {
        let given = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        match (given(block), given(list)) {
            (Some(block), None) => Ok(Self::Block(block)),
            (None, Some(list)) => Ok(Self::List(list)),
            (None, None) => Err(missing("destinationCidrBlock or destinationPrefixListId")),
            _ => Err(combination("The request must contain exactly one of destinationCidrBlock and destinationPrefixListId")),
        }
    }

    /// What the table can have a route to. A list's blocks within the VPC lead nowhere else than they do without it.
    pub async fn read(self, tx: &Tx, table: &route_table::Model) -> Outcome<(Destination, Place)> {
        match self {
            Self::Block(text) => {
                let (blocks, subnets) = networks(tx, &table.vpc_id).await?;
                let (to, place) = destination(text, &blocks, &subnets)?;
                Ok((Destination::Block(to), place))
            }
            Self::List(id) => {
                PREFIX_LIST.check(id)?;
                let list = lists::visible(tx, id).await?.ok_or_else(|| PREFIX_LIST.absent(id))?;
                Ok((Destination::List(list), Place::Elsewhere))
            }
        }
    }
}

/// A VPC's blocks and its subnets'.
async fn networks(tx: &Tx, vpc_id: &str) -> Outcome<(Vec<Ipv4Net>, Vec<Ipv4Net>)> {
    let row = vpc::Entity::find_by_id(vpc_id).one(tx.db()).await?;
    let row = row.ok_or_else(|| Fault::internal("a route table has no VPC", vpc_id.to_owned()))?;
    let subnets = subnet::in_vpc(tx, vpc_id).await?;
    let subnets = subnets.iter().map(|row| cidr::stored(&row.cidr_block)).collect::<Result<_, _>>()?;
    Ok((network_vpc::blocks(tx, &row).await?, subnets))
}
