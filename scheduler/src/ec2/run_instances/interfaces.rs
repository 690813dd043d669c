//! The interfaces of a launch: its primary one and further ones, each made with it or there before.

use std::collections::BTreeSet;

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::network::groups_or_default;
use super::request::{Asked, combination, given, invalid};
use crate::ec2::attach_network_interface::{LAST_INDEX, most, same_network};
use crate::ec2::network_interfaces::{AddressesAsked, description, in_use, within_limit};
use crate::ec2::resolve::{NETWORK_INTERFACE, SUBNET};
use crate::network::interface;
use crate::store::{Outcome, Tx, network_interface, subnet};

/// One that is asked for.
#[derive(Clone, Debug)]
pub struct InterfaceAsked {
    pub device_index: i32,
    pub delete_on_termination: bool,
    /// One that is there.
    pub existing: Option<String>,
    pub subnet_id: Option<String>,
    pub group_ids: Vec<String>,
    pub description: String,
    pub addresses: AddressesAsked,
    pub associate_public_ip_address: Option<bool>,
}

/// The primary one of a request that names none.
impl Default for InterfaceAsked {
    fn default() -> Self {
        Self {
            device_index: 0,
            delete_on_termination: true,
            existing: None,
            subnet_id: None,
            group_ids: Vec::new(),
            description: String::new(),
            addresses: AddressesAsked::default(),
            associate_public_ip_address: None,
        }
    }
}

/// What a request says of interfaces, the primary one first.
pub fn read(given: &[ec2::InstanceNetworkInterfaceSpecification]) -> Result<Vec<InterfaceAsked>, Fault> {
    let mut asked = given.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    asked.sort_by_key(|one| one.device_index);
    let indices: BTreeSet<i32> = asked.iter().map(|one| one.device_index).collect();
    if indices.len() != asked.len() {
        return Err(invalid("Each network interface requires a device index of its own."));
    }
    if asked.first().is_some_and(|first| first.device_index != 0) {
        return Err(invalid("When specifying network interfaces, one of them must have the device index 0."));
    }
    let public = asked.iter().any(|one| one.associate_public_ip_address.is_some());
    if public && asked.len() > 1 {
        let message = "The associatePublicIPAddress parameter cannot be specified when launching with multiple network interfaces.";
        return Err(combination(message));
    }
    Ok(asked)
}

fn one(specification: &ec2::InstanceNetworkInterfaceSpecification) -> Result<InterfaceAsked, Fault> {
    let existing = given(specification.network_interface_id.as_ref());
    let device_index = specification.device_index.unwrap_or_default();
    if !(0..=LAST_INDEX).contains(&device_index) {
        return Err(invalid(format!("Value ({device_index}) for parameter deviceIndex is invalid. It is 0 to {LAST_INDEX}.")));
    }
    let (listed, drawn) = (&specification.private_ip_addresses, specification.secondary_private_ip_address_count);
    let asked = InterfaceAsked {
        device_index,
        delete_on_termination: specification.delete_on_termination.unwrap_or(existing.is_none()),
        subnet_id: given(specification.subnet_id.as_ref()),
        group_ids: specification.groups.clone(),
        description: description(specification.description.as_deref())?.to_owned(),
        addresses: AddressesAsked::read(specification.private_ip_address.as_ref(), listed, drawn)?,
        associate_public_ip_address: specification.associate_public_ip_address,
        existing,
    };
    if let Some(id) = asked.existing.as_ref().filter(|_| asked.says_more()) {
        let message = format!("A network interface that is there ({id}) comes as it is. Leave out what only a new one can be given.");
        return Err(combination(message));
    }
    Ok(asked)
}

impl InterfaceAsked {
    /// Whether it is of one instance alone.
    pub fn is_particular(&self) -> bool {
        self.existing.is_some() || self.addresses.names_any()
    }

    /// What only a new one can be given.
    fn says_more(&self) -> bool {
        let of_addresses = self.addresses.names_any() || self.addresses.secondary().count() > 0;
        let of_network = self.subnet_id.is_some() || !self.group_ids.is_empty() || self.associate_public_ip_address.is_some();
        of_addresses || of_network || !self.description.is_empty() || self.delete_on_termination
    }
}

/// One of a launch, with what it names.
pub struct Planned {
    pub asked: InterfaceAsked,
    pub existing: Option<network_interface::Model>,
    /// Of a new one.
    pub subnet: subnet::Model,
    pub group_ids: Vec<String>,
}

/// An interface that is there and free.
pub async fn free(tx: &Tx, id: &str) -> Outcome<network_interface::Model> {
    let row = NETWORK_INTERFACE.own::<network_interface::Entity>(tx, id).await?;
    if in_use(tx, id).await? {
        return Err(Fault::new(ErrorCode::InvalidNetworkInterfaceInUse, format!("Interface: [{id}] in use.")).into());
    }
    Ok(row)
}

/// Those beyond the primary one, which is in `primary`: all are in its VPC and zone.
pub async fn further(tx: &Tx, asked: &Asked, primary: &subnet::Model) -> Outcome<Vec<Planned>> {
    let mut planned = Vec::new();
    for one in asked.interfaces.iter().skip(1) {
        let existing = match &one.existing {
            Some(id) => Some(free(tx, id).await?),
            None => None,
        };
        let subnet_id = existing.as_ref().map(|row| &row.subnet_id).or(one.subnet_id.as_ref());
        let subnet = match subnet_id {
            Some(id) => SUBNET.own::<subnet::Entity>(tx, id).await?,
            None => primary.clone(),
        };
        same_network((&subnet.availability_zone, &subnet.vpc_id), (&primary.availability_zone, &primary.vpc_id))?;
        let group_ids = if existing.is_some() { Vec::new() } else { groups_or_default(tx, &one.group_ids, &subnet.vpc_id).await? };
        planned.push(Planned { asked: one.clone(), existing, subnet, group_ids });
    }
    Ok(planned)
}

/// That the type has room for all of them and their addresses.
pub async fn room(tx: &Tx, asked: &Asked) -> Outcome<()> {
    let (count, most) = (asked.interfaces.len(), most(tx, &asked.instance_type));
    if count > most {
        let message = format!("Interface count {count} exceeds the limit for {}, which is {most}.", asked.instance_type);
        return Err(Fault::new(ErrorCode::AttachmentLimitExceeded, message).into());
    }
    for one in &asked.interfaces {
        let addresses = match &one.existing {
            Some(id) => interface::addresses(tx, id).await?.len(),
            None => 1 + one.addresses.secondary().count(),
        };
        within_limit(tx, Some(&asked.instance_type), addresses)?;
    }
    Ok(())
}
