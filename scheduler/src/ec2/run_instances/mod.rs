//! `RunInstances`: everything or nothing. [`template`] puts a launch template's data under the request, [`request`] reads what is asked, [`network`] and [`image`] find what it names, [`place`]
//! finds hosts, [`rows`] writes it all down. The hosts learn of it from the rows, after the commit.

mod disks;
#[cfg(test)]
mod from_template;
mod image;
mod interfaces;
#[cfg(test)]
mod limits;
mod merge;
mod network;
mod place;
mod request;
mod rows;
mod template;
#[cfg(test)]
mod tests;

use freehold_proto::aws::ec2;
use freehold_proto::id::ReservationId;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use self::image::Image;
pub use self::network::{groups_by_id, groups_or_default};
use self::request::Asked;
pub use self::request::{PlacementGroupAsked, combination, invalid, shutdown_behavior, user_data};
use super::model::instance::reservations;
use super::placement_groups;
use super::resolve::INSTANCE;
use super::shown::Shown;
use crate::engine::Command;
use crate::placement::reasons;
use crate::store::{Failure, Outcome, Tx, key_pair, read, reservation};

impl Command for ec2::RunInstancesRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::AttachmentLimitExceeded,
        ErrorCode::InstanceLimitExceeded,
        ErrorCode::InsufficientAddressCapacity,
        ErrorCode::InsufficientFreeAddressesInSubnet,
        ErrorCode::InsufficientInstanceCapacity,
        ErrorCode::InvalidAmiIdMalformed,
        ErrorCode::InvalidAmiIdNotFound,
        ErrorCode::InvalidBlockDeviceMapping,
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidKeyPairNotFound,
        ErrorCode::InvalidLaunchTemplateIdMalformed,
        ErrorCode::InvalidLaunchTemplateIdNotFound,
        ErrorCode::InvalidLaunchTemplateIdVersionNotFound,
        ErrorCode::InvalidLaunchTemplateNameMalformed,
        ErrorCode::InvalidLaunchTemplateNameNotFound,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidNetworkInterfaceInUse,
        ErrorCode::InvalidParameter,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidPlacementGroupIdMalformed,
        ErrorCode::InvalidPlacementGroupUnknown,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::InvalidUserDataMalformed,
        ErrorCode::MissingParameter,
        ErrorCode::PrivateIpAddressLimitExceeded,
        ErrorCode::SecurityGroupsPerInterfaceLimitExceeded,
        ErrorCode::TagLimitExceeded,
        ErrorCode::Unsupported,
        ErrorCode::UnsupportedOperation,
        ErrorCode::VpcIdNotSpecified,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::Reservation> {
        let (request, template) = template::apply(tx, self).await?;
        let mut asked = Asked::read(&request, tx.settings())?;
        if let Some(template) = &template {
            asked.tags.entry(INSTANCE.resource_type.to_owned()).or_default().extend(template.tags());
        }
        let image = Image::find(tx, &asked).await?;
        let key = key(tx, asked.key_name.as_deref()).await?;
        let kind = tx.settings().catalogue.get(&asked.instance_type);
        let group = match &asked.placement_group {
            Some(group) => Some(placement_groups::find(tx, group, kind).await?),
            None => None,
        };
        interfaces::room(tx, &asked).await?;
        let place::Placed { network, hosts, wanted, others } = place::choose(tx, &asked, &image, group.as_ref()).await?;
        let reservation = reservation::Model {
            reservation_id: ReservationId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            created: tx.now(),
        };
        let reservation = reservation.into_active_model().insert(tx.db()).await?.reservation_id;
        reasons::keep(tx, &reservation, &wanted, &others).await?;
        let further = interfaces::further(tx, &asked, &network.subnet).await?;
        let launch = rows::Launch {
            asked: &asked,
            image: &image,
            key: key.as_ref(),
            network: &network,
            further: &further,
            placement_group: group.as_ref(),
            reservation: &reservation,
        };
        let mut ids = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            ids.push(launch.write(tx, index, host).await?);
        }
        launch.restate_network(tx).await?;
        let views = read::instances::load(tx.db(), ids).await?;
        let views = views.into_iter().map(|view| Shown::new(view, tx.settings()));
        let shown = reservations(views)?.into_iter().next();
        Ok(shown.ok_or_else(|| Fault::internal("RunInstances made nothing", "placement gave no host"))?)
    }
}

async fn key(tx: &Tx, name: Option<&str>) -> Outcome<Option<key_pair::Model>> {
    let Some(name) = name else { return Ok(None) };
    let found = key_pair::Entity::find()
        .filter(key_pair::Column::AccountId.eq(tx.account()))
        .filter(key_pair::Column::KeyName.eq(name))
        .one(tx.db())
        .await?;
    match found {
        Some(key) => Ok(Some(key)),
        None => Err(Failure::refuse(ErrorCode::InvalidKeyPairNotFound, format!("The key pair '{name}' does not exist"))),
    }
}
