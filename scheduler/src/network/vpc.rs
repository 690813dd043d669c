//! Making and unmaking a VPC, with what it has of its own.

use freehold_proto::id::{NetworkAclId, RouteTableAssociationId, RouteTableId, VpcCidrAssociationId, VpcId};
use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, ModelTrait, QueryFilter};

use super::{cidr, group, peering};
use crate::ec2::create_tags::remove_tags;
use crate::store::{
    Outcome, Tx, internet_gateway, network_acl, network_acl_entry, route, route_table, route_table_association, security_group, subnet,
    vpc, vpc_cidr_block, vpc_endpoint,
};

/// An account's. EC2's is 5 until one asks for more; an operator has nobody to ask.
pub const MOST: u64 = 1_000;

/// Below stand the network identifiers that operators use by hand.
const FIRST_VNI: u32 = 4096;
const VNIS: u32 = (1 << 24) - FIRST_VNI;
const DRAWS: usize = 16;

/// The number of the rule that a network ACL ends with. It can be neither changed nor deleted.
pub const LAST_RULE: i32 = 32_767;

/// What a VPC is made of.
pub struct New {
    pub cidr_block: Ipv4Net,
    pub is_default: bool,
    pub enable_dns_hostnames: bool,
    pub dhcp_options_id: String,
}

/// Makes a VPC of the transaction's account, with its main route table, default network ACL and default security group.
pub async fn create(tx: &Tx, new: New) -> Outcome<vpc::Model> {
    let row = vpc::Model {
        vpc_id: VpcId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        cidr_block: new.cidr_block.to_string(),
        cidr_association_id: VpcCidrAssociationId::draw(tx.entropy()).into(),
        is_default: new.is_default,
        vni: free_vni(tx).await?,
        dhcp_options_id: new.dhcp_options_id,
        enable_dns_support: true,
        enable_dns_hostnames: new.enable_dns_hostnames,
        enable_network_address_usage_metrics: false,
        generation: 1,
        created: tx.now(),
    };
    let row = row.into_active_model().insert(tx.db()).await?;
    create_main_route_table(tx, &row).await?;
    create_default_acl(tx, &row).await?;
    group::create_default(tx, &row).await?;
    Ok(row)
}

/// Drawn at random, so that what a deleted VPC had is not given to the next one while a host may still have it.
async fn free_vni(tx: &Tx) -> Outcome<i64> {
    for _ in 0..DRAWS {
        let mut bytes = [0; 4];
        tx.entropy().fill(&mut bytes);
        let vni = i64::from(FIRST_VNI + u32::from_be_bytes(bytes) % VNIS);
        if vpc::Entity::find().filter(vpc::Column::Vni.eq(vni)).one(tx.db()).await?.is_none() {
            return Ok(vni);
        }
    }
    Err(Fault::internal("no free network identifier was drawn", "the source of randomness repeats itself").into())
}

/// A table without routes but the local ones.
pub async fn create_main_route_table(tx: &Tx, vpc: &vpc::Model) -> Outcome<route_table::Model> {
    let table = route_table::Model {
        route_table_id: RouteTableId::draw(tx.entropy()).into(),
        account_id: vpc.account_id.clone(),
        vpc_id: vpc.vpc_id.clone(),
        created: tx.now(),
    };
    let table = table.into_active_model().insert(tx.db()).await?;
    let main = route_table_association::Model {
        association_id: RouteTableAssociationId::draw(tx.entropy()).into(),
        account_id: vpc.account_id.clone(),
        route_table_id: table.route_table_id.clone(),
        vpc_id: vpc.vpc_id.clone(),
        subnet_id: None,
        created: tx.now(),
    };
    main.into_active_model().insert(tx.db()).await?;
    Ok(table)
}

/// Lets everything in and out, until a client says otherwise.
pub async fn create_default_acl(tx: &Tx, vpc: &vpc::Model) -> Outcome<network_acl::Model> {
    let acl = network_acl::Model {
        network_acl_id: NetworkAclId::draw(tx.entropy()).into(),
        account_id: vpc.account_id.clone(),
        vpc_id: vpc.vpc_id.clone(),
        is_default: true,
        created: tx.now(),
    };
    let acl = acl.into_active_model().insert(tx.db()).await?;
    for is_egress in [false, true] {
        insert_rule_for_all(tx, &acl, is_egress, 100, "allow").await?;
        insert_rule_for_all(tx, &acl, is_egress, LAST_RULE, "deny").await?;
    }
    Ok(acl)
}

/// A rule that every IPv4 packet of one direction matches.
pub async fn insert_rule_for_all(tx: &Tx, acl: &network_acl::Model, is_egress: bool, rule_number: i32, rule_action: &str) -> Outcome<()> {
    let entry = network_acl_entry::Model {
        network_acl_id: acl.network_acl_id.clone(),
        is_egress,
        rule_number,
        account_id: acl.account_id.clone(),
        protocol: "-1".into(),
        rule_action: rule_action.to_owned(),
        cidr_block: Some(Ipv4Net::default().to_string()),
        ipv6_cidr_block: None,
        from_port: None,
        to_port: None,
        icmp_type: None,
        icmp_code: None,
    };
    entry.into_active_model().insert(tx.db()).await?;
    Ok(())
}

