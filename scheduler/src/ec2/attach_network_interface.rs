//! `AttachNetworkInterface`: to an instance that runs or is stopped, as one of its further devices.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::message::missing;
use super::network_interfaces::{in_use, named, within_limit};
use super::resolve::INSTANCE;
use super::run_instances::{combination, invalid};
use crate::engine::Command;
use crate::lifecycle::step::State;
use crate::network::{attachment, interface};
use crate::store::{Outcome, Tx, instance, network_interface_attachment};

/// A machine's slots for what comes while it runs, and its primary interface.
const MOST: u32 = 8;
/// The greatest device index.
pub const LAST_INDEX: i32 = 31;

impl Command for ec2::AttachNetworkInterfaceRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::AttachmentLimitExceeded,
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidNetworkInterfaceInUse,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::PrivateIpAddressLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AttachNetworkInterfaceResult> {
        if self.instance_id.is_empty() {
            return Err(missing("instanceId").into());
        }
        let interface = named(tx, &self.network_interface_id).await?;
        let instance = INSTANCE.own::<instance::Entity>(tx, &self.instance_id).await?;
        takes(&instance)?;
        if in_use(tx, &interface.network_interface_id).await? {
            let message = format!("Interface: [{}] in use.", interface.network_interface_id);
            return Err(Fault::new(ErrorCode::InvalidNetworkInterfaceInUse, message).into());
        }
        same_network((&interface.availability_zone, &interface.vpc_id), (&instance.availability_zone, &instance.vpc_id))?;
        room(tx, &instance, self.device_index).await?;
        let addresses = interface::addresses(tx, &interface.network_interface_id).await?.len();
        within_limit(tx, Some(&instance.instance_type), addresses)?;
        let attachment_id = attachment::attach(tx, &interface, instance, self.device_index).await?;
        Ok(ec2::AttachNetworkInterfaceResult { attachment_id: Some(attachment_id), network_card_index: Some(0) })
    }
}

fn takes(instance: &instance::Model) -> Result<(), Fault> {
    if matches!(instance.state()?, State::Running | State::Stopped) {
        return Ok(());
    }
    let message = format!(
        "Instance '{}' is {} and takes no network interface: wait until it is running or stopped.",
        instance.instance_id, instance.state
    );
    Err(Fault::new(ErrorCode::IncorrectInstanceState, message))
}

/// Both a zone and a VPC.
pub fn same_network(interface: (&str, &str), instance: (&str, &str)) -> Result<(), Fault> {
    if interface.0 != instance.0 {
        return Err(combination("You may not attach a network interface to an instance if they are not in the same availability zone"));
    }
    if interface.1 != instance.1 {
        let message = format!(
            "The network interface is in {}, and the instance in {}. Attach one of the instance's own VPC.",
            interface.1, instance.1
        );
        return Err(combination(message));
    }
    Ok(())
}

/// As many interfaces as an instance of a type has room for.
pub fn most(tx: &Tx, instance_type: &str) -> usize {
    let of_type = tx.settings().catalogue.get(instance_type).map_or(1, |entry| entry.interfaces);
    usize::try_from(of_type.min(MOST)).unwrap_or(usize::MAX)
}

/// That the type has room for one more, and that the index is free.
async fn room(tx: &Tx, instance: &instance::Model, index: i32) -> Outcome<()> {
    use network_interface_attachment::{Column, Entity};
    if !(0..=LAST_INDEX).contains(&index) {
        return Err(invalid(format!("Value ({index}) for parameter deviceIndex is invalid. It is 1 to {LAST_INDEX}.")).into());
    }
    let there = Entity::find().filter(Column::InstanceId.eq(&instance.instance_id)).all(tx.db()).await?;
    if there.iter().any(|row| row.device_index == index) {
        let message = format!("Instance '{}' already has an interface attached at device index '{index}'.", instance.instance_id);
        return Err(invalid(message).into());
    }
    let most = most(tx, &instance.instance_type);
    if there.len() >= most {
        let message = format!("Interface count {} exceeds the limit for {}, which is {most}.", there.len() + 1, instance.instance_type);
        return Err(Fault::new(ErrorCode::AttachmentLimitExceeded, message).into());
    }
    Ok(())
}
