//! What every account has from the start, as EC2 gives it: a VPC 172.31.0.0/16 with an internet gateway, a /20 subnet per zone that
//! gives public addresses, and a default security group that lets its members talk to each other and out, and nobody in.
//! Source: <https://docs.aws.amazon.com/vpc/latest/userguide/default-vpc-components.html>.
//!
//! Every account's is the same 172.31.0.0/16: the VNI tells them apart.

use std::net::Ipv4Addr;

use freehold_proto::id::InternetGatewayId;
use freehold_proto::{ErrorCode, Fault};
use ipnet::Ipv4Net;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, QueryTrait};

use super::{cidr, dhcp, route, subnet, vpc};
use crate::store::{Outcome, Store, Tx, dhcp_options, internet_gateway, route_table_association, subnet as subnet_row, vpc as vpc_row};

const CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(172, 31, 0, 0), 16);
const SUBNET_PREFIX: u8 = 20;

/// Makes the default VPC of the transaction's account.
pub async fn create(tx: &mut Tx) -> Outcome<vpc_row::Model> {
    let dhcp_options_id = dhcp::default_set(tx, tx.account()).await?.dhcp_options_id;
    let new = vpc::New { cidr_block: CIDR, is_default: true, enable_dns_hostnames: true, dhcp_options_id };
    let row = vpc::create(tx, new).await?;
    for zone in tx.settings().zones.clone() {
        create_subnet(tx, &row, &zone.name).await?;
    }
    let gateway = internet_gateway::Model {
        internet_gateway_id: InternetGatewayId::draw(tx.entropy()).into(),
        account_id: tx.account().to_owned(),
        vpc_id: Some(row.vpc_id.clone()),
        created: tx.now(),
    };
    let gateway = gateway.into_active_model().insert(tx.db()).await?;
    let table = vpc::main_route_table_id(tx, &row.vpc_id).await?;
    route_out(tx, table, &gateway).await?;
    Ok(row)
}

/// The account's, unless a client has deleted it.
pub async fn of_account(tx: &Tx) -> Outcome<Option<vpc_row::Model>> {
    let of_account = vpc_row::Entity::find().filter(vpc_row::Column::AccountId.eq(tx.account()));
    Ok(of_account.filter(vpc_row::Column::IsDefault.eq(true)).one(tx.db()).await?)
}

/// The first free /20 of the default VPC becomes a zone's default subnet.
pub async fn create_subnet(tx: &mut Tx, row: &vpc_row::Model, zone: &str) -> Outcome<subnet_row::Model> {
    let there = subnet::in_vpc(tx, &row.vpc_id).await?;
    let taken: Vec<Ipv4Net> = there.iter().map(|row| cidr::stored(&row.cidr_block)).collect::<Result<_, _>>()?;
    let mut blocks =
        cidr::stored(&row.cidr_block)?.subnets(SUBNET_PREFIX).map_err(|error| Fault::internal("splitting the default VPC", error))?;
    let free = blocks.find(|block| !taken.iter().any(|other| cidr::overlap(other, block))).ok_or_else(|| {
        let message = format!("There is no /20 left in '{}' for a default subnet. Delete a subnet first.", row.vpc_id);
        Fault::new(ErrorCode::InsufficientCidrBlocks, message)
    })?;
    let new = subnet::New { availability_zone: zone.to_owned(), cidr_block: &free.to_string(), is_default: true };
    subnet::create(tx, row, new).await
}

async fn route_out(tx: &Tx, route_table_id: String, gateway: &internet_gateway::Model) -> Outcome<()> {
    let target = gateway.internet_gateway_id.clone();
    route::insert(tx, (route_table_id, gateway.account_id.clone()), Ipv4Net::default(), target).await
}

/// Gives the VPCs of a store from before there were route tables what VPCs have now. They were all default ones, with a way out.
pub async fn complete(store: &Store) -> Outcome<()> {
    let mut tx = store.begin("").await?;
    let furnished = route_table_association::Entity::find().select_only().column(route_table_association::Column::VpcId).into_query();
    for row in vpc_row::Entity::find().filter(vpc_row::Column::VpcId.not_in_subquery(furnished)).all(tx.db()).await? {
        if dhcp_options::Entity::find_by_id(&row.dhcp_options_id).one(tx.db()).await?.is_none() {
            dhcp::insert_default(&tx, &row.account_id, row.dhcp_options_id.clone()).await?;
        }
        let table = vpc::create_main_route_table(&tx, &row).await?;
        let gateway = internet_gateway::Entity::find().filter(internet_gateway::Column::VpcId.eq(&row.vpc_id)).one(tx.db()).await?;
        if let Some(gateway) = gateway {
            route_out(&tx, table.route_table_id, &gateway).await?;
        }
        vpc::create_default_acl(&tx, &row).await?;
        for row in subnet::in_vpc(&tx, &row.vpc_id).await? {
            subnet::associate_default_acl(&tx, &row).await?;
        }
        super::restate(&mut tx, &row.vpc_id).await?;
    }
    tx.commit().await?;
    Ok(())
}
