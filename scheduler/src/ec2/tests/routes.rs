//! Where routes lead, as clients see it and as hosts are told.

use freehold_proto::internal::host::{RouteDesired, RouterInterface, VpcDesired, route_desired};
use sea_orm::{EntityTrait, IntoActiveModel};

use super::*;
use crate::lab::{ALICE, Agent, BOB, Lab};
use crate::store::{network_interface_attachment, route};

/// A running instance in the default VPC, whose main table everything goes by.
struct Net {
    lab: Lab,
    agent: Agent,
    instance: String,
    interface: String,
    address: String,
    vpc: String,
    subnet: String,
    gateway: String,
    main: String,
}

impl Net {
    async fn new() -> Self {
        let lab = Lab::new().await;
        let agent = Agent::obedient(&lab).await;
        let id = lab.run(lab.launch()).await.instance_id.expect("an id");
        lab.until_state(&id, "running").await;
        let instance = lab.instance(&id).await;
        let gateway = lab.ok(ec2::DescribeInternetGatewaysRequest::default()).await.internet_gateways.remove(0);
        let main = lab.ok(ec2::DescribeRouteTablesRequest::default()).await.route_tables.remove(0);
        Self {
            interface: instance.network_interfaces[0].network_interface_id.clone().expect("an id"),
            address: instance.private_ip_address.expect("an address"),
            vpc: instance.vpc_id.expect("an id"),
            subnet: instance.subnet_id.expect("an id"),
            gateway: gateway.internet_gateway_id.expect("an id"),
            main: main.route_table_id.expect("an id"),
            instance: id,
            lab,
            agent,
        }
    }

    async fn table(&self) -> String {
        let made = self.lab.ok(ec2::CreateRouteTableRequest { vpc_id: self.vpc.clone(), ..Default::default() }).await;
        made.route_table.expect("a table").route_table_id.expect("an id")
    }

    /// A table's route to a destination, as it is shown.
    async fn shown(&self, table: &str, to: &str) -> Option<ec2::Route> {
        let asked = ec2::DescribeRouteTablesRequest { route_table_ids: vec![table.into()], ..Default::default() };
        let table = self.lab.ok(asked).await.route_tables.remove(0);
        table.routes.into_iter().find(|route| route.destination_cidr_block.as_deref() == Some(to))
    }

    async fn state(&self, table: &str, to: &str) -> String {
        self.shown(table, to).await.expect("a route").state.expect("a state")
    }

    /// Waits until the host has been told that packets of the subnet to `to` go there.
    async fn told(&self, to: &str, target: Option<&route_desired::Target>) {
        let what = format!("{to} leads to {target:?}");
        let is = |vpc: &VpcDesired| {
            let subnet = vpc.subnets.iter().find(|subnet| subnet.subnet_id == self.subnet)?;
            let table = vpc.route_tables.iter().find(|table| table.route_table_id == subnet.route_table_id)?;
            let route: &RouteDesired = table.routes.iter().find(|route| route.cidr_block == to)?;
            Some(route.target.as_ref() == target)
        };
        self.agent.until_told(&what, |told| told.vpcs.get(&self.vpc).and_then(is) == Some(true)).await;
    }

    /// Waits until the host has been told nothing of `to` any more.
    async fn told_no_route(&self, to: &str) {
        let has = |vpc: &VpcDesired| vpc.route_tables.iter().flat_map(|table| &table.routes).any(|route| route.cidr_block == to);
        self.agent.until_told(&format!("no route to {to}"), |told| !told.vpcs.get(&self.vpc).is_some_and(has)).await;
    }

    fn router(&self) -> route_desired::Target {
        let (network_interface_id, private_ip_address) = (self.interface.clone(), self.address.clone());
        route_desired::Target::NetworkInterface(RouterInterface { network_interface_id, private_ip_address })
    }
}

fn route_to(table: &str, to: &str) -> ec2::CreateRouteRequest {
    ec2::CreateRouteRequest { route_table_id: table.into(), destination_cidr_block: Some(to.into()), ..Default::default() }
}

fn instead(table: &str, to: &str) -> ec2::ReplaceRouteRequest {
    ec2::ReplaceRouteRequest { route_table_id: table.into(), destination_cidr_block: Some(to.into()), ..Default::default() }
}

