"""The Terraform AWS provider, unmodified: apply, an empty plan, a change in place, an empty plan, import, destroy, nothing left."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from runner import NotToBeHad, Terraform  # noqa: E402

# Minutes each, of what tests/api asks of every change.
AT_LENGTH = pytest.mark.skipif(not os.environ.get("FREEHOLD_FULL"), reason="deploy/test --full terraform runs it")


@pytest.fixture(scope="module")
def account(cloud):
    return cloud.create_account("terraform")


@pytest.fixture
def terraform(account, tmp_path):
    """Makes one of a configuration; what is left of it after a failure is destroyed."""
    made = []

    def make(configuration, account=account, **options):
        try:
            made.append(Terraform(tmp_path / configuration, configuration, account, **options))
        except NotToBeHad as reason:
            pytest.skip(f"NOT RUN: {reason}")
        return made[-1]

    yield make
    for one in made:
        one.swept()


def in_place(actions):
    return {address for address, what in actions.items() if what == ["update"]}


@pytest.mark.parametrize("legacy", [False, True], ids=["AWS_ENDPOINT_URL", "endpoints"])
def test_a_key_pair(terraform, account, legacy):
    key = terraform("key_pair", legacy=legacy)
    key.apply()
    key.nothing_to_do()
    outputs = key.outputs()
    assert outputs["id"] == outputs["found"] and outputs["id"].startswith("key-")
    assert in_place(key.actions(stage=2)) == {"aws_key_pair.mine"}
    key.apply(stage=2)
    key.nothing_to_do(stage=2)
    key.destroy(stage=2)
    assert account.client().describe_key_pairs()["KeyPairs"] == []


def test_instances_in_the_default_vpc(terraform, account, cloud):
    web = terraform("instance", variables={"ami": cloud.ami()})
    web.apply()
    web.nothing_to_do()
    ids = web.outputs()["ids"]
    assert len(set(ids)) == 2
    for stage in (2, 3):
        assert in_place(web.actions(stage)) == {"aws_instance.web[0]", "aws_instance.web[1]", "aws_placement_group.apart"}, f"stage {stage}"
        web.apply(stage)
        web.nothing_to_do(stage)
        assert web.outputs()["ids"] == ids
    web.imported("aws_instance.web[0]", ids[0], stage=3)
    web.imported("aws_placement_group.parts", "terraform-parts", stage=3)
    web.destroy(stage=3)
    states = [i["State"]["Name"] for r in account.client().describe_instances()["Reservations"] for i in r["Instances"]]
    assert set(states) == {"terminated"}
    assert account.client().describe_volumes()["Volumes"] == []
    assert account.client().describe_placement_groups()["PlacementGroups"] == []


def test_types_images_and_zones_are_found(terraform, cloud):
    ami = cloud.ami()
    types = terraform("instance_types", variables={"ami": ami})
    types.apply()
    types.nothing_to_do()
    assert types.outputs()["seen"] == {
        "zones": ["us-east-1a", "us-east-1b", "us-east-1c"],
        "ami": ami,
        "large": [8, 4, 32768, [2, 4], 2300, 4],
        "burstable": ["t2.nano", "t3.nano", "t3a.nano", "t4g.nano"],
        # Of the three, one fits on the host and has a driver there.
        "offered": [["m5.large"], ["us-east-1a"]],
        "preferred": "c6i.large",
    }


def test_launch_templates_and_an_instance_of_one(terraform, account, cloud):
    web = terraform("launch_template", variables={"ami": cloud.ami()})
    web.apply()
    web.nothing_to_do()
    first = web.outputs()
    assert (first["latest"], first["default"], first["found"]) == (1, 1, first["id"])
    assert in_place(web.actions(stage=2)) == {"aws_launch_template.web", "aws_launch_template.unlaunched"}
    web.apply(stage=2)
    web.nothing_to_do(stage=2)
    assert web.outputs() == first | {"latest": 2, "default": 2}
    web.imported("aws_launch_template.web", first["id"], stage=2)
    web.destroy(stage=2)
    assert account.client().describe_launch_templates()["LaunchTemplates"] == []
    assert account.client().describe_instances(InstanceIds=[first["instance"]])["Reservations"][0]["Instances"][0]["State"]["Name"] == "terminated"


def test_security_groups_in_each_of_their_styles(terraform, account):
    ec2 = account.client()
    filters = terraform("network_filters")
    filters.apply()
    filters.nothing_to_do()
    ids = filters.outputs()["ids"]
    assert ids["found"] == ids["bare"]
    (closed,) = ec2.describe_security_groups(GroupIds=[ids["closed"]])["SecurityGroups"]
    assert (closed["IpPermissions"], closed["IpPermissionsEgress"]) == ([], [])
    assert in_place(filters.actions(stage=2)) == {
        "aws_security_group.inline", "aws_security_group_rule.ssh", "aws_network_acl.mine", "aws_vpc_security_group_ingress_rule.near", "aws_vpc_security_group_egress_rule.all",
        "aws_vpc_security_group_egress_rule.sixth",
    }
    filters.apply(stage=2)
    filters.nothing_to_do(stage=2)
    assert filters.outputs()["ids"] == ids
    (near,) = ec2.describe_security_group_rules(SecurityGroupRuleIds=[ids["near"]])["SecurityGroupRules"]
    assert (near["FromPort"], near["ToPort"], near["Tags"]) == (8080, 8090, [{"Key": "stage", "Value": "2"}])
    filters.imported("aws_vpc_security_group_ingress_rule.near", ids["near"], stage=2)
    filters.imported("aws_security_group.inline", ids["inline"], stage=2)
    filters.nothing_to_do(stage=2)
    filters.destroy(stage=2)
    assert ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [ids["vpc"]]}])["SecurityGroups"] == []


def test_route_tables_of_a_vpc(terraform, account, cloud):
    ec2 = account.client()
    before = ec2.describe_route_tables()["RouteTables"]
    net = terraform("routes", variables={"ami": cloud.ami()})
    net.apply()
    net.nothing_to_do()
    seen = {
        "blocks": ["10.0.0.0/16", "10.1.0.0/16"], "gateway": True, "subnets": 2, "subnet": True, "tables": 2, "main": True, "private": True,
        "out": True,
    }
    assert net.outputs()["seen"] == seen
    # A route gets another target in place, a table another route, and a subnet another table.
    changed = {"aws_route_table.public", "aws_route.out", "aws_route_table_association.private"}
    actions = net.actions(stage=2)
    assert in_place(actions) == changed
    assert actions["aws_ec2_subnet_cidr_reservation.pods"] == ["delete", "create"]
    net.apply(stage=2)
    net.nothing_to_do(stage=2)
    assert net.outputs()["seen"] == seen | {"private": False, "out": False}
    ids = net.outputs()["ids"]
    for address, identifier in [
        ("aws_route_table.public", ids["table"]), ("aws_route.out", ids["route"]), ("aws_route_table_association.public", ids["association"]),
        ("aws_ec2_subnet_cidr_reservation.pods", ids["reservation"]),
    ]:
        net.imported(address, identifier, stage=2)
    net.nothing_to_do(stage=2)
    net.destroy(stage=2)
    assert ec2.describe_route_tables()["RouteTables"] == before
    assert len(ec2.describe_internet_gateways()["InternetGateways"]) == len(ec2.describe_vpcs()["Vpcs"]) == 1


def test_elastic_addresses(terraform, account, cloud):
    net = terraform("addresses", variables={"ami": cloud.ami()})
    net.apply()
    net.nothing_to_do()
    seen = net.outputs()["seen"]
    assert (seen["own"], seen["on"]) == (True, True)
    name = lambda: account.client().describe_addresses_attribute(AllocationIds=seen["ids"][:1])["Addresses"][0]["PtrRecord"]  # noqa: E731
    assert name() == "mail1.example.com."
    assert in_place(net.actions(stage=2)) == {"aws_eip.own", "aws_eip_domain_name.own"}
    net.apply(stage=2)
    net.nothing_to_do(stage=2)
    assert net.outputs()["seen"] == seen
    assert name() == "mail2.example.com."
    shown = {one["AllocationId"]: one["InstanceId"] for one in account.client().describe_addresses()["Addresses"]}
    assert shown[seen["ids"][1]] == seen["first"] != shown[seen["ids"][0]]
    net.imported("aws_eip.own", seen["ids"][0], stage=2)
    net.destroy(stage=2)
    assert account.client().describe_addresses()["Addresses"] == []


@AT_LENGTH
def test_vpcs_that_are_peered(terraform, account):
    ec2 = account.client()
    net = terraform("peering")
    net.apply()
    net.nothing_to_do()
    assert net.outputs()["seen"] == {"found": True, "all": 2, "state": "active"}
    ids = net.outputs()["ids"]
    (route,) = [one for one in ec2.describe_route_tables(RouteTableIds=[ids["table"]])["RouteTables"][0]["Routes"] if "VpcPeeringConnectionId" in one]
    assert (route["VpcPeeringConnectionId"], route["State"]) == (ids["data"], "active")
    assert in_place(net.actions(stage=2)) == {"aws_vpc_peering_connection.data", "aws_vpc_peering_connection_options.tools", "aws_route_table.data"}
    net.apply(stage=2)
    net.nothing_to_do(stage=2)
    net.imported("aws_vpc_peering_connection_options.tools", ids["accepter"], stage=2)
    net.destroy(stage=2)
    shown = ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
    assert {one["Status"]["Code"] for one in shown} == {"deleted"}
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1


@AT_LENGTH
def test_prefix_lists_and_gateway_endpoints(terraform, account):
    ec2 = account.client()
    before = ec2.describe_managed_prefix_lists()["PrefixLists"]
    net = terraform("prefix_lists")
    net.apply()
    net.nothing_to_do()
    assert net.outputs()["seen"] == {"endpoint": True, "service": True, "lists": 2, "owner": "AWS", "entries": 2}
    ids = net.outputs()["ids"]
    actions = net.actions(stage=2)
    assert in_place(actions) == {
        "aws_ec2_managed_prefix_list.offices", "aws_vpc_security_group_ingress_rule.web", "aws_vpc_endpoint.s3", "aws_vpc_endpoint_policy.dynamodb",
    }
    assert actions["aws_ec2_managed_prefix_list_entry.partner[\"10.9.0.0/16\"]"] == ["delete"]
    net.apply(stage=2)
    net.nothing_to_do(stage=2)
    (table,) = ec2.describe_route_tables(RouteTableIds=[ids["table"]])["RouteTables"]
    services = [route for route in table["Routes"] if route.get("GatewayId", "").startswith("vpce-")]
    assert len(services) == 1 and services[0]["State"] == "active"
    entries = ec2.get_managed_prefix_list_entries(PrefixListId=ids["list"])["Entries"]
    assert entries == [{"Cidr": "192.0.2.0/24", "Description": "near"}, {"Cidr": "203.0.113.0/24", "Description": "far"}]
    for address, identifier in [("aws_ec2_managed_prefix_list.offices", ids["list"]), ("aws_route.partners", ids["route"]), ("aws_vpc_endpoint.s3", ids["s3"])]:
        net.imported(address, identifier, stage=2)
    net.nothing_to_do(stage=2)
    net.destroy(stage=2)
    assert ec2.describe_managed_prefix_lists()["PrefixLists"] == before
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1


@AT_LENGTH
def test_the_three_zone_network(terraform, account, cloud):
    ec2 = account.client()
    for zone in "bc":
        cloud.add_host(f"zone-{zone}", f"us-east-1{zone}")
    net = terraform("three_zones", variables={"ami": cloud.ami()})
    net.apply()
    net.nothing_to_do()
    assert net.outputs()["seen"] == {
        "gateways": 3, "public": True, "domain": "example.internal", "instances": 20, "fixed": "10.0.1.50", "several": ["10.0.2.61"],
    }
    ids = net.outputs()["ids"]
    (named,) = ec2.describe_instances(InstanceIds=[ids["named"]])["Reservations"][0]["Instances"]
    assert [one["Attachment"]["Status"] for one in named["NetworkInterfaces"]] == ["attached", "attached"]
    assert in_place(net.actions(stage=2)) == {"aws_vpc_dhcp_options.main", "aws_route.private[1]", "aws_route.private[2]"}
    net.apply(stage=2)
    net.nothing_to_do(stage=2)
    for address, identifier in [("aws_nat_gateway.out[0]", ids["gateway"]), ("aws_vpc_dhcp_options.main", ids["options"]), ("aws_network_interface.second", ids["interface"])]:
        net.imported(address, identifier, stage=2)
    net.nothing_to_do(stage=2)
    net.destroy(stage=2)
    assert ec2.describe_addresses()["Addresses"] == []
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []


@AT_LENGTH
def test_what_an_account_has_from_the_start_is_taken_over_and_let_go(terraform, cloud):
    # Of its own: what is taken over is not as it was afterwards.
    owner = cloud.create_account("adopter")
    ec2 = owner.client()
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    before = {one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]}
    net = terraform("defaults", account=owner, variables={"ami": cloud.ami()})
    net.apply()
    net.nothing_to_do()
    ids = net.outputs()["ids"]
    assert ids["vpc"] == vpc["VpcId"] and {ids["subnet"], ids["other"]} < before
    seen = {
        "vpc": True, "subnet": True, "groups": 2, "rules": ["false tcp 22", "true -1 -1"], "acls": 1, "interfaces": True, "of_it": 2, "addresses": True,
        "instance": True, "zone": "use1-az1", "region": True, "account": True,
    }
    assert net.outputs()["seen"] == seen
    changed = {"aws_default_vpc.mine", "aws_default_vpc_dhcp_options.mine", "aws_default_subnet.a", "aws_default_security_group.mine"}
    assert in_place(net.actions(stage=2)) == changed
    net.apply(stage=2)
    net.nothing_to_do(stage=2)
    assert net.outputs()["seen"] == seen
    net.imported("aws_default_network_acl.mine", ec2.describe_network_acls()["NetworkAcls"][0]["NetworkAclId"], stage=2)
    net.destroy(stage=2)
    # What was only taken over is there; what was to go went, and is made anew.
    assert [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]] == [ids["vpc"]]
    assert {one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]} == before - {ids["other"]}
    net.apply(stage=2)
    assert net.outputs()["ids"]["other"] not in before
    net.nothing_to_do(stage=2)
    net.destroy(stage=2)


@AT_LENGTH
def test_nat_gateways_with_several_addresses(terraform, account):
    ec2 = account.client()

    def secondary(nat_id, key):
        (gateway,) = ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"]
        assert {one["Status"] for one in gateway["NatGatewayAddresses"]} == {"succeeded"}
        return {one[key] for one in gateway["NatGatewayAddresses"] if not one["IsPrimary"]}

    net = terraform("nat_addresses")
    net.apply()
    net.nothing_to_do()
    ids = net.outputs()["ids"]
    for stage, named in (1, {"10.0.1.11", "10.0.1.12"}), (2, {"10.0.1.12", "10.0.1.13"}):
        if stage == 2:
            assert in_place(net.actions(stage)) == {"aws_nat_gateway.public", "aws_nat_gateway.named", "aws_nat_gateway.counted"}
            net.apply(stage)
            net.nothing_to_do(stage)
        assert net.outputs()["ids"] == ids
        assert secondary(ids["public"], "AllocationId") == {ids["eips"][stage]}
        assert secondary(ids["named"], "PrivateIp") == named
        assert len(secondary(ids["counted"], "PrivateIp")) == 2
    net.destroy(stage=2)
    assert ec2.describe_addresses()["Addresses"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert len(ec2.describe_vpcs()["Vpcs"]) == 1
