//! `AssociateAddress`: an Elastic IP for an interface, or for the only one of an instance.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::allocate_address::named;
use super::chosen_instances;
use super::message::missing;
use super::network_interfaces::unmanaged;
use super::resolve::NETWORK_INTERFACE;
use super::run_instances::invalid;
use crate::engine::Command;
use crate::network::elastic;
use crate::store::{Outcome, Tx, elastic_address, network_interface, private_address};

impl Command for ec2::AssociateAddressRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::GatewayNotAttached,
        ErrorCode::IncorrectInstanceState,
        ErrorCode::InvalidAddressNotFound,
        ErrorCode::InvalidAllocationIdMalformed,
        ErrorCode::InvalidAllocationIdNotFound,
        ErrorCode::InvalidInstanceId,
        ErrorCode::InvalidInstanceIdMalformed,
        ErrorCode::InvalidInstanceIdNotFound,
        ErrorCode::InvalidNetworkInterfaceIdMalformed,
        ErrorCode::InvalidNetworkInterfaceIdNotFound,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::MissingParameter,
        ErrorCode::OperationNotPermitted,
        ErrorCode::ResourceAlreadyAssociated,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::AssociateAddressResult> {
        let address = named(tx, self.allocation_id.as_deref(), self.public_ip.as_deref()).await?;
        let interface = interface(tx, self.instance_id.as_deref(), self.network_interface_id.as_deref()).await?;
        unmanaged(tx, &interface.network_interface_id).await?;
        if let Some(from) = &address.network_interface_id {
            unmanaged(tx, from).await?;
        }
        if let Some(private) = self.private_ip_address.as_deref().filter(|address| !address.is_empty()) {
            has_address(tx, &interface, private).await?;
        }
        // EC2's default is to take it from where it is.
        if self.allow_reassociation == Some(false) {
            refuse_another(tx, &address, &interface).await?;
        }
        let association_id = elastic::associate(tx, address, &interface).await?;
        Ok(ec2::AssociateAddressResult { association_id: Some(association_id) })
    }
}

async fn interface(tx: &Tx, instance_id: Option<&str>, interface_id: Option<&str>) -> Outcome<network_interface::Model> {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let id = match (given(instance_id), given(interface_id)) {
        // Terraform's provider, when it moves an address to another instance, names the interface of the former one, too.
        (Some(instance), _) => chosen_instances::only_interface(tx, &instance).await?,
        (None, Some(interface)) => interface,
        (None, None) => return Err(missing("instanceId or networkInterfaceId").into()),
    };
    NETWORK_INTERFACE.own::<network_interface::Entity>(tx, &id).await
}

/// An interface's public address is that of its primary one.
async fn has_address(tx: &Tx, interface: &network_interface::Model, address: &str) -> Outcome<()> {
    let of_interface =
        private_address::Entity::find().filter(private_address::Column::NetworkInterfaceId.eq(&interface.network_interface_id));
    let primary = of_interface.filter(private_address::Column::IsPrimary.eq(true)).filter(private_address::Column::Address.eq(address));
    if primary.one(tx.db()).await?.is_some() {
        return Ok(());
    }
    let message = format!("The address {address} is not the primary private IP address of interface {}.", interface.network_interface_id);
    Err(invalid(message).into())
}

async fn refuse_another(tx: &Tx, address: &elastic_address::Model, interface: &network_interface::Model) -> Outcome<()> {
    let id = &interface.network_interface_id;
    let message = match (&address.network_interface_id, &address.association_id) {
        (Some(there), Some(association)) if there != id => {
            format!("resource {} is already associated with associate-id {association}", address.allocation_id)
        }
        (Some(_), _) => return Ok(()),
        (None, _) => match elastic::on(tx, id).await? {
            Some(other) => format!("resource {id} already has the address {} associated with it", other.allocation_id),
            None => return Ok(()),
        },
    };
    Err(Fault::new(ErrorCode::ResourceAlreadyAssociated, message).into())
}
