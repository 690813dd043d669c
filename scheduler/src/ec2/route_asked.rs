//! What CreateRoute and ReplaceRoute say of a route: a table, a destination, and exactly one target.

use freehold_proto::ErrorCode;
use freehold_proto::aws::ec2;

use super::chosen_instances;
use super::message::missing;
use super::resolve::{NETWORK_INTERFACE, ROUTE_TABLE, VPC_PEERING_CONNECTION};
use super::route_destination::{self, Destination};
use super::run_instances::{combination, invalid};
use crate::network::nat::state::STANDING;
use crate::network::peering::status;
use crate::network::route::{Place, Target, only_an_interface};
use crate::store::{Failure, Outcome, Tx, internet_gateway, nat_gateway, network_interface, route_table};

/// A route as it is asked for, which its VPC can have.
pub struct Asked {
    pub table: route_table::Model,
    pub destination: Destination,
    pub place: Place,
    /// The id of a gateway or an interface; none for the VPC's own way.
    pub target: Option<String>,
}

/// What a request gives.
pub struct Given<'a> {
    pub route_table_id: &'a str,
    pub block: Option<&'a str>,
    pub list: Option<&'a str>,
    /// By parameter.
    targets: Vec<(&'static str, &'a str)>,
}

/// EC2's word for the VPC's own way.
const LOCAL: &str = "local";

macro_rules! given {
    ($request:ident) => {
        impl<'a> From<&'a ec2::$request> for Given<'a> {
            fn from(request: &'a ec2::$request) -> Self {
                let all = [
                    ("gatewayId", &request.gateway_id),
                    ("instanceId", &request.instance_id),
                    ("natGatewayId", &request.nat_gateway_id),
                    ("networkInterfaceId", &request.network_interface_id),
                    ("vpcPeeringConnectionId", &request.vpc_peering_connection_id),
                ];
                let given = all.into_iter().filter_map(|(name, id)| Some((name, id.as_deref().filter(|id| !id.is_empty())?)));
                let (block, list) = (request.destination_cidr_block.as_deref(), request.destination_prefix_list_id.as_deref());
                Self { route_table_id: &request.route_table_id, block, list, targets: given.collect() }
            }
        }
    };
}
given!(CreateRouteRequest);
given!(ReplaceRouteRequest);

impl Given<'_> {
    /// What ReplaceRoute says by a flag.
    pub fn or_local(mut self, local: bool) -> Self {
        self.targets.extend(local.then_some(("gatewayId", LOCAL)));
        self
    }

    pub async fn read(self, tx: &Tx) -> Outcome<Asked> {
        if self.route_table_id.is_empty() {
            return Err(missing("routeTableId").into());
        }
        let destination = route_destination::Given::of(self.block, self.list)?;
        let table = ROUTE_TABLE.own::<route_table::Entity>(tx, self.route_table_id).await?;
        let (destination, place) = destination.read(tx, &table).await?;
        let target = match self.targets.as_slice() {
            [(parameter, id)] => target(tx, &table, parameter, id).await?,
            [] => return Err(missing("gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId or instanceId").into()),
            _ => {
                let one_of = "gatewayId, natGatewayId, networkInterfaceId, vpcPeeringConnectionId, instanceId";
                return Err(combination(format!("The request must contain exactly one of {one_of}")).into());
            }
        };
        if place != Place::Elsewhere && target.as_deref().is_some_and(|id| matches!(Target::of(id), Target::Gateway | Target::Peering)) {
            return Err(only_an_interface(&destination).into());
        }
        if place != Place::Vpc && target.is_none() {
            return Err(invalid(format!("The route to {destination} cannot be local: that is for the VPC's own CIDR blocks.")).into());
        }
        Ok(Asked { table, destination, place, target })
    }
}

async fn target(tx: &Tx, table: &route_table::Model, parameter: &str, id: &str) -> Outcome<Option<String>> {
    match parameter {
        "gatewayId" if id == LOCAL => Ok(None),
        "gatewayId" => gateway(tx, table, id).await.map(Some),
        "natGatewayId" => nat_gateway(tx, table, id).await.map(Some),
        "vpcPeeringConnectionId" => peering(tx, table, id).await.map(Some),
        "instanceId" => {
            let interface = chosen_instances::only_interface(tx, id).await?;
            in_vpc(tx, table, &interface).await.map(Some)
        }
        _ => in_vpc(tx, table, id).await.map(Some),
    }
}

/// There are internet gateways only; EC2 has one code for what is no gateway and for what is none of the caller's.
async fn gateway(tx: &Tx, table: &route_table::Model, id: &str) -> Outcome<String> {
    use sea_orm::EntityTrait as _;
    let absent = || Failure::refuse(ErrorCode::InvalidGatewayIdNotFound, format!("The gateway ID '{id}' does not exist"));
    if !Target::is_internet_gateway(id) {
        return Err(absent());
    }
    let row = internet_gateway::Entity::find_by_id(id).one(tx.db()).await?;
    let row = row.filter(|row| row.account_id == tx.account()).ok_or_else(absent)?;
    if row.vpc_id.as_ref() != Some(&table.vpc_id) {
        let message = format!("route table {} and network gateway {id} belong to different networks", table.route_table_id);
        return Err(invalid(message).into());
    }
    Ok(row.internet_gateway_id)
}

/// A NAT gateway in the table's VPC. One that goes or has gone is as absent as what never was.
async fn nat_gateway(tx: &Tx, table: &route_table::Model, id: &str) -> Outcome<String> {
    use sea_orm::EntityTrait as _;
    let row = nat_gateway::Entity::find_by_id(id).one(tx.db()).await?;
    let row = row.filter(|row| row.account_id == tx.account() && STANDING.contains(&row.state.as_str()));
    let absent = || Failure::refuse(ErrorCode::InvalidNatGatewayIdNotFound, format!("The natGateway ID '{id}' does not exist"));
    let row = row.ok_or_else(absent)?;
    if row.vpc_id != table.vpc_id {
        return Err(invalid(format!("route table {} and nat gateway {id} belong to different networks", table.route_table_id)).into());
    }
    Ok(row.nat_gateway_id)
}

/// A connection of the table's VPC that stands; one that is not accepted yet leads nowhere until it is.
async fn peering(tx: &Tx, table: &route_table::Model, id: &str) -> Outcome<String> {
    let row = super::peering::find(tx, Some(id)).await?;
    if !status::STANDING.contains(&row.status.as_str()) {
        return Err(VPC_PEERING_CONNECTION.absent(id).into());
    }
    if ![&row.requester_vpc_id, &row.accepter_vpc_id].contains(&&table.vpc_id) {
        let message = format!("route table {} and peering connection {id} belong to different networks", table.route_table_id);
        return Err(invalid(message).into());
    }
    Ok(row.vpc_peering_connection_id)
}

/// An interface in the table's VPC.
async fn in_vpc(tx: &Tx, table: &route_table::Model, id: &str) -> Outcome<String> {
    let row = NETWORK_INTERFACE.own::<network_interface::Entity>(tx, id).await?;
    if row.vpc_id != table.vpc_id {
        return Err(invalid(format!("route table {} and interface {id} belong to different networks", table.route_table_id)).into());
    }
    Ok(row.network_interface_id)
}
