//! `freehold net`: what hosts are told of their network. The plans are made of it by whoever asks, so that a host need not be there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use freehold_proto::ErrorCode;
use freehold_proto::internal::host::route_desired::Target;
use freehold_proto::internal::host::{InstanceDesired, Metadata, ToAgent, VpcDesired, to_agent};
use freehold_proto::internal::operator as proto;
use prost::Message;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{hosts, timestamp};
use crate::hosts::elsewhere::Said;
use crate::hosts::{desired, gateways};
use crate::network::nat::state::STANDING;
use crate::network::peering::with_peers_in;
use crate::network::pool;
use crate::store::read::chosen;
use crate::store::{
    Failure, Outcome, Select, Store, host, instance, nat_gateway, network_interface_attachment, private_address, public_address,
};

/// The host that is meant, and those of the endpoints.
pub async fn read(store: &Store, request: &proto::ReadNetworkRequest) -> Outcome<Vec<proto::HostNetwork>> {
    let mut networks = BTreeMap::new();
    if !request.host.is_empty() {
        let row = hosts::find(store.reader(), &request.host).await?;
        networks.insert(row.host_id.clone(), network(store, row).await?);
    }
    let mut wanted = of_endpoints(store, &request.endpoints).await?;
    // Routes lead to interfaces on further hosts, those of whose routes lead nowhere new.
    while let Some(host_id) = wanted.pop_first() {
        if networks.contains_key(&host_id) {
            continue;
        }
        // One that was given up has no row any more.
        let Some(row) = host::Entity::find_by_id(&host_id).one(store.reader()).await? else { continue };
        let network = network(store, row).await?;
        wanted.extend(of_interfaces(store, network.routers.clone()).await?.into_iter().filter_map(|row| row.host_id));
        networks.insert(host_id, network);
    }
    Ok(networks.into_values().map(|network| network.told).collect())
}

struct Network {
    told: proto::HostNetwork,
    /// Interfaces that routes lead to.
    routers: Vec<String>,
}

async fn network(store: &Store, row: host::Model) -> Outcome<Network> {
    let (db, settings) = (store.reader(), store.settings());
    let instances = desired::instances(db, settings, &row.host_id, &Select::All).await?;
    let gateways = gateways::desired(db, &row.host_id, &Select::All).await?;
    let of_instances = instances.iter().flat_map(|one| &one.interfaces);
    let vpc_ids: BTreeSet<String> =
        of_instances.chain(gateways.iter().filter_map(|one| one.interface.as_ref())).map(|one| one.vpc_id.clone()).collect();
    let vpc_ids = with_peers_in(&store.world().rows(), vpc_ids);
    let said = Said::nothing(&row.host_id, row.tunnel_address.is_empty());
    let mut statements: Vec<to_agent::Kind> = instances.into_iter().map(|one| to_agent::Kind::Instance(names_only(one))).collect();
    statements.extend(gateways.into_iter().map(to_agent::Kind::NatGateway));
    let mut routers = Vec::new();
    for vpc_id in vpc_ids {
        let Some(vpc) = desired::vpc(db, settings, &vpc_id).await? else { continue };
        routers.extend(targets(&vpc));
        statements.push(to_agent::Kind::Vpc(vpc));
        for group_id in desired::group_ids(db, &vpc_id).await? {
            let group = desired::security_group(db, &group_id).await?;
            statements.extend(group.map(to_agent::Kind::SecurityGroup));
        }
        let elsewhere = said.of_vpc(&store.world().rows(), &vpc_id);
        statements.extend(elsewhere.into_iter().map(to_agent::Kind::InterfaceElsewhere));
    }
    statements.extend(said.public(&store.world().rows()).into_iter().map(to_agent::Kind::PublicAddressElsewhere));
    statements.extend(said.translated(pool::translated(db).await?).into_iter().map(to_agent::Kind::TranslatedBlock));
    let statements = statements.into_iter().map(|kind| ToAgent { kind: Some(kind), ..ToAgent::default() }.encode_to_vec().into());
    let told = proto::HostNetwork {
        host_id: row.host_id,
        hostname: row.hostname,
        connected: row.connected,
        last_seen: Some(timestamp(row.last_seen)),
        statements: statements.collect(),
    };
    Ok(Network { told, routers })
}

