"""Entries of VPCs and subnets."""

from table import code_of, method_of, parameter

TAGS = [{"Key": "colour", "Value": "blue"}]


# Tags on create: what the specification is for, the key and the value.


def declare_tags(action, kind, create):
    def tagged(world, kind=kind, key="colour", value="blue"):
        specification = [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value}]}]
        return code_of(create, world, TagSpecifications=specification) if kind == "instance" else create(world, TagSpecifications=specification)["Tags"]

    @parameter(action, "TagSpecification.ResourceType", (kind, "instance"), (TAGS, "InvalidParameterValue"))
    def resource_type(world, value):
        return tagged(world, kind=value)

    @parameter(action, "TagSpecification.Tag.Key", ("a", "b"))
    def key(world, value):
        return tagged(world, key=value)[0]["Key"]

    @parameter(action, "TagSpecification.Tag.Value", ("a", "b"))
    def value(world, value):
        return tagged(world, value=value)[0]["Value"]


declare_tags("CreateDhcpOptions", "dhcp-options", lambda world, **parameters: world.options(world.new_options(**parameters)))
declare_tags("CreateInternetGateway", "internet-gateway", lambda world, **parameters: world.new_gateway(**parameters))
declare_tags("CreateNetworkInterface", "network-interface", lambda world, **parameters: {"Tags": world.new_interface(**parameters)["TagSet"]})
declare_tags("CreateNetworkAcl", "network-acl", lambda world, **parameters: world.ec2.create_network_acl(VpcId=world.other_vpc["VpcId"], **parameters)["NetworkAcl"])
declare_tags("CreateVpc", "vpc", lambda world, **parameters: world.new_vpc(**parameters))
declare_tags("CreateSubnet", "subnet", lambda world, **parameters: world.new_subnet(**parameters))


def with_secondary(world, count=1):
    """An interface that has secondary addresses, and one of them."""
    made = world.new_interface(SecondaryPrivateIpAddressCount=count)
    secondary = [address["PrivateIpAddress"] for address in made["PrivateIpAddresses"] if not address["Primary"]]
    return {"NetworkInterfaceId": made["NetworkInterfaceId"], "PrivateIpAddresses": secondary[:1]}


# Ids of what an action is about: its own, and one that is not there.


def declare_subject(action, path, absent, code, parameters):
    @parameter(action, path, ("present", "absent"), ("done", code))
    def subject(world, value):
        asked = parameters(world)
        return code_of(getattr(world.ec2, method_of(action)), **(asked if value == "present" else asked | {path: absent}))


