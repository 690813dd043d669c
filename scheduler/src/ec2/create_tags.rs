//! `CreateTags`, and how tags get to a resource at all.

use freehold_proto::aws::ec2;
use freehold_proto::{ErrorCode, Fault};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter};

use super::message::{given_tags, missing};
use super::resolve::{self, Kind};
use crate::engine::Command;
use crate::network::peering;
use crate::store::{
    Outcome, Tx, dhcp_options, elastic_address, image, instance, internet_gateway, key_pair, launch_template, nat_gateway, network_acl,
    network_interface, placement_group, prefix_list, route_table, security_group, security_group_rule, snapshot, subnet,
    subnet_cidr_reservation, tag, volume, vpc, vpc_endpoint,
};
use crate::tags::{self, Tags};

impl Command for ec2::CreateTagsRequest {
    const ERRORS: &'static [ErrorCode] = TAGGING_ERRORS;

    async fn run(self, tx: &mut Tx) -> Outcome<()> {
        if self.tags.is_empty() {
            return Err(missing("Tag").into());
        }
        let tags = tags::validate(given_tags(&self.tags))?;
        for (id, kind) in taggable(tx, &self.resources).await? {
            insert_tags(tx, id, kind.resource_type, &tags).await?;
            touch(tx, id, kind).await?;
        }
        Ok(())
    }
}

/// What tagging or untagging can go wrong with: each kind of resource has codes of its own.
pub(super) const TAGGING_ERRORS: &[ErrorCode] = &[
    ErrorCode::InvalidAllocationIdMalformed,
    ErrorCode::InvalidAllocationIdNotFound,
    ErrorCode::InvalidAmiIdMalformed,
    ErrorCode::InvalidAmiIdNotFound,
    ErrorCode::InvalidDhcpOptionsIdMalformed,
    ErrorCode::InvalidDhcpOptionsIdNotFound,
    ErrorCode::InvalidGroupIdMalformed,
    ErrorCode::InvalidGroupNotFound,
    ErrorCode::InvalidId,
    ErrorCode::InvalidInstanceIdMalformed,
    ErrorCode::InvalidInstanceIdNotFound,
    ErrorCode::InvalidInternetGatewayIdMalformed,
    ErrorCode::InvalidInternetGatewayIdNotFound,
    ErrorCode::InvalidKeyPairNotFound,
    ErrorCode::InvalidLaunchTemplateIdMalformed,
    ErrorCode::InvalidLaunchTemplateIdNotFound,
    ErrorCode::InvalidNetworkAclIdMalformed,
    ErrorCode::InvalidNetworkAclIdNotFound,
    ErrorCode::InvalidNetworkInterfaceIdMalformed,
    ErrorCode::InvalidNetworkInterfaceIdNotFound,
    ErrorCode::InvalidParameterValue,
    ErrorCode::InvalidPlacementGroupIdMalformed,
    ErrorCode::InvalidPlacementGroupUnknown,
    ErrorCode::InvalidPrefixListIdMalformed,
    ErrorCode::InvalidPrefixListIdNotFound,
    ErrorCode::InvalidRouteTableIdMalformed,
    ErrorCode::InvalidRouteTableIdNotFound,
    ErrorCode::InvalidSecurityGroupRuleIdMalformed,
    ErrorCode::InvalidSecurityGroupRuleIdNotFound,
    ErrorCode::InvalidSnapshotIdMalformed,
    ErrorCode::InvalidSnapshotNotFound,
    ErrorCode::InvalidSubnetCidrReservationIdMalformed,
    ErrorCode::InvalidSubnetCidrReservationIdNotFound,
    ErrorCode::InvalidSubnetIdMalformed,
    ErrorCode::InvalidSubnetIdNotFound,
    ErrorCode::InvalidVolumeIdMalformed,
    ErrorCode::InvalidVolumeNotFound,
    ErrorCode::InvalidVpcEndpointIdMalformed,
    ErrorCode::InvalidVpcEndpointIdNotFound,
    ErrorCode::InvalidVpcIdMalformed,
    ErrorCode::InvalidVpcIdNotFound,
    ErrorCode::InvalidVpcPeeringConnectionIdMalformed,
    ErrorCode::InvalidVpcPeeringConnectionIdNotFound,
    ErrorCode::MissingParameter,
    ErrorCode::NatGatewayMalformed,
    ErrorCode::NatGatewayNotFound,
    ErrorCode::TagLimitExceeded,
];

/// The resources that a request names, each of which exists and is the caller's.
pub(super) async fn taggable<'a>(tx: &Tx, ids: &'a [String]) -> Outcome<Vec<(&'a str, &'static Kind)>> {
    if ids.is_empty() {
        return Err(missing("ResourceId").into());
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let unknown = || Fault::new(ErrorCode::InvalidId, format!("The ID '{id}' is not valid"));
        let kind = resolve::kind_of(id).ok_or_else(unknown)?;
        kind.check(id)?;
        if !exists(tx, id, kind).await? {
            return Err(kind.absent(id).into());
        }
        found.push((id.as_str(), kind));
    }
    Ok(found)
}

