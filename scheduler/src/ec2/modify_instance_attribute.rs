//! `ModifyInstanceAttribute`: one attribute of one instance, given as a member of its own or by its name and value.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::chosen_instances;
use super::instance_groups;
use super::message::missing;
use super::run_instances::{invalid, shutdown_behavior, user_data};
use crate::addresses;
use crate::engine::Command;
use crate::lifecycle::step::ShutdownBehavior;
use crate::lifecycle::transition::{save, save_restated};
use crate::store::{Failure, Kind, Outcome, Tx, instance, network_interface, volume_attachment};

impl Command for ec2::ModifyInstanceAttributeRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidInstanceAttributeValue,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidParameter,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidUserDataMalformed,
        ErrorCode::MissingParameter,
        ErrorCode::SecurityGroupsPerInterfaceLimitExceeded,
        ErrorCode::UnsupportedOperation,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        let change = Change::read(&self)?;
        let row = chosen_instances::lasting(tx, &self.instance_id).await?;
        change.make(tx, row).await
    }
}

/// What is to change.
#[derive(Debug, PartialEq, Eq)]
enum Change {
    DisableApiStop(bool),
    DisableApiTermination(bool),
    /// By device, whether its volume goes with the instance.
    DeleteOnTermination(Vec<(Device, bool)>),
    /// By their ids.
    Groups(Vec<String>),
    InstanceType(String),
    ShutdownBehavior(ShutdownBehavior),
    SourceDestCheck(bool),
    /// In base64.
    UserData(Option<String>),
    /// What is asked for is so anyway.
    Nothing,
}

#[derive(Debug, PartialEq, Eq)]
enum Device {
    Name(String),
    Volume(String),
}

impl Change {
    fn read(request: &ec2::ModifyInstanceAttributeRequest) -> Result<Self, Fault> {
        let mut given = Self::members(request)?;
        match (&request.attribute, &request.value) {
            (Some(attribute), value) if !attribute.is_empty() => match (value, given.as_slice()) {
                (Some(value), _) => given.push(("attribute", Self::by_name(attribute, value)?)),
                // The older form names the attribute, and gives its value as the newer one does.
                (None, [_]) => {}
                (None, _) => return Err(missing("Value")),
            },
            (_, Some(value)) if !value.is_empty() => return Err(missing("Attribute")),
            _ => {}
        }
        match given.len() {
            1 => given.pop().map(|(_, change)| change).ok_or_else(nothing_given),
            0 => Err(nothing_given()),
            _ => {
                let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
                let message = format!("Fields for multiple attribute types specified: {}. Change one at a time.", names.join(", "));
                Err(Fault::new(ErrorCode::InvalidParameterCombination, message))
            }
        }
    }

    /// Those that are given as members, by name.
    fn members(request: &ec2::ModifyInstanceAttributeRequest) -> Result<Vec<(&'static str, Self)>, Fault> {
        let flag = |given: &Option<ec2::AttributeBooleanValue>| given.as_ref().and_then(|given| given.value);
        let text = |given: &Option<ec2::AttributeValue>| given.as_ref().and_then(|given| given.value.clone());
        let mut given = Vec::new();
        given.extend(flag(&request.disable_api_stop).map(|on| ("disableApiStop", Self::DisableApiStop(on))));
        given.extend(flag(&request.disable_api_termination).map(|on| ("disableApiTermination", Self::DisableApiTermination(on))));
        given.extend(flag(&request.source_dest_check).map(|on| ("sourceDestCheck", Self::SourceDestCheck(on))));
        given.extend(text(&request.instance_type).map(|name| ("instanceType", Self::InstanceType(name))));
        if let Some(word) = text(&request.instance_initiated_shutdown_behavior) {
            given.push(("instanceInitiatedShutdownBehavior", Self::ShutdownBehavior(shutdown_behavior(&word)?)));
        }
        if let Some(raw) = request.user_data.as_ref().map(|given| given.value.clone().unwrap_or_default()) {
            given.push(("userData", Self::UserData(user_data(&STANDARD.encode(raw))?)));
        }
        if !request.block_device_mappings.is_empty() {
            let devices = request.block_device_mappings.iter().map(device).collect::<Result<_, _>>()?;
            given.push(("blockDeviceMapping", Self::DeleteOnTermination(devices)));
        }
        if !request.groups.is_empty() {
            given.push(("groupSet", Self::Groups(request.groups.clone())));
        }
        // Of these only the one value is let in that they have.
        for (name, there) in
            [("ebsOptimized", flag(&request.ebs_optimized).is_some()), ("enaSupport", flag(&request.ena_support).is_some())]
        {
            given.extend(there.then_some((name, Self::Nothing)));
        }
        Ok(given)
    }