#[tokio::test]
async fn a_route_to_an_instance_is_there_while_the_instance_runs() {
    let net = Net::new().await;
    let to = "10.9.0.0/16";
    net.lab.ok(ec2::CreateRouteRequest { instance_id: Some(net.instance.clone()), ..route_to(&net.main, "10.9.1.2/16") }).await;
    let shown = net.shown(&net.main, to).await.expect("a route");
    let expected = ec2::Route {
        destination_cidr_block: Some(to.into()),
        instance_id: Some(net.instance.clone()),
        instance_owner_id: Some(ALICE.into()),
        network_interface_id: Some(net.interface.clone()),
        origin: Some("CreateRoute".into()),
        state: Some("active".into()),
        ..Default::default()
    };
    assert_eq!(shown, expected);
    net.told(to, Some(&net.router())).await;

    net.lab.stop(&net.instance).await;
    assert_eq!(net.state(&net.main, to).await, "blackhole");
    net.told(to, None).await;
    net.lab.until_state(&net.instance, "stopped").await;
    net.lab.start(&net.instance).await;
    net.lab.until_state(&net.instance, "running").await;
    assert_eq!(net.state(&net.main, to).await, "active");
    net.told(to, Some(&net.router())).await;

    // Somebody else keeps the VPC on the host.
    let other = net.lab.run(ec2::RunInstancesRequest { subnet_id: Some(net.subnet.clone()), ..net.lab.launch() }).await;
    net.lab.until_state(other.instance_id.as_deref().expect("an id"), "running").await;
    net.lab.terminate(&net.instance).await;
    net.lab.until_state(&net.instance, "terminated").await;
    let left = net.shown(&net.main, to).await.expect("a route");
    assert_eq!(
        (left.state.as_deref(), left.network_interface_id, left.instance_id),
        (Some("blackhole"), Some(net.interface.clone()), None)
    );
    net.told(to, None).await;
    let gone = ec2::CreateRouteRequest { instance_id: Some(net.instance.clone()), ..route_to(&net.main, "10.8.0.0/16") };
    assert_eq!(net.lab.code(gone.clone()).await, ErrorCode::IncorrectInstanceState);
    let gone = ec2::ReplaceRouteRequest { instance_id: gone.instance_id, ..instead(&net.main, to) };
    assert_eq!(net.lab.code(gone).await, ErrorCode::IncorrectInstanceState);
    let delete =
        ec2::DeleteRouteRequest { route_table_id: net.main.clone(), destination_cidr_block: Some(to.into()), ..Default::default() };
    net.lab.ok(delete).await;
    net.told_no_route(to).await;
}

#[tokio::test]
async fn a_subnet_goes_by_its_own_table_and_others_by_the_main_one() {
    let net = Net::new().await;
    let outside = route_desired::Target::InternetGatewayId(net.gateway.clone());
    net.told("0.0.0.0/0", Some(&outside)).await;
    let (table, second) = (net.table().await, net.table().await);
    let associate =
        ec2::AssociateRouteTableRequest { route_table_id: table.clone(), subnet_id: Some(net.subnet.clone()), ..Default::default() };
    let association = net.lab.ok(associate).await.association_id.expect("an id");
    let uses = async |table: &str| {
        let is = |vpc: &VpcDesired| vpc.subnets.iter().any(|one| one.subnet_id == net.subnet && one.route_table_id == table);
        net.agent.until_told(&format!("the subnet has {table}"), |told| told.vpcs.get(&net.vpc).is_some_and(is)).await;
    };
    uses(&table).await;
    net.lab.ok(ec2::CreateRouteRequest { gateway_id: Some(net.gateway.clone()), ..route_to(&table, "203.0.113.0/24") }).await;
    net.told("203.0.113.0/24", Some(&outside)).await;
    let replace = |association: &str, table: &str| ec2::ReplaceRouteTableAssociationRequest {
        association_id: association.into(),
        route_table_id: table.into(),
        dry_run: None,
    };
    let new = net.lab.ok(replace(&association, &second)).await.new_association_id.expect("an id");
    assert_ne!(new, association);
    uses(&second).await;
    assert_eq!(net.lab.code(replace(&association, &table)).await, ErrorCode::InvalidAssociationIdNotFound, "it is another one now");
    net.lab.ok(ec2::DisassociateRouteTableRequest { association_id: new, dry_run: None }).await;
    uses(&net.main).await;

    // The main one moves, and the one that was it can go.
    let asked = || ec2::DescribeRouteTablesRequest { filters: vec![filter("association.main", &["true"])], ..Default::default() };
    let main = net.lab.ok(asked()).await.route_tables.remove(0).associations.remove(0).route_table_association_id.expect("an id");
    let moved = net.lab.ok(replace(&main, &second)).await;
    assert_eq!(moved.association_state.and_then(|state| state.state).as_deref(), Some("associated"));
    uses(&second).await;
    let [shown] = net.lab.ok(asked()).await.route_tables.try_into().expect("one main table");
    assert_eq!(shown.route_table_id.as_ref(), Some(&second));
    assert_eq!(
        (shown.associations[0].main, shown.associations[0].route_table_association_id.clone()),
        (Some(true), moved.new_association_id)
    );
    net.lab.ok(ec2::DeleteRouteTableRequest { route_table_id: net.main.clone(), dry_run: None }).await;
    net.lab.ok(ec2::DeleteRouteTableRequest { route_table_id: table, dry_run: None }).await;
    assert_eq!(net.lab.ok(ec2::DescribeRouteTablesRequest::default()).await.route_tables.len(), 1);
}

