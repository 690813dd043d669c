//! Making and unmaking a subnet.

use freehold_proto::id::{NetworkAclAssociationId, SubnetId};
use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter};

use super::{cidr, cidr_reservation, restate};
use crate::ec2::create_tags::remove_tags;
use crate::store::{Outcome, Tx, network_acl, network_acl_association, network_interface, route_table_association, subnet, vpc};

/// Private names of guests are made of addresses.
pub const IP_NAME: &str = "ip-name";
/// Private names of guests are made of instance ids.
pub const RESOURCE_NAME: &str = "resource-name";
/// A VPC's. Source: <https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html>.
const MOST: usize = 200;

/// What a subnet is made of.
pub struct New<'a> {
    pub availability_zone: String,
    pub cidr_block: &'a str,
    pub is_default: bool,
}

/// Makes a subnet with the VPC's default network ACL.
pub async fn create(tx: &mut Tx, vpc: &vpc::Model, new: New<'_>) -> Outcome<subnet::Model> {
    let others = in_vpc(tx, &vpc.vpc_id).await?;
    if others.len() >= MOST {
        let message = format!("A VPC has at most {MOST} subnets. Delete some of '{}' first.", vpc.vpc_id);
        return Err(Fault::new(ErrorCode::SubnetLimitExceeded, message).into());
    }
    let others: Vec<Ipv4Net> = others.iter().map(|row| cidr::stored(&row.cidr_block)).collect::<Result<_, _>>()?;
    let block = cidr::of_subnet(&super::vpc::blocks(tx, vpc).await?, &others, new.cidr_block)?;
    let row = subnet::Model {
        subnet_id: SubnetId::draw(tx.entropy()).into(),
        account_id: vpc.account_id.clone(),
        vpc_id: vpc.vpc_id.clone(),
        availability_zone: new.availability_zone,
        cidr_block: block.to_string(),
        default_for_az: new.is_default,
        map_public_ip_on_launch: new.is_default,
        private_dns_hostname_type: IP_NAME.into(),
        enable_resource_name_dns_a_record: false,
        created: tx.now(),
    };
    let row = row.into_active_model().insert(tx.db()).await?;
    associate_default_acl(tx, &row).await?;
    restate(tx, &vpc.vpc_id).await?;
    Ok(row)
}

pub async fn in_vpc(tx: &Tx, vpc_id: &str) -> Outcome<Vec<subnet::Model>> {
    Ok(subnet::Entity::find().filter(subnet::Column::VpcId.eq(vpc_id)).all(tx.db()).await?)
}

pub async fn associate_default_acl(tx: &Tx, row: &subnet::Model) -> Outcome<()> {
    let of_vpc = network_acl::Entity::find().filter(network_acl::Column::VpcId.eq(&row.vpc_id));
    let acl = of_vpc.filter(network_acl::Column::IsDefault.eq(true)).one(tx.db()).await?;
    let association = network_acl_association::Model {
        association_id: NetworkAclAssociationId::draw(tx.entropy()).into(),
        account_id: row.account_id.clone(),
        network_acl_id: acl.ok_or_else(|| Fault::internal("a VPC has no default network ACL", row.vpc_id.clone()))?.network_acl_id,
        subnet_id: row.subnet_id.clone(),
    };
    association.into_active_model().insert(tx.db()).await?;
    Ok(())
}

/// Deletes a subnet. Refused while an interface is in it.
pub async fn delete(tx: &mut Tx, row: subnet::Model) -> Outcome<()> {
    let inside = network_interface::Entity::find().filter(network_interface::Column::SubnetId.eq(&row.subnet_id));
    if let Some(inside) = inside.one(tx.db()).await? {
        let message = format!(
            "The subnet '{}' has dependencies and cannot be deleted: {} is still there. Terminate what uses it first.",
            row.subnet_id, inside.network_interface_id
        );
        return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
    }
    let of_subnet = route_table_association::Column::SubnetId.eq(&row.subnet_id);
    route_table_association::Entity::delete_many().filter(of_subnet).exec(tx.db()).await?;
    let of_subnet = network_acl_association::Column::SubnetId.eq(&row.subnet_id);
    network_acl_association::Entity::delete_many().filter(of_subnet).exec(tx.db()).await?;
    cidr_reservation::leave(tx, &row.subnet_id).await?;
    remove_tags(tx, &row.subnet_id).await?;
    let vpc_id = row.vpc_id.clone();
    row.delete(tx.db()).await?;
    restate(tx, &vpc_id).await
}
