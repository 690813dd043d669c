//! What every account has from the start, as EC2 gives it: a VPC 172.31.0.0/16 with an internet gateway, a /20 subnet per zone that
//! gives public addresses, and a default security group that lets its members talk to each other and out, and nobody in.
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html>.
//!
//! Every account's is the same 172.31.0.0/16: the VNI tells them apart.

use std::net::Ipv4Addr;

use freehold_proto::Fault;
use freehold_proto::id::{DhcpOptionsId, InternetGatewayId, SecurityGroupId, SecurityGroupRuleId, SubnetId, VpcId};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder};

use crate::store::{Outcome, Tx, internet_gateway, security_group, security_group_rule, subnet, vpc};

const CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
const SUBNET_PREFIX: u8 = 20;

/// Below stand the network identifiers that operators use by hand.
const FIRST_VNI: i64 = 4096;

/// Makes the default VPC of the transaction's account.
pub async fn create(tx: &mut Tx) -> Outcome<()> {
    let vpc_id = create_vpc(tx).await?;
    let blocks = CIDR.subnets(SUBNET_PREFIX).map_err(|error| Fault::internal("splitting the default VPC", error))?;
    let zones = tx.settings().zones.clone();
    for (zone, block) in zones.iter().zip(blocks) {
        let row = subnet::Model {
            subnet_id: SubnetId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            vpc_id: vpc_id.clone(),
            availability_zone: zone.name.clone(),
            cidr_block: block.to_string(),
            default_for_az: true,
            map_public_ip_on_launch: true,
            created: tx.now(),
        };
        row.into_active_model().insert(tx.db()).await?;
    }
    let gateway = internet_gateway::Model {
        internet_gateway_id: InternetGatewayId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        vpc_id: Some(vpc_id.clone()),
        created: tx.now(),
    };
    gateway.into_active_model().insert(tx.db()).await?;
    create_security_group(tx, vpc_id).await
}

async fn create_vpc(tx: &Tx) -> Outcome<String> {
    let newest = vpc::Entity::find().order_by_desc(vpc::Column::Vni).one(tx.db()).await?;
    let row = vpc::Model {
        vpc_id: VpcId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        cidr_block: CIDR.to_string(),
        cidr_association_id: VpcId::draw(tx.entropy()).as_str().replacen("vpc-", "vpc-cidr-assoc-", 1),
        is_default: true,
        vni: newest.map_or(FIRST_VNI, |vpc| vpc.vni + 1),
        dhcp_options_id: DhcpOptionsId::draw(tx.entropy()).into(),
        generation: 1,
        created: tx.now(),
    };
    Ok(row.into_active_model().insert(tx.db()).await?.vpc_id)
}

async fn create_security_group(tx: &Tx, vpc_id: String) -> Outcome<()> {
    let group = security_group::Model {
        group_id: SecurityGroupId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        vpc_id,
        group_name: "default".into(),
        description: "default VPC security group".into(),
        generation: 1,
        created: tx.now(),
    };
    let group = group.into_active_model().insert(tx.db()).await?;
    let among_members = (false, None, Some(group.group_id.clone()));
    let out_to_all = (true, Some("0.0.0.0/0".to_owned()), None);
    for (is_egress, cidr_ipv4, referenced_group_id) in [among_members, out_to_all] {
        let rule = security_group_rule::Model {
            security_group_rule_id: SecurityGroupRuleId::draw(tx.entropy()).into(),
            account_id: tx.account().to_owned(),
            group_id: group.group_id.clone(),
            is_egress,
            ip_protocol: "-1".into(),
            from_port: -1,
            to_port: -1,
            cidr_ipv4,
            referenced_group_id,
            description: None,
            created: tx.now(),
        };
        rule.into_active_model().insert(tx.db()).await?;
    }
    Ok(())
}
