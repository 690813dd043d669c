"""VPCs of one's own, as boto3 sees them: made, changed, used and deleted."""

import pytest
from botocore.exceptions import ClientError

QUICK = {"Delay": 0.2, "MaxAttempts": 300}


def code_of(call, **parameters):
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def in_vpc(vpc_id):
    return [{"Name": "vpc-id", "Values": [vpc_id]}]


def attribute(ec2, vpc_id, name):
    return ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name[0].lower() + name[1:])[name]["Value"]


@pytest.fixture
def vpc(account):
    """A VPC with a subnet where this host is; it is gone afterwards, with all that it had."""
    ec2 = account.client()
    vpc_id = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "test"}]}])["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_exists").wait(VpcIds=[vpc_id], WaiterConfig=QUICK)
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc_id], WaiterConfig=QUICK)
    yield vpc_id
    for subnet in ec2.describe_subnets(Filters=in_vpc(vpc_id))["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ec2.delete_vpc(VpcId=vpc_id)
    left = [
        ec2.describe_route_tables(Filters=in_vpc(vpc_id))["RouteTables"],
        ec2.describe_network_acls(Filters=in_vpc(vpc_id))["NetworkAcls"],
        ec2.describe_security_groups(Filters=in_vpc(vpc_id))["SecurityGroups"],
        ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [vpc_id]}])["Tags"],
    ]
    assert left == [[], [], [], []]


def test_instances_run_in_a_subnet_of_ones_own(cloud, account, vpc):
    ec2 = account.client()
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.20.1.0/24", AvailabilityZone="us-east-1a")["Subnet"]
    ec2.get_waiter("subnet_available").wait(SubnetIds=[subnet["SubnetId"]], WaiterConfig=QUICK)
    (one,) = ec2.run_instances(ImageId=cloud.ami(), InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"])["Instances"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[one["InstanceId"]], WaiterConfig=QUICK)
    (shown,) = ec2.describe_instances(Filters=in_vpc(vpc))["Reservations"][0]["Instances"]
    assert (shown["InstanceId"], shown["PrivateIpAddress"].startswith("10.20.1."), "PublicIpAddress" in shown) == (one["InstanceId"], True, False)
    assert shown["SecurityGroups"][0]["GroupName"] == "default"
    (group,) = ec2.describe_security_groups(Filters=in_vpc(vpc))["SecurityGroups"]
    assert shown["SecurityGroups"][0]["GroupId"] == group["GroupId"]
    assert ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]["AvailableIpAddressCount"] == 250

    # Public addresses by default from the next launch on, with a name once the VPC gives names.
    ec2.modify_subnet_attribute(SubnetId=subnet["SubnetId"], MapPublicIpOnLaunch={"Value": True})
    (two,) = ec2.run_instances(ImageId=cloud.ami(), InstanceType="t3.nano", MinCount=1, MaxCount=1, SubnetId=subnet["SubnetId"])["Instances"]
    assert (bool(two["PublicIpAddress"]), two["PublicDnsName"]) == (True, "")
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    named = ec2.describe_instances(InstanceIds=[two["InstanceId"]])["Reservations"][0]["Instances"][0]
    assert named["PublicDnsName"].startswith("ec2-")

    assert code_of(ec2.delete_subnet, SubnetId=subnet["SubnetId"]) == "DependencyViolation"
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ids = [one["InstanceId"], two["InstanceId"]]
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=QUICK)
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    ended = ec2.describe_instances(InstanceIds=ids)["Reservations"]
    assert {i["State"]["Name"] for r in ended for i in r["Instances"]} == {"terminated"}, "still shown without their network"


def test_attributes_and_blocks_are_changed_one_at_a_time(account, vpc):
    ec2 = account.client()
    assert [attribute(ec2, vpc, name) for name in ("EnableDnsSupport", "EnableDnsHostnames", "EnableNetworkAddressUsageMetrics")] == [True, False, False]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableNetworkAddressUsageMetrics={"Value": True})
    assert attribute(ec2, vpc, "EnableNetworkAddressUsageMetrics") is True
    assert code_of(ec2.modify_vpc_attribute, VpcId=vpc, EnableDnsSupport={"Value": True}, EnableDnsHostnames={"Value": True}) == "InvalidParameterCombination"

    answer = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.21.0.0/16")
    association = answer["CidrBlockAssociation"]
    assert association["CidrBlockState"]["State"] == "associated"
    found = ec2.describe_vpcs(Filters=[{"Name": "cidr-block-association.cidr-block", "Values": ["10.21.0.0/16"]}])["Vpcs"]
    assert [one["VpcId"] for one in found] == [vpc]
    (table,) = ec2.describe_route_tables(Filters=in_vpc(vpc))["RouteTables"]
    assert [(route["DestinationCidrBlock"], route["GatewayId"]) for route in table["Routes"]] == [("10.20.0.0/16", "local"), ("10.21.0.0/16", "local")]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.21.7.0/28")["Subnet"]["SubnetId"]
    assert code_of(ec2.disassociate_vpc_cidr_block, AssociationId=association["AssociationId"]) == "InvalidCidrBlock.InUse"
    ec2.delete_subnet(SubnetId=subnet)
    assert ec2.disassociate_vpc_cidr_block(AssociationId=association["AssociationId"])["CidrBlockAssociation"]["CidrBlockState"]["State"] == "disassociated"


def test_another_account_neither_sees_nor_changes_it(cloud, account, vpc):
    stranger = cloud.create_account("stranger").client()
    gateway = account.client().create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    assert vpc not in [one["VpcId"] for one in stranger.describe_vpcs()["Vpcs"]]
    assert code_of(stranger.delete_vpc, VpcId=vpc) == "InvalidVpcID.NotFound"
    assert code_of(stranger.create_subnet, VpcId=vpc, CidrBlock="10.20.9.0/24") == "InvalidVpcID.NotFound"
    assert code_of(stranger.modify_vpc_attribute, VpcId=vpc, EnableDnsSupport={"Value": False}) == "InvalidVpcID.NotFound"
    assert code_of(stranger.delete_internet_gateway, InternetGatewayId=gateway) == "InvalidInternetGatewayID.NotFound"
    account.client().delete_internet_gateway(InternetGatewayId=gateway)


def test_a_gateway_belongs_to_one_vpc(account, vpc):
    ec2 = account.client()
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.get_waiter("internet_gateway_exists").wait(InternetGatewayIds=[gateway], WaiterConfig=QUICK)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    (shown,) = ec2.describe_internet_gateways(Filters=[{"Name": "attachment.vpc-id", "Values": [vpc]}])["InternetGateways"]
    assert shown["Attachments"] == [{"State": "available", "VpcId": vpc}]
    assert code_of(ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "Resource.AlreadyAssociated"
    assert code_of(ec2.delete_internet_gateway, InternetGatewayId=gateway) == "DependencyViolation"
    assert code_of(ec2.delete_vpc, VpcId=vpc) == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert code_of(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc) == "Gateway.NotAttached"
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
