//! What routes may be, and whom a change of what they lead to concerns.
//!
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Route_Tables.html>.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::Ipv4Addr;

use freehold_proto::id::{InternetGatewayId, NatGatewayId, NetworkInterfaceId, PrefixListId, VpcPeeringConnectionId};
use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait};

use super::{cidr, restate};
use crate::addresses;
use crate::store::{Outcome, Tx, route, route_table};

/// A VPC's. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
pub const MOST_TABLES: u64 = 200;
/// A table's. EC2's is as many for those who ask for it; an operator has nobody to ask.
pub const MOST_ROUTES: u64 = 1_000;

/// AWS's own services on a link. What holds it may be a destination, what lies in it may not.
pub const KEPT: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 168, 0), 22);

/// What kind of thing takes a route's packets: its id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Gateway,
    Interface,
    NatGateway,
    Peering,
}

impl Target {
    pub fn of(id: &str) -> Self {
        if NetworkInterfaceId::parse(id).is_ok() {
            Self::Interface
        } else if NatGatewayId::parse(id).is_ok() {
            Self::NatGateway
        } else if VpcPeeringConnectionId::parse(id).is_ok() {
            Self::Peering
        } else {
            Self::Gateway
        }
    }

    pub fn is_internet_gateway(id: &str) -> bool {
        InternetGatewayId::parse(id).is_ok()
    }
}

/// The prefix list that a stored destination is, unless it is a block.
pub fn list_of(destination: &str) -> Option<&str> {
    PrefixListId::parse(destination).is_ok().then_some(destination)
}

/// Where a destination lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is one of the VPC's blocks: its local route stands in every table, and can be replaced but not deleted.
    Vpc,
    /// It is a subnet's.
    Subnet,
    Elsewhere,
}

/// Reads a destination of a route in a VPC with these blocks and subnets; host bits are cleared, as EC2 does.
pub fn destination(text: &str, vpc: &[Ipv4Net], subnets: &[Ipv4Net]) -> Result<(Ipv4Net, Place), Fault> {
    let to = cidr::parse("destinationCidrBlock", text)?;
    let refuse = |why: String| Err(Fault::new(ErrorCode::InvalidParameterValue, why));
    if KEPT.contains(&to) {
        return refuse(format!("Value ({to}) for parameter destinationCidrBlock is invalid. {KEPT} is kept for the cloud's own services."));
    }
    if vpc.contains(&to) {
        return Ok((to, Place::Vpc));
    }
    if !vpc.iter().any(|block| block.contains(&to)) {
        return Ok((to, Place::Elsewhere));
    }
    if !subnets.contains(&to) {
        return refuse(format!(
            "Route destination doesn't match any subnet CIDR blocks: {to} is within the VPC. Use the whole block of a subnet or of the VPC."
        ));
    }
    Ok((to, Place::Subnet))
}

/// Where a gateway is asked for and only an interface can be.
pub fn only_an_interface(to: &impl Display) -> Fault {
    let message = format!(
        "The destination CIDR block {to} is equal to or more specific than one of this VPC's CIDR blocks. This route can target only an \
         interface or an instance."
    );
    Fault::new(ErrorCode::InvalidParameterValue, message)
}

/// An instance comes to run, or no longer does: hosts whose VPCs have routes to it are told.
pub async fn restate_through(tx: &mut Tx, instance_id: &str) -> Outcome<()> {
    let interfaces = addresses::interfaces_of(tx, instance_id).await?;
    restate_to(tx, interfaces).await
}

/// The same of whatever a route can lead to.
pub async fn restate_to(tx: &mut Tx, targets: Vec<String>) -> Outcome<()> {
    let to_them = route::Entity::find().select_only().column(route::Column::RouteTableId).filter(route::Column::Target.is_in(targets));
    let tables = route_table::Entity::find().filter(route_table::Column::RouteTableId.in_subquery(to_them.into_query()));
    let vpcs: BTreeSet<String> = tables.all(tx.db()).await?.into_iter().map(|table| table.vpc_id).collect();
    for vpc_id in vpcs {
        restate(tx, &vpc_id).await?;
    }
    Ok(())
}

/// Adds a route to a table, which is named with its account.
pub async fn insert(tx: &Tx, (route_table_id, account_id): (String, String), destination: impl Display, target: String) -> Outcome<()> {
    let row = route::Model { route_table_id, destination: destination.to_string(), account_id, target, created: tx.now() };
    row.into_active_model().insert(tx.db()).await?;
    Ok(())
}

/// A destination of a route of the VPC's tables that `block` holds, if there is one.
pub async fn within(tx: &Tx, vpc_id: &str, block: &Ipv4Net) -> Outcome<Option<Ipv4Net>> {
    let in_vpc = route::Column::RouteTableId.in_subquery(tables_of(vpc_id));
    for row in route::Entity::find().filter(in_vpc).all(tx.db()).await? {
        if list_of(&row.destination).is_some() {
            continue;
        }
        let to = cidr::stored(&row.destination)?;
        if block.contains(&to) {
            return Ok(Some(to));
        }
    }
    Ok(None)
}

/// Deletes the routes to `destination` in all tables of a VPC.
pub async fn delete_in_vpc(tx: &Tx, vpc_id: &str, destination: &str) -> Outcome<()> {
    let in_vpc = route::Entity::delete_many().filter(route::Column::RouteTableId.in_subquery(tables_of(vpc_id)));
    in_vpc.filter(route::Column::Destination.eq(destination)).exec(tx.db()).await?;
    Ok(())
}

fn tables_of(vpc_id: &str) -> sea_orm::sea_query::SelectStatement {
    let tables = route_table::Entity::find().select_only().column(route_table::Column::RouteTableId);
    tables.filter(route_table::Column::VpcId.eq(vpc_id)).into_query()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_within_the_vpc_is_a_whole_subnet() {
        let net = |text: &str| text.parse::<Ipv4Net>().expect("a net");
        let (vpc, subnets) = ([net("10.0.0.0/16"), net("10.1.0.0/24")], [net("10.0.1.0/24")]);
        let place = |text: &str| destination(text, &vpc, &subnets).map(|(to, place)| (to.to_string(), place)).map_err(|fault| fault.code);
        let is = |to: &str, place| Ok((to.to_owned(), place));
        assert_eq!(place("10.0.0.0/16"), is("10.0.0.0/16", Place::Vpc));
        assert_eq!(place("10.1.0.9/24"), is("10.1.0.0/24", Place::Vpc), "host bits are cleared");
        assert_eq!(place("10.0.1.0/24"), is("10.0.1.0/24", Place::Subnet));
        for wide in ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/15", "192.168.0.1/32", "169.254.0.0/16"] {
            assert_eq!(place(wide).map(|(_, place)| place), Ok(Place::Elsewhere), "{wide}");
        }
        for text in ["10.0.2.0/24", "10.0.1.0/25", "10.0.0.0/17", "169.254.169.254/32", "10.0.0.0", "10.0.0.0/33"] {
            assert_eq!(place(text), Err(ErrorCode::InvalidParameterValue), "{text}");
        }
    }

    #[test]
    fn a_target_is_told_by_its_id() {
        assert_eq!(Target::of("eni-0123456789abcdef0"), Target::Interface);
        assert_eq!(Target::of("igw-0123456789abcdef0"), Target::Gateway);
    }
}