/// User data and keys are none of the network's.
fn names_only(instance: InstanceDesired) -> InstanceDesired {
    let metadata = instance.metadata.map(|stated| Metadata { private_dns_name: stated.private_dns_name, ..Metadata::default() });
    InstanceDesired { metadata, ..instance }
}

fn targets(vpc: &VpcDesired) -> impl Iterator<Item = String> {
    let targets = vpc.route_tables.iter().flat_map(|table| &table.routes).filter_map(|route| match &route.target {
        Some(Target::NetworkInterface(interface)) => Some(interface.network_interface_id.clone()),
        _ => None,
    });
    targets.collect::<BTreeSet<_>>().into_iter()
}

/// The hosts of what is named by id; then those of the addresses, in the VPCs of the others where there are others.
async fn of_endpoints(store: &Store, endpoints: &[String]) -> Outcome<BTreeSet<String>> {
    let (addresses, ids): (Vec<String>, Vec<String>) = endpoints.iter().cloned().partition(|text| text.parse::<Ipv4Addr>().is_ok());
    let mut rows = Vec::new();
    for id in ids {
        let found = match id.split_once('-') {
            Some(("i", _)) => instance::Entity::find_by_id(&id).all(store.reader()).await?.into_iter().map(Place::from).collect(),
            Some(("eni", _)) => of_interfaces(store, vec![id.clone()]).await?,
            _ => return Err(refuse(format!("'{id}' is no instance (i-…), no network interface (eni-…) and no IPv4 address."))),
        };
        if found.is_empty() {
            return Err(refuse(format!("There is no '{id}' on any host.")));
        }
        rows.extend(found);
    }
    let vpcs: BTreeSet<String> = rows.iter().map(|row| row.vpc_id.clone()).collect();
    let public =
        public_address::Entity::find().filter(public_address::Column::Address.is_in(addresses.clone())).all(store.reader()).await?;
    rows.extend(of_interfaces(store, public.into_iter().map(|row| row.network_interface_id).collect()).await?);
    let private = private_address::Entity::find().filter(private_address::Column::Address.is_in(addresses)).all(store.reader()).await?;
    let private = of_interfaces(store, private.into_iter().map(|row| row.network_interface_id).collect()).await?;
    rows.extend(private.into_iter().filter(|row| vpcs.is_empty() || vpcs.contains(&row.vpc_id)));
    Ok(rows.into_iter().filter_map(|row| row.host_id).collect())
}

/// Where something is.
struct Place {
    vpc_id: String,
    host_id: Option<String>,
}

impl From<instance::Model> for Place {
    fn from(row: instance::Model) -> Self {
        Self { vpc_id: row.vpc_id, host_id: row.host_id }
    }
}

/// Where the instances are that these are attached to, and the NAT gateways that they are of.
async fn of_interfaces(store: &Store, ids: Vec<String>) -> Outcome<Vec<Place>> {
    use network_interface_attachment::{Column, Entity};
    let gateways = nat_gateway::Entity::find().filter(nat_gateway::Column::NetworkInterfaceId.is_in(ids.clone()));
    let gateways = gateways.filter(nat_gateway::Column::State.is_in(STANDING)).all(store.reader()).await?;
    let attached = chosen(store.reader(), Entity::find(), Column::NetworkInterfaceId, &Select::Ids(ids)).await?;
    let instances = Select::Ids(attached.into_iter().map(|row| row.instance_id).collect());
    let instances = chosen(store.reader(), instance::Entity::find(), instance::Column::InstanceId, &instances).await?;
    let gateways = gateways.into_iter().map(|row| Place { vpc_id: row.vpc_id, host_id: row.host_id });
    Ok(instances.into_iter().map(Place::from).chain(gateways).collect())
}

fn refuse(message: String) -> Failure {
    Failure::refuse(ErrorCode::InvalidParameterValue, message)
}
