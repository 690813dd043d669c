//! Every error code that the actions of route tables declare. What routes lead to needs instances: see [`super::routes`].

use sea_orm::{EntityTrait, IntoActiveModel};

use super::network_refusals::{new_vpc, subnet_of, too_many_tags};
use super::*;
use crate::store::route_table;

const ABSENT_TABLE: &str = "rtb-0123456789abcdef0";
const ABSENT_ASSOCIATION: &str = "rtbassoc-0123456789abcdef0";

pub async fn refusals(bench: &Bench) {
    // The limit of VPCs is reached by the tests before.
    let (one, other) = (vpc_of(bench, "10.20.0.0/16").await, vpc_of(bench, "10.30.0.0/16").await);
    tables(bench, &one).await;
    routes(bench, &one).await;
    associations(bench, &one, &other).await;
    limit(bench, &one).await;
}

async fn vpc_of(bench: &Bench, block: &str) -> String {
    let request = ec2::DescribeVpcsRequest { filters: vec![filter("cidr", &[block])], ..Default::default() };
    bench.get(request).await.vpcs.remove(0).vpc_id.expect("an id")
}

pub async fn new_table(bench: &Bench, vpc: &str) -> String {
    let request = ec2::CreateRouteTableRequest { vpc_id: vpc.into(), ..Default::default() };
    bench.get(request).await.route_table.expect("a table").route_table_id.expect("an id")
}

/// The id of the VPC's main table's association, and of the table.
pub async fn main_of(bench: &Bench, vpc: &str) -> (String, String) {
    let filters = vec![filter("vpc-id", &[vpc]), filter("association.main", &["true"])];
    let table = bench.get(ec2::DescribeRouteTablesRequest { filters, ..Default::default() }).await.route_tables.remove(0);
    let main = table.associations.into_iter().find(|one| one.main == Some(true)).expect("the main one");
    (main.route_table_association_id.expect("an id"), main.route_table_id.expect("an id"))
}

async fn tables(bench: &Bench, vpc: &str) {
    let create = |vpc: &str| ec2::CreateRouteTableRequest { vpc_id: vpc.into(), ..Default::default() };
    bench.refused(ErrorCode::MissingParameter, create("")).await;
    bench.refused(ErrorCode::InvalidVpcIdMalformed, create("vpc-zzz")).await;
    bench.refused(ErrorCode::InvalidVpcIdNotFound, create("vpc-0123456789abcdef0")).await;
    assert_eq!(bench.ask(TWO, create(vpc)).await.expect_err("foreign").code, ErrorCode::InvalidVpcIdNotFound);
    let tagged = |kind: &str| ec2::CreateRouteTableRequest { tag_specifications: too_many_tags(kind), ..create(vpc) };
    bench.refused(ErrorCode::TagLimitExceeded, tagged("route-table")).await;
    bench.refused(ErrorCode::InvalidParameterValue, tagged("vpc")).await;
    let delete = |id: &str| ec2::DeleteRouteTableRequest { route_table_id: id.into(), dry_run: None };
    bench.refused(ErrorCode::MissingParameter, delete("")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdMalformed, delete("rtb-zzz")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdNotFound, delete(ABSENT_TABLE)).await;
    let (_, main) = main_of(bench, vpc).await;
    assert_eq!(bench.ask(TWO, delete(&main)).await.expect_err("foreign").code, ErrorCode::InvalidRouteTableIdNotFound);
    let fault = bench.refused(ErrorCode::DependencyViolation, delete(&main)).await;
    assert!(fault.message.contains(vpc), "{}", fault.message);
}

async fn routes(bench: &Bench, vpc: &str) {
    let table = new_table(bench, vpc).await;
    let delete = |table: &str, to: &str| ec2::DeleteRouteRequest {
        route_table_id: table.into(),
        destination_cidr_block: Some(to.into()),
        ..Default::default()
    };
    bench.refused(ErrorCode::MissingParameter, delete("", "10.9.0.0/16")).await;
    bench.refused(ErrorCode::MissingParameter, delete(&table, "")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdMalformed, delete("rtb-zzz", "10.9.0.0/16")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdNotFound, delete(ABSENT_TABLE, "10.9.0.0/16")).await;
    bench.refused(ErrorCode::InvalidParameterValue, delete(&table, "10.9.0.0")).await;
    bench.refused(ErrorCode::InvalidRouteNotFound, delete(&table, "10.9.0.0/16")).await;
    let fault = bench.refused(ErrorCode::InvalidParameterValue, delete(&table, "10.20.0.0/16")).await;
    assert!(fault.message.contains("local"), "{}", fault.message);
    bench.get(ec2::DeleteRouteTableRequest { route_table_id: table, dry_run: None }).await;
}