    fn by_name(attribute: &str, value: &str) -> Result<Self, Fault> {
        let flag =
            || value.parse::<bool>().map_err(|_| invalid(format!("Value ({value}) for parameter value is invalid. Use true or false.")));
        let only = |so: bool, what: &str| match flag() {
            Ok(given) if given == so => Ok(Self::Nothing),
            Ok(_) => Err(Fault::new(ErrorCode::UnsupportedOperation, format!("The attribute '{what}' can only be {so}."))),
            Err(fault) => Err(fault),
        };
        match attribute {
            "disableApiStop" => Ok(Self::DisableApiStop(flag()?)),
            "disableApiTermination" => Ok(Self::DisableApiTermination(flag()?)),
            "instanceInitiatedShutdownBehavior" => Ok(Self::ShutdownBehavior(shutdown_behavior(value)?)),
            "instanceType" => Ok(Self::InstanceType(value.to_owned())),
            "userData" => Ok(Self::UserData(user_data(value)?)),
            "sourceDestCheck" => Ok(Self::SourceDestCheck(flag()?)),
            "ebsOptimized" => only(false, attribute),
            "enaSupport" => only(true, attribute),
            other => Err(Fault::new(ErrorCode::UnsupportedOperation, format!("The attribute '{other}' can not be changed."))),
        }
    }

    async fn make(self, tx: &mut Tx, mut row: instance::Model) -> Outcome<()> {
        match self {
            Self::Nothing => return Ok(()),
            Self::DisableApiStop(on) => row.disable_api_stop = on,
            Self::DisableApiTermination(on) => row.disable_api_termination = on,
            // What the guest's own shutdown means is decided here, when its host says that it has.
            Self::ShutdownBehavior(behavior) => behavior.as_str().clone_into(&mut row.instance_initiated_shutdown_behavior),
            Self::SourceDestCheck(on) => return source_dest_check(tx, row, on).await,
            Self::Groups(ids) => return instance_groups::replace(tx, &row, &ids).await,
            Self::DeleteOnTermination(devices) => return delete_on_termination(tx, &row, devices).await,
            Self::UserData(text) => {
                chosen_instances::stopped(&row)?;
                row.user_data = text;
                return save_restated(tx, row).await.map(drop);
            }
            Self::InstanceType(name) => {
                chosen_instances::stopped(&row)?;
                resize(tx, &mut row, name)?;
                return save_restated(tx, row).await.map(drop);
            }
        }
        save(tx, row).await.map(drop)
    }
}

fn nothing_given() -> Fault {
    Fault::new(ErrorCode::InvalidParameterCombination, "No attributes specified. Give one.")
}

fn device(mapping: &ec2::InstanceBlockDeviceMappingSpecification) -> Result<(Device, bool), Fault> {
    let ebs = mapping.ebs.as_ref();
    let deleted = ebs.and_then(|ebs| ebs.delete_on_termination).ok_or_else(|| missing("BlockDeviceMapping.1.Ebs.DeleteOnTermination"))?;
    let name = mapping.device_name.clone().filter(|name| !name.is_empty()).map(Device::Name);
    let volume = || ebs.and_then(|ebs| ebs.volume_id.clone()).filter(|id| !id.is_empty()).map(Device::Volume);
    Ok((name.or_else(volume).ok_or_else(|| missing("BlockDeviceMapping.1.DeviceName"))?, deleted))
}

/// What the type takes of its host counts from the next start on, which may find no room for it.
fn resize(tx: &Tx, row: &mut instance::Model, name: String) -> Outcome<()> {
    let Some(kind) = tx.settings().catalogue.get(&name) else {
        let message = format!("Invalid value '{name}' for InstanceType.");
        return Err(Failure::refuse(ErrorCode::InvalidInstanceAttributeValue, message));
    };
    if kind.architecture() != row.architecture {
        let message = format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{}' of the instance.",
            kind.architecture(),
            row.architecture
        );
        return Err(Failure::refuse(ErrorCode::InvalidParameterCombination, message));
    }
    row.vcpus = i32::try_from(kind.vcpus).unwrap_or(i32::MAX);
    row.memory_mib = i64::try_from(kind.memory_mib).unwrap_or(i64::MAX);
    // Cores and threads are the new type's own, as EC2 has it.
    (row.cpu_core_count, row.cpu_threads_per_core) = (None, None);
    // What was said of credits is said of a type that has them.
    row.cpu_credits = row.cpu_credits.take().filter(|_| kind.burstable);
    row.instance_type = name;
    Ok(())
}

