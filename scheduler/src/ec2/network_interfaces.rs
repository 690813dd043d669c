//! What the actions of network interfaces share.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::EntityTrait;

use super::message::missing;
use super::resolve::NETWORK_INTERFACE;
use super::run_instances::{combination, invalid};
use crate::network::interface::Secondary;
use crate::network::{interface, nat};
use crate::store::{Failure, Outcome, Tx, instance, network_interface};

const LONGEST_DESCRIPTION: usize = 255;

/// The caller's interface of an id.
pub async fn named(tx: &Tx, id: &str) -> Outcome<network_interface::Model> {
    if id.is_empty() {
        return Err(missing("networkInterfaceId").into());
    }
    NETWORK_INTERFACE.own::<network_interface::Entity>(tx, id).await
}

/// The caller's interface of an id, if it is the caller's to change: a NAT gateway's goes with the gateway, and changes with nothing.
pub async fn changeable(tx: &Tx, id: &str) -> Outcome<network_interface::Model> {
    let row = named(tx, id).await?;
    unmanaged(tx, &row.network_interface_id).await?;
    Ok(row)
}

/// Whether an instance or a NAT gateway has it.
pub async fn in_use(tx: &Tx, id: &str) -> Outcome<bool> {
    Ok(interface::attachment(tx, id).await?.is_some() || nat::of_interface(tx, id).await?.is_some())
}

/// Refuses an interface that is a NAT gateway's.
pub async fn unmanaged(tx: &Tx, id: &str) -> Outcome<()> {
    match nat::of_interface(tx, id).await? {
        Some(gateway) => {
            let message = format!("The network interface '{id}' is {}'s, and changes with that alone.", gateway.nat_gateway_id);
            Err(Failure::refuse(ErrorCode::OperationNotPermitted, message))
        }
        None => Ok(()),
    }
}

/// The addresses that a new interface is asked to have.
#[derive(Clone, Debug, Default)]
pub struct AddressesAsked {
    pub primary: Option<String>,
    named: Vec<String>,
    drawn: usize,
}

impl AddressesAsked {
    pub fn read(primary: Option<&String>, listed: &[ec2::PrivateIpAddressSpecification], drawn: Option<i32>) -> Result<Self, Fault> {
        let mut primary = primary.cloned().filter(|address| !address.is_empty());
        let mut named = Vec::new();
        for given in listed {
            let address = given.private_ip_address.clone().filter(|address| !address.is_empty());
            let address = address.ok_or_else(|| missing("privateIpAddresses.privateIpAddress"))?;
            match (given.primary, &primary) {
                (Some(true), Some(_)) => return Err(combination("Only one primary private IP address can be specified.")),
                (Some(true), None) => primary = Some(address),
                _ => named.push(address),
            }
        }
        if drawn.is_some() && !named.is_empty() {
            let message =
                "The parameter secondaryPrivateIpAddressCount cannot be used with secondary private IP addresses. Give one of the two.";
            return Err(combination(message));
        }
        let drawn = drawn.unwrap_or_default();
        let drawn = usize::try_from(drawn)
            .map_err(|_| invalid(format!("Value ({drawn}) for parameter secondaryPrivateIpAddressCount is invalid.")))?;
        Ok(Self { primary, named, drawn })
    }

    pub fn secondary(&self) -> Secondary<'_> {
        if self.named.is_empty() { Secondary::Drawn(self.drawn) } else { Secondary::Named(&self.named) }
    }

    /// Whether any of them can be one interface's only.
    pub fn names_any(&self) -> bool {
        self.primary.is_some() || !self.named.is_empty()
    }
}

/// A description, checked.
pub fn description(text: Option<&str>) -> Result<&str, Fault> {
    let text = text.unwrap_or_default();
    if text.chars().count() > LONGEST_DESCRIPTION {
        return Err(invalid(format!("The description of a network interface has at most {LONGEST_DESCRIPTION} characters.")));
    }
    Ok(text)
}

/// The type of the instance that an interface is attached to.
pub async fn instance_type(tx: &Tx, id: &str) -> Outcome<Option<String>> {
    let Some(attachment) = interface::attachment(tx, id).await? else { return Ok(None) };
    let row = instance::Entity::find_by_id(attachment.instance_id).one(tx.db()).await?;
    Ok(row.map(|row| row.instance_type))
}

/// An interface has as many private addresses as the type of its instance takes; one of no instance as many as any type does.
pub fn within_limit(tx: &Tx, instance_type: Option<&str>, addresses: usize) -> Result<(), Fault> {
    let types = &tx.settings().catalogue;
    let of_type = instance_type.and_then(|name| types.get(name)).map(|entry| entry.addresses_per_interface);
    let most = of_type.or_else(|| types.iter().map(|entry| entry.addresses_per_interface).max()).unwrap_or(1);
    if addresses <= usize::try_from(most).unwrap_or(usize::MAX) {
        return Ok(());
    }
    let of = instance_type.map_or_else(String::new, |name| format!(" of a {name}"));
    let message = format!("A network interface{of} has at most {most} private IP addresses; {addresses} are asked for.");
    Err(Fault::new(ErrorCode::PrivateIpAddressLimitExceeded, message))
}