#[tokio::test]
async fn within_the_vpc_a_route_leads_to_an_interface_and_the_local_one_comes_back() {
    let net = Net::new().await;
    let through = || Some(net.interface.clone());
    let block = "172.31.0.0/16";
    let subnets = net.lab.ok(ec2::DescribeSubnetsRequest::default()).await.subnets;
    let narrow =
        subnets.into_iter().find(|one| one.subnet_id.as_ref() != Some(&net.subnet)).expect("another subnet").cidr_block.expect("a block");
    let create = |to: &str| ec2::CreateRouteRequest { network_interface_id: through(), ..route_to(&net.main, to) };
    let out = |to: &str| ec2::CreateRouteRequest { gateway_id: Some(net.gateway.clone()), ..route_to(&net.main, to) };
    assert_eq!(net.lab.code(create(block)).await, ErrorCode::RouteAlreadyExists, "the local one");
    assert_eq!(net.lab.code(out(&narrow)).await, ErrorCode::InvalidParameterValue);
    assert_eq!(net.lab.code(create("172.31.0.0/17")).await, ErrorCode::InvalidParameterValue, "no subnet");
    net.lab.ok(create(&narrow)).await;
    net.told(&narrow, Some(&net.router())).await;

    let replace = |to: &str| instead(&net.main, to);
    net.lab.ok(ec2::ReplaceRouteRequest { network_interface_id: through(), ..replace(block) }).await;
    net.told(block, Some(&net.router())).await;
    let shown = net.shown(&net.main, block).await.expect("a route");
    assert_eq!((shown.network_interface_id, shown.gateway_id, shown.origin.as_deref()), (through(), None, Some("CreateRouteTable")));
    let gateway = ec2::ReplaceRouteRequest { gateway_id: Some(net.gateway.clone()), ..replace(block) };
    assert_eq!(net.lab.code(gateway).await, ErrorCode::InvalidParameterValue);
    let delete =
        ec2::DeleteRouteRequest { route_table_id: net.main.clone(), destination_cidr_block: Some(block.into()), ..Default::default() };
    assert_eq!(net.lab.code(delete).await, ErrorCode::InvalidParameterValue, "it is the local route whatever it leads to");
    for local in [
        ec2::ReplaceRouteRequest { local_target: Some(true), ..replace(block) },
        ec2::ReplaceRouteRequest { gateway_id: Some("local".into()), ..replace(block) },
    ] {
        net.lab.ok(ec2::ReplaceRouteRequest { network_interface_id: through(), ..replace(block) }).await;
        net.lab.ok(local.clone()).await;
        net.lab.ok(local).await;
        assert_eq!(net.shown(&net.main, block).await.and_then(|route| route.gateway_id).as_deref(), Some("local"));
        net.told_no_route(block).await;
    }

    // What stands in the place of a block's local route goes with the block.
    let second =
        ec2::AssociateVpcCidrBlockRequest { vpc_id: net.vpc.clone(), cidr_block: Some("172.30.0.0/16".into()), ..Default::default() };
    let second = net.lab.ok(second).await.cidr_block_association.and_then(|one| one.association_id).expect("an id");
    assert_eq!(net.state(&net.main, "172.30.0.0/16").await, "active");
    net.lab.ok(ec2::ReplaceRouteRequest { network_interface_id: through(), ..replace("172.30.0.0/16") }).await;
    net.lab.ok(ec2::DisassociateVpcCidrBlockRequest { association_id: second }).await;
    assert_eq!(net.shown(&net.main, "172.30.0.0/16").await, None);
}