/// A VPC's blocks, its first one first.
pub async fn blocks(tx: &Tx, vpc: &vpc::Model) -> Outcome<Vec<Ipv4Net>> {
    let others = vpc_cidr_block::Entity::find().filter(vpc_cidr_block::Column::VpcId.eq(&vpc.vpc_id)).all(tx.db()).await?;
    let all = [&vpc.cidr_block].into_iter().chain(others.iter().map(|row| &row.cidr_block));
    Ok(all.map(|block| cidr::stored(block)).collect::<Result<_, _>>()?)
}

/// Deletes a VPC with what it has of its own. Refused while anything of a client's is in it.
pub async fn delete(tx: &mut Tx, vpc: vpc::Model) -> Outcome<()> {
    if let Some(dependent) = dependent(tx, &vpc.vpc_id).await? {
        let message = format!(
            "The vpc '{}' has dependencies and cannot be deleted: {dependent} is still there. Delete or detach it first.",
            vpc.vpc_id
        );
        return Err(Fault::new(ErrorCode::DependencyViolation, message).into());
    }
    peering::leave(tx, &vpc.vpc_id).await?;
    delete_own_group(tx, &vpc).await?;
    delete_own_acl(tx, &vpc).await?;
    delete_own_route_table(tx, &vpc).await?;
    vpc_cidr_block::Entity::delete_many().filter(vpc_cidr_block::Column::VpcId.eq(&vpc.vpc_id)).exec(tx.db()).await?;
    remove_tags(tx, &vpc.vpc_id).await?;
    vpc.delete(tx.db()).await?;
    Ok(())
}

/// Something in the VPC that does not go with it.
async fn dependent(tx: &Tx, vpc_id: &str) -> Outcome<Option<String>> {
    macro_rules! first {
        ($table:ident.$id:ident, $filter:expr) => {
            if let Some(row) = $table::Entity::find().filter($table::Column::VpcId.eq(vpc_id)).filter($filter).one(tx.db()).await? {
                return Ok(Some(row.$id));
            }
        };
    }
    first!(subnet.subnet_id, subnet::Column::SubnetId.ne(""));
    first!(internet_gateway.internet_gateway_id, internet_gateway::Column::InternetGatewayId.ne(""));
    first!(security_group.group_id, security_group::Column::GroupName.ne("default"));
    first!(vpc_endpoint.vpc_endpoint_id, vpc_endpoint::Column::VpcEndpointId.ne(""));
    first!(network_acl.network_acl_id, network_acl::Column::IsDefault.eq(false));
    let main = main_route_table_id(tx, vpc_id).await?;
    first!(route_table.route_table_id, route_table::Column::RouteTableId.ne(main));
    // Its own connections go with it; whoever asks for one is to have an answer.
    Ok(peering::unanswered(tx, vpc_id).await?.map(|row| row.vpc_peering_connection_id))
}

pub async fn main_route_table_id(tx: &Tx, vpc_id: &str) -> Outcome<String> {
    use route_table_association::{Column, Entity};
    let main = Entity::find().filter(Column::VpcId.eq(vpc_id)).filter(Column::SubnetId.is_null()).one(tx.db()).await?;
    Ok(main.ok_or_else(|| Fault::internal("a VPC has no main route table", vpc_id.to_owned()))?.route_table_id)
}

async fn delete_own_group(tx: &mut Tx, vpc: &vpc::Model) -> Outcome<()> {
    for row in security_group::Entity::find().filter(security_group::Column::VpcId.eq(&vpc.vpc_id)).all(tx.db()).await? {
        group::delete(tx, row).await?;
    }
    Ok(())
}

async fn delete_own_acl(tx: &Tx, vpc: &vpc::Model) -> Outcome<()> {
    for acl in network_acl::Entity::find().filter(network_acl::Column::VpcId.eq(&vpc.vpc_id)).all(tx.db()).await? {
        let entries = network_acl_entry::Entity::delete_many();
        entries.filter(network_acl_entry::Column::NetworkAclId.eq(&acl.network_acl_id)).exec(tx.db()).await?;
        remove_tags(tx, &acl.network_acl_id).await?;
        acl.delete(tx.db()).await?;
    }
    Ok(())
}

async fn delete_own_route_table(tx: &Tx, vpc: &vpc::Model) -> Outcome<()> {
    let associations = route_table_association::Entity::delete_many();
    associations.filter(route_table_association::Column::VpcId.eq(&vpc.vpc_id)).exec(tx.db()).await?;
    for table in route_table::Entity::find().filter(route_table::Column::VpcId.eq(&vpc.vpc_id)).all(tx.db()).await? {
        route::Entity::delete_many().filter(route::Column::RouteTableId.eq(&table.route_table_id)).exec(tx.db()).await?;
        remove_tags(tx, &table.route_table_id).await?;
        table.delete(tx.db()).await?;
    }
    Ok(())
}
