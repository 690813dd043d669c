//! `CreateNetworkInterface`.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::model::network_interface::described;
use super::network_interfaces::{AddressesAsked, description, within_limit};
use super::resolve::{NETWORK_INTERFACE, SUBNET};
use super::run_instances::groups_or_default;
use crate::engine::Command;
use crate::network::interface;
use crate::store::read::interfaces;
use crate::store::{Outcome, Tx, network_interface, subnet};

/// An account's. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const MOST: u64 = 5_000;

impl Command for ec2::CreateNetworkInterfaceRequest {
    const ERRORS: &'static [ErrorCode] = &[
        ErrorCode::InsufficientFreeAddressesInSubnet,
        ErrorCode::InvalidGroupIdMalformed,
        ErrorCode::InvalidGroupNotFound,
        ErrorCode::InvalidIpAddressInUse,
        ErrorCode::InvalidParameter,
        ErrorCode::InvalidParameterCombination,
        ErrorCode::InvalidParameterValue,
        ErrorCode::InvalidSubnetIdMalformed,
        ErrorCode::InvalidSubnetIdNotFound,
        ErrorCode::MissingParameter,
        ErrorCode::NetworkInterfaceLimitExceeded,
        ErrorCode::PrivateIpAddressLimitExceeded,
        ErrorCode::SecurityGroupsPerInterfaceLimitExceeded,
        ErrorCode::TagLimitExceeded,
    ];

    async fn run(self, tx: &mut Tx) -> Outcome<ec2::CreateNetworkInterfaceResult> {
        if self.subnet_id.is_empty() {
            return Err(missing("subnetId").into());
        }
        let description = description(self.description.as_deref())?.to_owned();
        let listed = (&self.private_ip_addresses, self.secondary_private_ip_address_count);
        let asked = AddressesAsked::read(self.private_ip_address.as_ref(), listed.0, listed.1)?;
        let tags = message::tags_on_create(NETWORK_INTERFACE.resource_type, &self.tag_specifications)?;
        let subnet = SUBNET.own::<subnet::Entity>(tx, &self.subnet_id).await?;
        let group_ids = groups_or_default(tx, &self.groups, &subnet.vpc_id).await?;
        let of_account = network_interface::Entity::find().filter(network_interface::Column::AccountId.eq(tx.account()));
        if of_account.count(tx.db()).await? >= MOST {
            let message = format!("An account has at most {MOST} network interfaces. Delete some first.");
            return Err(Fault::new(ErrorCode::NetworkInterfaceLimitExceeded, message).into());
        }
        within_limit(tx, None, 1 + asked.secondary().count())?;
        let new = interface::New {
            subnet: &subnet,
            description,
            group_ids: &group_ids,
            primary: asked.primary.as_deref(),
            secondary: asked.secondary(),
        };
        let (row, _) = interface::create(tx, new).await?;
        insert_tags(tx, &row.network_interface_id, NETWORK_INTERFACE.resource_type, &tags).await?;
        let view = interfaces::load(tx.db(), &row.network_interface_id).await?;
        let view = view.ok_or_else(|| NETWORK_INTERFACE.absent(&row.network_interface_id))?;
        Ok(ec2::CreateNetworkInterfaceResult {
            network_interface: Some(described(&view, &tags, tx.settings())),
            client_token: self.client_token.filter(|token| !token.is_empty()),
        })
    }
}