#[tokio::test]
async fn what_a_route_can_not_be_is_refused() {
    let net = Net::new().await;
    let lab = &net.lab;
    let vpc = lab.ok(ec2::CreateVpcRequest { cidr_block: Some("10.0.0.0/16".into()), ..Default::default() }).await.vpc.expect("a VPC");
    let far = ec2::CreateRouteTableRequest { vpc_id: vpc.vpc_id.expect("an id"), ..Default::default() };
    let far = lab.ok(far).await.route_table.expect("a table").route_table_id.expect("an id");
    let loose = lab.ok(ec2::CreateInternetGatewayRequest::default()).await.internet_gateway.expect("a gateway").internet_gateway_id;
    let table = net.table().await;
    let to = "10.9.0.0/16";
    // Each of both: to a destination that is there already, where it is replaced.
    lab.ok(ec2::CreateRouteRequest { gateway_id: Some(net.gateway.clone()), ..route_to(&table, to) }).await;
    macro_rules! refused {
        ($code:ident, $table:expr, $to:expr $(, $member:ident: $id:expr)*) => {
            let create = ec2::CreateRouteRequest { $($member: Some($id.into()),)* ..route_to($table, $to) };
            assert_eq!(lab.code(create).await, ErrorCode::$code);
            let replace = ec2::ReplaceRouteRequest { $($member: Some($id.into()),)* ..instead($table, $to) };
            assert_eq!(lab.code(replace).await, ErrorCode::$code);
        };
    }
    let gateway = net.gateway.as_str();
    refused!(MissingParameter, "", to, gateway_id: gateway);
    refused!(MissingParameter, &table, "", gateway_id: gateway);
    refused!(MissingParameter, &table, to);
    refused!(InvalidRouteTableIdMalformed, "rtb-zzz", to, gateway_id: gateway);
    refused!(InvalidRouteTableIdNotFound, "rtb-0123456789abcdef0", to, gateway_id: gateway);
    refused!(InvalidParameterCombination, &table, to, gateway_id: gateway, instance_id: net.instance.as_str());
    refused!(InvalidParameterValue, &table, "10.9.0.0", gateway_id: gateway);
    refused!(InvalidParameterValue, &table, "169.254.169.254/32", gateway_id: gateway);
    refused!(InvalidParameterValue, &table, to, gateway_id: "local");
    for absent in ["igw-0123456789abcdef0", "igw-zzz", "vgw-0123456789abcdef0", net.interface.as_str()] {
        refused!(InvalidGatewayIdNotFound, &table, to, gateway_id: absent);
    }
    refused!(InvalidParameterValue, &table, to, gateway_id: loose.as_deref().expect("an id"));
    refused!(InvalidParameterValue, &far, to, gateway_id: gateway);
    refused!(InvalidParameterValue, &far, to, network_interface_id: net.interface.as_str());
    refused!(InvalidNetworkInterfaceIdMalformed, &table, to, network_interface_id: "eni-zzz");
    refused!(InvalidNetworkInterfaceIdNotFound, &table, to, network_interface_id: "eni-0123456789abcdef0");
    refused!(InvalidInstanceIdMalformed, &table, to, instance_id: "i-zzz");
    refused!(InvalidInstanceIdNotFound, &table, to, instance_id: "i-0123456789abcdef0");
    second_interface(&net.lab).await;
    refused!(InvalidInstanceId, &table, to, instance_id: net.instance.as_str());
    let again = ec2::CreateRouteRequest { gateway_id: Some(gateway.into()), ..route_to(&table, to) };
    assert_eq!(lab.code(again.clone()).await, ErrorCode::RouteAlreadyExists);
    assert_eq!(lab.call(BOB, again).await.expect_err("foreign").code, ErrorCode::InvalidRouteTableIdNotFound);
    let nothing_there = ec2::ReplaceRouteRequest { gateway_id: Some(gateway.into()), ..instead(&table, "10.8.0.0/16") };
    assert_eq!(lab.code(nothing_there).await, ErrorCode::InvalidParameterValue);
    many_routes(&net, &table).await;
    let more = ec2::CreateRouteRequest { gateway_id: Some(gateway.into()), ..route_to(&table, "192.0.2.0/24") };
    assert_eq!(lab.code(more).await, ErrorCode::RouteLimitExceeded);
}