NO_OPTIONS = ("DhcpOptionsId", "dopt-00000000000000000", "InvalidDhcpOptionID.NotFound")
NO_VPC = ("VpcId", "vpc-00000000000000000", "InvalidVpcID.NotFound")
NO_GATEWAY = ("InternetGatewayId", "igw-00000000000000000", "InvalidInternetGatewayID.NotFound")
NO_INSTANCE = ("InstanceId", "i-00000000000000000", "InvalidInstanceID.NotFound")
NO_INTERFACE = ("NetworkInterfaceId", "eni-00000000000000000", "InvalidNetworkInterfaceID.NotFound")
NO_SUBNET = ("SubnetId", "subnet-00000000000000000", "InvalidSubnetID.NotFound")
for _action, _path, _absent, _code, _parameters in [
    ("AssociateDhcpOptions", *NO_OPTIONS, lambda w: {"DhcpOptionsId": w.new_options(), "VpcId": w.new_vpc()["VpcId"]}),
    ("AssociateDhcpOptions", *NO_VPC, lambda w: {"DhcpOptionsId": w.new_options(), "VpcId": w.new_vpc()["VpcId"]}),
    ("AttachNetworkInterface", *NO_INTERFACE, lambda w: w.unattached()),
    ("AttachNetworkInterface", *NO_INSTANCE, lambda w: w.unattached()),
    ("DetachNetworkInterface", "AttachmentId", "eni-attach-00000000000000000", "InvalidAttachmentID.NotFound", lambda w: {"AttachmentId": w.new_attachment()}),
    ("DeleteDhcpOptions", *NO_OPTIONS, lambda w: {"DhcpOptionsId": w.new_options()}),
    ("AssociateVpcCidrBlock", *NO_VPC, lambda w: {"VpcId": w.new_vpc()["VpcId"], "CidrBlock": "10.1.0.0/16"}),
    ("AttachInternetGateway", *NO_GATEWAY, lambda w: {"InternetGatewayId": w.new_gateway()["InternetGatewayId"], "VpcId": w.new_vpc()["VpcId"]}),
    ("AttachInternetGateway", *NO_VPC, lambda w: {"InternetGatewayId": w.new_gateway()["InternetGatewayId"], "VpcId": w.new_vpc()["VpcId"]}),
    ("DeleteInternetGateway", *NO_GATEWAY, lambda w: {"InternetGatewayId": w.new_gateway()["InternetGatewayId"]}),
    ("DetachInternetGateway", *NO_GATEWAY, lambda w: w.attached_gateway()),
    ("DetachInternetGateway", *NO_VPC, lambda w: w.attached_gateway()),
    ("AssignPrivateIpAddresses", *NO_INTERFACE, lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"], "SecondaryPrivateIpAddressCount": 1}),
    ("CreateNetworkInterface", *NO_SUBNET, lambda w: {"SubnetId": w.other_subnet["SubnetId"]}),
    ("DeleteNetworkInterface", *NO_INTERFACE, lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"]}),
    ("DescribeNetworkInterfaceAttribute", *NO_INTERFACE, lambda w: {"NetworkInterfaceId": w.interfaces()[0], "Attribute": "description"}),
    ("ModifyNetworkInterfaceAttribute", *NO_INTERFACE, lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"], "Description": {"Value": "x"}}),
    ("ResetNetworkInterfaceAttribute", *NO_INTERFACE, lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"], "SourceDestCheck": "true"}),
    ("UnassignPrivateIpAddresses", *NO_INTERFACE, lambda w: with_secondary(w)),
    ("CreateSubnet", *NO_VPC, lambda w: {"VpcId": w.other_vpc["VpcId"], "CidrBlock": w.free_block()}),
    ("DeleteSubnet", *NO_SUBNET, lambda w: {"SubnetId": w.new_subnet()["SubnetId"]}),
    ("DeleteVpc", *NO_VPC, lambda w: {"VpcId": w.new_vpc()["VpcId"]}),
    ("DescribeVpcAttribute", *NO_VPC, lambda w: {"VpcId": w.vpc["VpcId"], "Attribute": "enableDnsSupport"}),
    ("ModifySubnetAttribute", *NO_SUBNET, lambda w: {"SubnetId": w.new_subnet()["SubnetId"], "MapPublicIpOnLaunch": {"Value": True}}),
    ("ModifyVpcTenancy", *NO_VPC, lambda w: {"VpcId": w.new_vpc()["VpcId"], "InstanceTenancy": "default"}),
    ("ModifyVpcAttribute", *NO_VPC, lambda w: {"VpcId": w.new_vpc()["VpcId"], "EnableDnsSupport": {"Value": False}}),
]:
    declare_subject(_action, _path, _absent, _code, _parameters)


# VPCs


@parameter("CreateVpc", "CidrBlock", ("10.5.0.0/16", "192.168.7.0/24"))
def vpc_block(world, value):
    return world.ec2.describe_vpcs(VpcIds=[world.new_vpc(value)["VpcId"]])["Vpcs"][0]["CidrBlock"]


@parameter("CreateDefaultVpc", "DryRun", (True, False), ("DryRunOperation", "done"))
def default_vpc(world, value):
    ec2 = world.without_default_vpc()
    code = code_of(ec2.create_default_vpc, DryRun=value)
    assert len(ec2.describe_vpcs()["Vpcs"]) == (0 if value else 1)
    return code


@parameter("AssociateVpcCidrBlock", "CidrBlock", ("10.1.0.0/16", "100.64.0.0/20"))
def other_block(world, value):
    vpc_id = world.new_vpc()["VpcId"]
    world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=value)
    blocks = world.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlockAssociationSet"]
    return blocks[1]["CidrBlock"]


@parameter("DisassociateVpcCidrBlock", "AssociationId", (1, 2), ([2], [1]))
def association(world, value):
    vpc_id = world.new_vpc()["VpcId"]
    for number in (1, 2):
        world.ec2.associate_vpc_cidr_block(VpcId=vpc_id, CidrBlock=f"10.{number}.0.0/16")
    blocks = world.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlockAssociationSet"]
    (chosen,) = [block["AssociationId"] for block in blocks if block["CidrBlock"] == f"10.{value}.0.0/16"]
    world.ec2.disassociate_vpc_cidr_block(AssociationId=chosen)
    left = world.ec2.describe_vpcs(VpcIds=[vpc_id])["Vpcs"][0]["CidrBlockAssociationSet"]
    return [int(block["CidrBlock"].split(".")[1]) for block in left[1:]]


@parameter("DescribeVpcAttribute", "Attribute", ("enableDnsSupport", "enableDnsHostnames"), ({"EnableDnsSupport": {"Value": True}}, {"EnableDnsHostnames": {"Value": False}}))
def shown_attribute(world, value):
    answer = world.ec2.describe_vpc_attribute(VpcId=world.other_vpc["VpcId"], Attribute=value)
    return {name: shown for name, shown in answer.items() if name.startswith("Enable")}


def declare_vpc_attribute(name):
    @parameter("ModifyVpcAttribute", f"{name}.Value", (True, False))
    def vpc_attribute(world, value):
        vpc_id = world.new_vpc()["VpcId"]
        world.ec2.modify_vpc_attribute(VpcId=vpc_id, **{name: {"Value": value}})
        return world.ec2.describe_vpc_attribute(VpcId=vpc_id, Attribute=name[0].lower() + name[1:])[name]["Value"]


for _name in ("EnableDnsHostnames", "EnableDnsSupport", "EnableNetworkAddressUsageMetrics"):
    declare_vpc_attribute(_name)


@parameter("ModifyVpcTenancy", "InstanceTenancy", ("default", "dedicated"), ("done", "InvalidParameterValue"))
def tenancy(world, value):
    return code_of(world.ec2.modify_vpc_tenancy, VpcId=world.other_vpc["VpcId"], InstanceTenancy=value)


# Subnets


@parameter("CreateSubnet", "CidrBlock", (24, 28))
def subnet_block(world, value):
    block = world.free_block().replace("/24", f"/{value}")
    subnet = world.new_subnet(CidrBlock=block)
    assert subnet["CidrBlock"] == block
    return int(block.split("/")[1])


for _action, _make in {
    "CreateSubnet": lambda world, **zone: world.new_subnet(**zone),
    "CreateDefaultSubnet": lambda world, **zone: world.ec2.create_default_subnet(**zone)["Subnet"],
}.items():

    def declare_zone(action, make):
        def made(world, **zone):
            if action == "CreateDefaultSubnet":
                world.without_default_subnet("us-east-1b")
                world.without_default_subnet("us-east-1c")
            subnet = make(world, **zone)
            if action == "CreateDefaultSubnet":
                for name in {"us-east-1b", "us-east-1c"} - {subnet["AvailabilityZone"]}:
                    world.ec2.create_default_subnet(AvailabilityZone=name)
            return subnet

        @parameter(action, "AvailabilityZone", ("us-east-1b", "us-east-1c"))
        def zone(world, value):
            return made(world, AvailabilityZone=value)["AvailabilityZone"]

        @parameter(action, "AvailabilityZoneId", ("use1-az2", "use1-az3"))
        def zone_id(world, value):
            return made(world, AvailabilityZoneId=value)["AvailabilityZoneId"]

    declare_zone(_action, _make)


def modified(world, **attribute):
    subnet_id = world.new_subnet()["SubnetId"]
    world.ec2.modify_subnet_attribute(SubnetId=subnet_id, **attribute)
    return world.ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]


@parameter("ModifySubnetAttribute", "MapPublicIpOnLaunch.Value", (True, False))
def public_addresses(world, value):
    return modified(world, MapPublicIpOnLaunch={"Value": value})["MapPublicIpOnLaunch"]


@parameter("ModifySubnetAttribute", "EnableResourceNameDnsARecordOnLaunch.Value", (True, False))
def records(world, value):
    options = modified(world, EnableResourceNameDnsARecordOnLaunch={"Value": value})["PrivateDnsNameOptionsOnLaunch"]
    return options["EnableResourceNameDnsARecord"]


@parameter("ModifySubnetAttribute", "PrivateDnsHostnameTypeOnLaunch", ("ip-name", "resource-name"))
def hostnames(world, value):
    return modified(world, PrivateDnsHostnameTypeOnLaunch=value)["PrivateDnsNameOptionsOnLaunch"]["HostnameType"]


# What a set of DHCP options says.


@parameter("CreateDhcpOptions", "DhcpConfiguration.Key", ("ntp-servers", "netbios-name-servers"))
def dhcp_key(world, value):
    return world.options(world.new_options(key=value))["DhcpConfigurations"][0]["Key"]


@parameter("CreateDhcpOptions", "DhcpConfiguration.Value", ("192.0.2.1", "192.0.2.2"))
def dhcp_value(world, value):
    return world.options(world.new_options(value=value))["DhcpConfigurations"][0]["Values"][0]["Value"]