/// Whether its interface takes and sends packets that are neither from nor to its own addresses: its host filters by it.
pub(super) async fn source_dest_check(tx: &mut Tx, row: instance::Model, on: bool) -> Outcome<()> {
    let changed = network_interface::Entity::update_many()
        .col_expr(network_interface::Column::SourceDestCheck, Expr::value(on))
        .filter(network_interface::Column::NetworkInterfaceId.is_in(addresses::interfaces_of(tx, &row.instance_id).await?))
        .filter(network_interface::Column::SourceDestCheck.ne(on))
        .exec(tx.db())
        .await?;
    if changed.rows_affected > 0 {
        save_restated(tx, row).await?;
    }
    Ok(())
}

async fn delete_on_termination(tx: &mut Tx, row: &instance::Model, devices: Vec<(Device, bool)>) -> Outcome<()> {
    use volume_attachment::{Column, Entity};
    let attached = Entity::find().filter(Column::InstanceId.eq(&row.instance_id)).all(tx.db()).await?;
    for (device, deleted) in devices {
        let is_it = |attachment: &&volume_attachment::Model| match &device {
            Device::Name(name) => attachment.device_name == *name,
            Device::Volume(id) => attachment.volume_id == *id,
        };
        let Some(attachment) = attached.iter().find(is_it).cloned() else {
            let (Device::Name(what) | Device::Volume(what)) = device;
            let message = format!("No device is currently mapped at {what}");
            return Err(Failure::refuse(ErrorCode::InvalidInstanceAttributeValue, message));
        };
        let changed = volume_attachment::Model { delete_on_termination: deleted, ..attachment };
        changed.into_active_model().reset_all().update(tx.db()).await?;
    }
    tx.changed(Kind::InstanceObserved, row.instance_id.clone());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: &ec2::ModifyInstanceAttributeRequest) -> Result<Change, ErrorCode> {
        Change::read(request).map_err(|fault| fault.code)
    }

    fn named(attribute: &str, value: &str) -> ec2::ModifyInstanceAttributeRequest {
        let (attribute, value) = (Some(attribute.into()), Some(value.into()));
        ec2::ModifyInstanceAttributeRequest { attribute, value, ..Default::default() }
    }

    #[test]
    fn one_attribute_is_given_in_either_form() {
        let on = Some(ec2::AttributeBooleanValue { value: Some(true) });
        let member = ec2::ModifyInstanceAttributeRequest { disable_api_stop: on, ..Default::default() };
        assert_eq!(read(&member), Ok(Change::DisableApiStop(true)));
        assert_eq!(read(&named("disableApiStop", "true")), Ok(Change::DisableApiStop(true)));
        let both = ec2::ModifyInstanceAttributeRequest { attribute: Some("disableApiStop".into()), ..member.clone() };
        assert_eq!(read(&both), Ok(Change::DisableApiStop(true)));
        let two = ec2::ModifyInstanceAttributeRequest { disable_api_termination: on, ..member };
        assert_eq!(read(&two), Err(ErrorCode::InvalidParameterCombination));
        assert_eq!(read(&ec2::ModifyInstanceAttributeRequest::default()), Err(ErrorCode::InvalidParameterCombination));
    }

    #[test]
    fn a_value_that_says_nothing_or_the_wrong_thing_is_refused() {
        assert_eq!(read(&named("disableApiStop", "yes")), Err(ErrorCode::InvalidParameterValue));
        assert_eq!(read(&named("instanceInitiatedShutdownBehavior", "sleep")), Err(ErrorCode::InvalidParameterValue));
        assert_eq!(read(&named("userData", "%")), Err(ErrorCode::InvalidUserDataMalformed));
        assert_eq!(read(&named("enaSupport", "false")), Err(ErrorCode::UnsupportedOperation));
        assert_eq!(read(&named("enaSupport", "true")), Ok(Change::Nothing));
        assert_eq!(read(&named("kernel", "aki-1")), Err(ErrorCode::UnsupportedOperation));
        let unnamed = ec2::ModifyInstanceAttributeRequest { value: Some("true".into()), ..Default::default() };
        assert_eq!(read(&unnamed), Err(ErrorCode::MissingParameter));
        let unsaid = ec2::ModifyInstanceAttributeRequest { attribute: Some("disableApiStop".into()), ..Default::default() };
        assert_eq!(read(&unsaid), Err(ErrorCode::MissingParameter));
    }
}