/// As many as a table may have.
async fn many_routes(net: &Net, table: &str) {
    let tx = net.lab.store().begin(ALICE).await.expect("a transaction");
    let rows = (0..999_u32).map(|number| route::Model {
        route_table_id: table.to_owned(),
        destination: format!("11.{}.{}.0/24", number / 256, number % 256),
        account_id: ALICE.into(),
        target: net.gateway.clone(),
        created: 0,
    });
    let insert = route::Entity::insert_many(rows.map(IntoActiveModel::into_active_model));
    insert.exec_without_returning(tx.db()).await.expect("rows");
    tx.commit().await.expect("committed");
}

/// The instance has another interface as well.
pub async fn second_interface(lab: &Lab) {
    use sea_orm::ActiveModelTrait as _;
    let tx = lab.store().begin(ALICE).await.expect("a transaction");
    let row = network_interface_attachment::Entity::find().one(tx.db()).await.expect("a read").expect("an attachment");
    let interface = crate::store::network_interface::Entity::find().one(tx.db()).await.expect("a read").expect("an interface");
    let id = "eni-00000000000000001".to_owned();
    let interface =
        crate::store::network_interface::Model { network_interface_id: id.clone(), mac_address: "02:00:00:00:00:01".into(), ..interface };
    interface.into_active_model().insert(tx.db()).await.expect("an interface");
    let row = network_interface_attachment::Model {
        attachment_id: "eni-attach-00000000000000001".into(),
        network_interface_id: id,
        device_index: 1,
        ..row
    };
    row.into_active_model().insert(tx.db()).await.expect("an attachment");
    tx.commit().await.expect("committed");
}

#[tokio::test]
async fn a_table_is_found_by_what_it_shows() {
    let net = Net::new().await;
    let specification = ec2::TagSpecification { resource_type: Some("route-table".into()), tags: vec![tag("tier", "private")] };
    let request = ec2::CreateRouteTableRequest {
        vpc_id: net.vpc.clone(),
        tag_specifications: vec![specification],
        client_token: Some("once".into()),
        ..Default::default()
    };
    let made = net.lab.ok(request.clone()).await;
    assert_eq!(made.client_token.as_deref(), Some("once"));
    assert_eq!(net.lab.ok(request).await, made, "the same token, the same table");
    let table = made.route_table.expect("a table").route_table_id.expect("an id");
    let associate =
        ec2::AssociateRouteTableRequest { route_table_id: table.clone(), subnet_id: Some(net.subnet.clone()), ..Default::default() };
    let association = net.lab.ok(associate).await.association_id.expect("an id");
    net.lab.ok(ec2::CreateRouteRequest { instance_id: Some(net.instance.clone()), ..route_to(&table, "10.9.0.0/16") }).await;
    let find = async |name: &str, value: &str| -> Vec<String> {
        let asked = ec2::DescribeRouteTablesRequest { filters: vec![filter(name, &[value])], ..Default::default() };
        net.lab.ok(asked).await.route_tables.into_iter().filter_map(|table| table.route_table_id).collect()
    };
    for (name, value) in [
        ("association.main", "false"),
        ("association.route-table-association-id", &association),
        ("association.route-table-id", &table),
        ("association.subnet-id", &net.subnet),
        ("route-table-id", &table),
        ("route.destination-cidr-block", "10.9.0.0/16"),
        ("route.instance-id", &net.instance),
        ("route.origin", "CreateRoute"),
        ("tag:tier", "private"),
        ("tag-key", "tier"),
    ] {
        let expected = if name == "route.origin" { 2 } else { 1 };
        let found = find(name, value).await;
        assert!(found.contains(&table) && found.len() == expected, "{name}={value}: {found:?}");
        assert_eq!(find(name, "else").await, [""; 0], "{name}");
    }
    assert_eq!(find("route.gateway-id", &net.gateway).await, std::slice::from_ref(&net.main));
    assert_eq!(find("route.state", "blackhole").await, [""; 0]);
    net.lab.stop(&net.instance).await;
    assert_eq!(find("route.state", "blackhole").await, std::slice::from_ref(&table));
    for (name, value) in [("vpc-id", net.vpc.as_str()), ("owner-id", ALICE), ("route.state", "active"), ("route.gateway-id", "local")] {
        assert_eq!(find(name, value).await.len(), 2, "{name}");
    }
}
