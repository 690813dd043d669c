//! Where a launch goes in the network: a subnet and its security groups.

use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use super::interfaces;
use super::request::{Asked, invalid};
use crate::ec2::hostname;
use crate::ec2::resolve::{SECURITY_GROUP, SUBNET};
use crate::network::default;
use crate::store::{Failure, Outcome, Tx, network_interface, security_group, subnet};

/// EC2's default quota.
const MOST_GROUPS: usize = 5;

/// A subnet with the groups that the instance's interface gets.
pub struct Network {
    pub subnet: subnet::Model,
    /// The primary interface, where it is there already.
    pub primary: Option<network_interface::Model>,
    pub group_ids: Vec<String>,
    pub public_address: bool,
    /// How it is called there.
    pub hostname: hostname::Options,
}

/// The networks that a request allows, in order of preference: the subnet it names, or the default subnets of the zones it allows.
pub async fn candidates(tx: &Tx, asked: &Asked) -> Outcome<Vec<Network>> {
    let primary = match &asked.primary().existing {
        Some(id) => Some(interfaces::free(tx, id).await?),
        None => None,
    };
    let named_subnet = primary.as_ref().map(|row| &row.subnet_id).or(asked.primary().subnet_id.as_ref());
    let subnets = match named_subnet {
        Some(id) => vec![named(tx, id, asked).await?],
        None => default_subnets(tx, asked).await?,
    };
    let Some(first) = subnets.first() else { return Err(no_default_subnet(asked).into()) };
    let group_ids = if primary.is_some() { Vec::new() } else { groups(tx, asked, &first.vpc_id).await? };
    let network = |subnet: subnet::Model| {
        Ok(Network {
            public_address: primary.is_none() && asked.wants_public_address(&subnet),
            primary: primary.clone(),
            group_ids: group_ids.clone(),
            hostname: hostname::Options::from(&subnet).with(asked.hostname.clone())?,
            subnet,
        })
    };
    subnets.into_iter().map(network).collect()
}

async fn named(tx: &Tx, id: &str, asked: &Asked) -> Outcome<subnet::Model> {
    let row = SUBNET.own::<subnet::Entity>(tx, id).await?;
    match &asked.availability_zone {
        Some(zone) if *zone != row.availability_zone => {
            let message = format!("The subnet '{id}' is in {}, not in the requested Availability Zone {zone}.", row.availability_zone);
            Err(invalid(message).into())
        }
        _ => Ok(row),
    }
}

async fn default_subnets(tx: &Tx, asked: &Asked) -> Outcome<Vec<subnet::Model>> {
    use subnet::{Column, Entity};
    let Some(vpc) = default::of_account(tx).await? else { return Ok(Vec::new()) };
    let mut subnets = Entity::find()
        .filter(Column::VpcId.eq(vpc.vpc_id))
        .filter(Column::DefaultForAz.eq(true))
        .order_by_asc(Column::AvailabilityZone)
        .all(tx.db())
        .await?;
    subnets.retain(|subnet| asked.availability_zone.as_ref().is_none_or(|zone| *zone == subnet.availability_zone));
    if let Some(address) = asked.primary().addresses.primary.as_ref().and_then(|address| address.parse::<std::net::Ipv4Addr>().ok()) {
        // An address chosen by the client chooses the subnet, where one has it; otherwise the first one says what is wrong.
        let has_it = |subnet: &subnet::Model| subnet.cidr_block.parse::<ipnet::Ipv4Net>().is_ok_and(|net| net.contains(&address));
        if subnets.iter().any(has_it) {
            subnets.retain(has_it);
        }
    }
    Ok(subnets)
}

fn no_default_subnet(asked: &Asked) -> Fault {
    match &asked.availability_zone {
        Some(zone) => invalid(format!("There is no default subnet in {zone}. Name a subnet.")),
        None => Fault::new(ErrorCode::VpcIdNotSpecified, "No default VPC for this user. Name a subnet."),
    }
}

async fn groups(tx: &Tx, asked: &Asked, vpc_id: &str) -> Outcome<Vec<String>> {
    let mut wanted = groups_by_id(tx, &asked.primary().group_ids, vpc_id).await?;
    for name in &asked.group_names {
        wanted.push(by_name(tx, name, vpc_id).await?);
    }
    if wanted.is_empty() {
        wanted.push(by_name(tx, "default", vpc_id).await?);
    }
    within_limit(wanted)
}

/// The groups that a client names by their ids for an interface in a VPC; the VPC's default group where it names none.
pub async fn groups_or_default(tx: &Tx, ids: &[String], vpc_id: &str) -> Outcome<Vec<String>> {
    if ids.is_empty() { Ok(vec![by_name(tx, "default", vpc_id).await?]) } else { groups_by_id(tx, ids, vpc_id).await }
}

/// The groups of a VPC that are named by their ids, each once.
pub async fn groups_by_id(tx: &Tx, ids: &[String], vpc_id: &str) -> Outcome<Vec<String>> {
    let mut wanted = Vec::new();
    for id in ids {
        wanted.push(by_id(tx, id, vpc_id).await?);
    }
    within_limit(wanted)
}

fn within_limit(mut wanted: Vec<String>) -> Outcome<Vec<String>> {
    wanted.sort();
    wanted.dedup();
    if wanted.len() > MOST_GROUPS {
        let message = format!("You have exceeded the number of security groups allowed per network interface ({MOST_GROUPS}).");
        return Err(Failure::refuse(ErrorCode::SecurityGroupsPerInterfaceLimitExceeded, message));
    }
    Ok(wanted)
}

async fn by_id(tx: &Tx, id: &str, vpc_id: &str) -> Outcome<String> {
    let row = SECURITY_GROUP.own::<security_group::Entity>(tx, id).await?;
    if row.vpc_id != vpc_id {
        let message = format!("Security group {id} and the subnet belong to different networks.");
        return Err(Failure::refuse(ErrorCode::InvalidParameter, message));
    }
    Ok(row.group_id)
}

async fn by_name(tx: &Tx, name: &str, vpc_id: &str) -> Outcome<String> {
    let in_vpc = security_group::Entity::find().filter(security_group::Column::VpcId.eq(vpc_id));
    let found = in_vpc.filter(security_group::Column::GroupName.eq(name)).one(tx.db()).await?;
    found.map(|group| group.group_id).ok_or_else(|| {
        let message = format!("The security group '{name}' does not exist in VPC '{vpc_id}'");
        Failure::refuse(ErrorCode::InvalidGroupNotFound, message)
    })
}