async fn associations(bench: &Bench, vpc: &str, other_vpc: &str) {
    let subnet = bench.get(subnet_of(vpc, "10.20.1.0/24")).await.subnet.expect("a subnet").subnet_id.expect("an id");
    let (table, second, far) = (new_table(bench, vpc).await, new_table(bench, vpc).await, new_table(bench, other_vpc).await);
    let associate = |table: &str, subnet: &str| ec2::AssociateRouteTableRequest {
        route_table_id: table.into(),
        subnet_id: Some(subnet.into()),
        ..Default::default()
    };
    bench.refused(ErrorCode::MissingParameter, associate("", &subnet)).await;
    bench.refused(ErrorCode::MissingParameter, associate(&table, "")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdMalformed, associate("rtb-zzz", &subnet)).await;
    bench.refused(ErrorCode::InvalidRouteTableIdNotFound, associate(ABSENT_TABLE, &subnet)).await;
    bench.refused(ErrorCode::InvalidSubnetIdMalformed, associate(&table, "subnet-zzz")).await;
    bench.refused(ErrorCode::InvalidSubnetIdNotFound, associate(&table, "subnet-0123456789abcdef0")).await;
    bench.refused(ErrorCode::InvalidParameterValue, associate(&far, &subnet)).await;
    let made = bench.get(associate(&table, &subnet)).await.association_id.expect("an id");
    assert_eq!(bench.get(associate(&table, &subnet)).await.association_id.as_ref(), Some(&made), "it is so already");
    bench.refused(ErrorCode::ResourceAlreadyAssociated, associate(&second, &subnet)).await;
    let fault = bench.ask(ONE, ec2::DeleteRouteTableRequest { route_table_id: table.clone(), dry_run: None }).await.expect_err("in use");
    assert!(fault.code == ErrorCode::DependencyViolation && fault.message.contains(&subnet), "{fault}");
    let (main, _) = main_of(bench, vpc).await;
    replacements(bench, &made, &second, &far).await;
    let part = |id: &str| ec2::DisassociateRouteTableRequest { association_id: id.into(), dry_run: None };
    bench.refused(ErrorCode::MissingParameter, part("")).await;
    bench.refused(ErrorCode::InvalidAssociationIdMalformed, part("rtbassoc-zzz")).await;
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, part(ABSENT_ASSOCIATION)).await;
    bench.refused(ErrorCode::InvalidParameterValue, part(&main)).await;
    assert_eq!(bench.ask(TWO, part(&made)).await.expect_err("foreign").code, ErrorCode::InvalidAssociationIdNotFound);
    bench.get(part(&made)).await;
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, part(&made)).await;
}

async fn replacements(bench: &Bench, association: &str, table: &str, far: &str) {
    let replace = |association: &str, table: &str| ec2::ReplaceRouteTableAssociationRequest {
        association_id: association.into(),
        route_table_id: table.into(),
        dry_run: None,
    };
    bench.refused(ErrorCode::MissingParameter, replace("", table)).await;
    bench.refused(ErrorCode::MissingParameter, replace(association, "")).await;
    bench.refused(ErrorCode::InvalidAssociationIdMalformed, replace("rtbassoc-zzz", table)).await;
    bench.refused(ErrorCode::InvalidAssociationIdNotFound, replace(ABSENT_ASSOCIATION, table)).await;
    bench.refused(ErrorCode::InvalidRouteTableIdMalformed, replace(association, "rtb-zzz")).await;
    bench.refused(ErrorCode::InvalidRouteTableIdNotFound, replace(association, ABSENT_TABLE)).await;
    bench.refused(ErrorCode::InvalidParameterValue, replace(association, far)).await;
}

async fn limit(bench: &Bench, vpc: &str) {
    let tx = bench.scheduler.store().begin(ONE).await.expect("a transaction");
    let rows = (0..200_u32).map(|number| route_table::Model {
        route_table_id: format!("rtb-{number:017x}"),
        account_id: ONE.into(),
        vpc_id: vpc.into(),
        created: 0,
    });
    let insert = route_table::Entity::insert_many(rows.map(IntoActiveModel::into_active_model));
    insert.exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
    let more = ec2::CreateRouteTableRequest { vpc_id: vpc.into(), ..Default::default() };
    bench.refused(ErrorCode::RouteTableLimitExceeded, more).await;
}

#[tokio::test]
async fn a_block_that_holds_a_route_s_destination_is_not_for_the_vpc() {
    let bench = Bench::new().await;
    let vpc = new_vpc(&bench, "10.1.0.0/16").await.vpc_id.expect("an id");
    let gateway = bench.get(ec2::CreateInternetGatewayRequest::default()).await.internet_gateway.expect("a gateway");
    let gateway = gateway.internet_gateway_id.expect("an id");
    let attach = ec2::AttachInternetGatewayRequest { internet_gateway_id: gateway.clone(), vpc_id: vpc.clone(), dry_run: None };
    bench.get(attach).await;
    let (_, table) = main_of(&bench, &vpc).await;
    let route = ec2::CreateRouteRequest {
        route_table_id: table,
        destination_cidr_block: Some("10.3.4.0/24".into()),
        gateway_id: Some(gateway),
        ..Default::default()
    };
    assert_eq!(bench.get(route).await.r#return, Some(true));
    let associate =
        |block: &str| ec2::AssociateVpcCidrBlockRequest { vpc_id: vpc.clone(), cidr_block: Some(block.into()), ..Default::default() };
    for block in ["10.3.0.0/16", "10.3.4.0/24"] {
        bench.refused(ErrorCode::InvalidVpcRange, associate(block)).await;
    }
    bench.get(associate("10.3.4.0/25")).await;
}
