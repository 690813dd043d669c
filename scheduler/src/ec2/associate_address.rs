//! `AssociateAddress`: an Elastic IP for a private address of an interface, or of the only one of an instance.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};

use super::allocate_address::named;
use super::chosen_instances;
use super::message::missing;
use super::network_interfaces::unmanaged;
use super::resolve::NETWORK_INTERFACE;
use super::run_instances::invalid;
use crate::addresses;
use crate::engine::Command;
use crate::network::{elastic, interface};
use crate::store::{Outcome, Tx, elastic_address, network_interface};

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
        let interface = named_interface(tx, self.instance_id.as_deref(), self.network_interface_id.as_deref()).await?;
        unmanaged(tx, &interface.network_interface_id).await?;
        if let Some(from) = &address.network_interface_id {
            unmanaged(tx, from).await?;
        }
        let private = private(tx, &interface, self.private_ip_address.as_deref()).await?;
        // EC2's default is to take it from where it is.
        if self.allow_reassociation == Some(false) {
            refuse_another(tx, &address, (&interface.network_interface_id, &private)).await?;
        }
        let association_id = elastic::associate(tx, address, &interface, &private).await?;
        Ok(ec2::AssociateAddressResult { association_id: Some(association_id) })
    }
}

async fn named_interface(tx: &Tx, instance_id: Option<&str>, interface_id: Option<&str>) -> Outcome<network_interface::Model> {
    let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let id = match (given(instance_id), given(interface_id)) {
        // Terraform's provider, when it moves an address to another instance, names the interface of the former one, too.
        (Some(instance), _) => chosen_instances::only_interface(tx, &instance).await?,
        (None, Some(interface)) => interface,
        (None, None) => return Err(missing("instanceId or networkInterfaceId").into()),
    };
    NETWORK_INTERFACE.own::<network_interface::Entity>(tx, &id).await
}

/// The private address that is meant: the primary one, unless another one of the interface's is named.
async fn private(tx: &Tx, interface: &network_interface::Model, named: Option<&str>) -> Outcome<String> {
    let id = &interface.network_interface_id;
    let Some(address) = named.filter(|address| !address.is_empty()) else { return addresses::primary_of(tx, id).await };
    if interface::addresses(tx, id).await?.iter().any(|row| row.address == address) {
        return Ok(address.to_owned());
    }
    let message = format!("The address {address} is no private IP address of interface {id}. Assign it first, or name one that it has.");
    Err(invalid(message).into())
}

async fn refuse_another(tx: &Tx, address: &elastic_address::Model, (id, private): (&String, &str)) -> Outcome<()> {
    let message = match (&address.network_interface_id, &address.association_id) {
        (Some(there), Some(association)) if there != id || address.private_ip_address.as_deref() != Some(private) => {
            format!("resource {} is already associated with associate-id {association}", address.allocation_id)
        }
        (Some(_), _) => return Ok(()),
        (None, _) => match elastic::on(tx, id, private).await? {
            Some(other) => format!("resource {id} already has the address {} associated with it", other.allocation_id),
            None => return Ok(()),
        },
    };
    Err(Fault::new(ErrorCode::ResourceAlreadyAssociated, message).into())
}
