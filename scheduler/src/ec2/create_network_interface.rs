//! `CreateNetworkInterface`.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};

use super::create_tags::insert_tags;
use super::message::{self, missing};
use super::model::network_interface::described;
use super::network_interfaces::{description, within_limit};
use super::resolve::{NETWORK_INTERFACE, SUBNET};
use super::run_instances::{combination, groups_or_default, invalid};
use crate::engine::Command;
use crate::network::interface::{self, Secondary};
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
        let asked = Asked::read(&self)?;
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
            description: asked.description.clone(),
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

/// The addresses that a request asks for.
struct Asked {
    description: String,
    primary: Option<String>,
    named: Vec<String>,
    drawn: usize,
}

impl Asked {
    fn read(request: &ec2::CreateNetworkInterfaceRequest) -> Result<Self, Fault> {
        let description = description(request.description.as_deref())?.to_owned();
        let mut primary = request.private_ip_address.clone().filter(|address| !address.is_empty());
        let mut named = Vec::new();
        for given in &request.private_ip_addresses {
            let address = given.private_ip_address.clone().filter(|address| !address.is_empty());
            let address = address.ok_or_else(|| missing("privateIpAddresses.privateIpAddress"))?;
            match (given.primary, &primary) {
                (Some(true), Some(_)) => return Err(combination("Only one primary private IP address can be specified.")),
                (Some(true), None) => primary = Some(address),
                _ => named.push(address),
            }
        }
        let drawn = request.secondary_private_ip_address_count;
        if drawn.is_some() && !named.is_empty() {
            let message =
                "The parameter secondaryPrivateIpAddressCount cannot be used with secondary private IP addresses. Give one of the two.";
            return Err(combination(message));
        }
        let drawn = drawn.unwrap_or_default();
        let drawn = usize::try_from(drawn)
            .map_err(|_| invalid(format!("Value ({drawn}) for parameter secondaryPrivateIpAddressCount is invalid.")))?;
        Ok(Self { description, primary, named, drawn })
    }

    fn secondary(&self) -> Secondary<'_> {
        if self.named.is_empty() { Secondary::Drawn(self.drawn) } else { Secondary::Named(&self.named) }
    }
}