async fn exists(tx: &Tx, id: &str, kind: &Kind) -> Outcome<bool> {
    macro_rules! owned {
        ($table:ident, $id:ident) => {
            $table::Entity::find().filter($table::Column::AccountId.eq(tx.account())).filter($table::Column::$id.eq(id)).count(tx.db())
        };
    }
    let rows = match kind.resource_type {
        "dhcp-options" => owned!(dhcp_options, DhcpOptionsId).await?,
        "elastic-ip" => owned!(elastic_address, AllocationId).await?,
        "image" => owned!(image, ImageId).await?,
        "instance" => owned!(instance, InstanceId).await?,
        "internet-gateway" => owned!(internet_gateway, InternetGatewayId).await?,
        "key-pair" => owned!(key_pair, KeyPairId).await?,
        "launch-template" => owned!(launch_template, LaunchTemplateId).await?,
        "natgateway" => owned!(nat_gateway, NatGatewayId).await?,
        "network-acl" => owned!(network_acl, NetworkAclId).await?,
        "network-interface" => owned!(network_interface, NetworkInterfaceId).await?,
        "placement-group" => owned!(placement_group, GroupId).await?,
        "prefix-list" => owned!(prefix_list, PrefixListId).await?,
        "route-table" => owned!(route_table, RouteTableId).await?,
        "security-group" => owned!(security_group, GroupId).await?,
        "security-group-rule" => owned!(security_group_rule, SecurityGroupRuleId).await?,
        "snapshot" => owned!(snapshot, SnapshotId).await?,
        "subnet-cidr-reservation" => owned!(subnet_cidr_reservation, SubnetCidrReservationId).await?,
        "subnet" => owned!(subnet, SubnetId).await?,
        "volume" => owned!(volume, VolumeId).await?,
        "vpc-endpoint" => owned!(vpc_endpoint, VpcEndpointId).await?,
        "vpc" => owned!(vpc, VpcId).await?,
        "vpc-peering-connection" => u64::from(peering::seen(tx, id).await?.is_some()),
        other => return Err(Fault::internal("a kind of resource without a table", other.to_owned()).into()),
    };
    Ok(rows > 0)
}

/// Sets tags on a resource, in place of those with the same keys, and holds the limit.
pub async fn insert_tags(tx: &Tx, resource_id: &str, resource_type: &str, tags: &Tags) -> Outcome<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.iter().map(|(key, value)| tag::Model {
        account_id: tx.account().to_owned(),
        resource_id: resource_id.to_owned(),
        resource_type: resource_type.to_owned(),
        key: key.clone(),
        value: value.clone(),
    });
    let replace = OnConflict::columns([tag::Column::AccountId, tag::Column::ResourceId, tag::Column::Key])
        .update_column(tag::Column::Value)
        .to_owned();
    tag::Entity::insert_many(rows.map(IntoActiveModel::into_active_model)).on_conflict(replace).exec_without_returning(tx.db()).await?;
    let of_resource = tag::Entity::find().filter(tag::Column::AccountId.eq(tx.account())).filter(tag::Column::ResourceId.eq(resource_id));
    let count = of_resource.filter(tag::Column::Key.not_like("aws:%")).count(tx.db()).await?;
    Ok(tags::check_count(usize::try_from(count).unwrap_or(usize::MAX))?)
}

/// A resource's tags as the transaction has them.
pub async fn tags_of(tx: &Tx, resource_id: &str) -> Outcome<Tags> {
    let of_resource = tag::Entity::find().filter(tag::Column::AccountId.eq(tx.account())).filter(tag::Column::ResourceId.eq(resource_id));
    Ok(of_resource.all(tx.db()).await?.into_iter().map(|row| (row.key, row.value)).collect())
}

/// Takes all tags from a resource that goes.
pub async fn remove_tags(tx: &Tx, resource_id: &str) -> Outcome<()> {
    let of_resource = tag::Entity::delete_many().filter(tag::Column::AccountId.eq(tx.account()));
    of_resource.filter(tag::Column::ResourceId.eq(resource_id)).exec(tx.db()).await?;
    Ok(())
}

/// Lets a host know where a guest reads its tags from the metadata service.
pub(super) async fn touch(tx: &mut Tx, id: &str, kind: &Kind) -> Outcome<()> {
    if kind.resource_type != resolve::INSTANCE.resource_type {
        return Ok(());
    }
    let changed = instance::Entity::update_many()
        .col_expr(instance::Column::Generation, Expr::col(instance::Column::Generation).add(1))
        .filter(instance::Column::InstanceId.eq(id))
        .filter(instance::Column::InstanceMetadataTags.eq("enabled"))
        .exec(tx.db())
        .await?;
    if changed.rows_affected > 0 {
        tx.changed(crate::store::Kind::Instance, id);
    }
    Ok(())
}
