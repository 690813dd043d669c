"""Entries of everything but instances: key pairs, tags, images, types, zones, networks and groups."""

from everywhere import rule
from table import code_of, parameter


def names(found, name):
    return sorted(element[name] for element in found)


# Lists of ids and names: one finds the one, the other the other.


def declare_lookup(action, path, member, method, answer, name, choose):
    @parameter(action, path, (0, 1), lambda world, value: [choose(world)[value]])
    def look_up(world, value):
        return names(getattr(world.ec2, method)(**{member: [choose(world)[value]]})[answer], name)


for _row in [
    ("DescribeAvailabilityZones", "ZoneId", "ZoneIds", "describe_availability_zones", "AvailabilityZones", "ZoneId", lambda w: w.zones("ZoneId")),
    ("DescribeAvailabilityZones", "ZoneName", "ZoneNames", "describe_availability_zones", "AvailabilityZones", "ZoneName", lambda w: w.zones()),
    ("DescribeImages", "ImageId", "ImageIds", "describe_images", "Images", "ImageId", lambda w: w.images()),
    ("DescribeInstanceTypes", "InstanceType", "InstanceTypes", "describe_instance_types", "InstanceTypes", "InstanceType", lambda w: ["t3.micro", "t3.small"]),
    ("DescribeInternetGateways", "InternetGatewayId", "InternetGatewayIds", "describe_internet_gateways", "InternetGateways", "InternetGatewayId", lambda w: [one["InternetGatewayId"] for one in w.gateways]),
    ("DescribeKeyPairs", "KeyName", "KeyNames", "describe_key_pairs", "KeyPairs", "KeyName", lambda w: [key["KeyName"] for key in w.keys]),
    ("DescribeKeyPairs", "KeyPairId", "KeyPairIds", "describe_key_pairs", "KeyPairs", "KeyPairId", lambda w: [key["KeyPairId"] for key in w.keys]),
    ("DescribeNetworkInterfaces", "NetworkInterfaceId", "NetworkInterfaceIds", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId", lambda w: w.interfaces()),
    ("DescribeNetworkAcls", "NetworkAclId", "NetworkAclIds", "describe_network_acls", "NetworkAcls", "NetworkAclId", lambda w: w.in_vpcs("describe_network_acls", "NetworkAcls", "NetworkAclId")),
    ("DescribeNatGateways", "NatGatewayId", "NatGatewayIds", "describe_nat_gateways", "NatGateways", "NatGatewayId", lambda w: [one["NatGatewayId"] for one in w.nats]),
    ("DescribeRouteTables", "RouteTableId", "RouteTableIds", "describe_route_tables", "RouteTables", "RouteTableId", lambda w: w.in_vpcs("describe_route_tables", "RouteTables", "RouteTableId")),
    ("DescribeSecurityGroupRules", "SecurityGroupRuleId", "SecurityGroupRuleIds", "describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId", lambda w: w.some_rules),
    ("DescribeSubnets", "SubnetId", "SubnetIds", "describe_subnets", "Subnets", "SubnetId", lambda w: [subnet["SubnetId"] for subnet in w.subnets]),
    ("DescribeVolumes", "VolumeId", "VolumeIds", "describe_volumes", "Volumes", "VolumeId", lambda w: w.volumes()),
]:
    declare_lookup(*_row)


# One account has one of these: another name is not found.


def declare_only(action, path, member, method, absent, code, present):
    @parameter(action, path, ("present", "absent"), ("done", code))
    def look_up(world, value):
        return code_of(getattr(world.ec2, method), **{member: [present(world) if value == "present" else absent]})


for _row in [
    ("DescribeDhcpOptions", "DhcpOptionsId", "DhcpOptionsIds", "describe_dhcp_options", "dopt-00000000000000000", "InvalidDhcpOptionID.NotFound", lambda w: w.vpc["DhcpOptionsId"]),
    ("DescribeRegions", "RegionName", "RegionNames", "describe_regions", "us-nowhere-1", "InvalidParameterValue", lambda w: "us-east-1"),
    ("DescribeSecurityGroups", "GroupId", "GroupIds", "describe_security_groups", "sg-00000000000000000", "InvalidGroup.NotFound", lambda w: w.group["GroupId"]),
    ("DescribeSecurityGroups", "GroupName", "GroupNames", "describe_security_groups", "nobody", "InvalidGroup.NotFound", lambda w: "default"),
    ("DescribeVpcClassicLink", "VpcId", "VpcIds", "describe_vpc_classic_link", "vpc-00000000000000000", "InvalidVpcID.NotFound", lambda w: w.vpc["VpcId"]),
    ("DescribeVpcClassicLinkDnsSupport", "VpcIds", "VpcIds", "describe_vpc_classic_link_dns_support", "vpc-00000000000000000", "InvalidVpcID.NotFound", lambda w: w.vpc["VpcId"]),
    ("DescribeVpcs", "VpcId", "VpcIds", "describe_vpcs", "vpc-00000000000000000", "InvalidVpcID.NotFound", lambda w: w.vpc["VpcId"]),
]:
    declare_only(*_row)


@parameter("DescribeAccountAttributes", "AttributeName", ("supported-platforms", "default-vpc"))
def attribute_name(world, value):
    (attribute,) = world.ec2.describe_account_attributes(AttributeNames=[value])["AccountAttributes"]
    return attribute["AttributeName"]


# Images


@parameter("DescribeImages", "Owner", ("self", "123456789012"), lambda world, value: [world.own()] if value == "self" else [])
def owner(world, value):
    both = (world.own(), world.image)
    return [image for image in names(world.ec2.describe_images(Owners=[value])["Images"], "ImageId") if image in both]


@parameter("DescribeImages", "ExecutableBy", ("all", "self"), lambda world, value: [world.image] if value == "all" else [])
def executable_by(world, value):
    public = world.image
    found = names(world.ec2.describe_images(ExecutableUsers=[value])["Images"], "ImageId")
    return [image for image in found if image == public]


@parameter("DeregisterImage", "ImageId", (0, 1), lambda world, value: value)
def deregister_image(world, value):
    both = [world.own_image(), world.own_image()]
    world.ec2.deregister_image(ImageId=both[value])
    return both.index(next(image for image in both if code_of(world.ec2.describe_images, ImageIds=[image]) != "done"))


# Key pairs


@parameter("CreateKeyPair", "KeyName", ("key-one", "key-two"))
def create_key_name(world, value):
    return world.ec2.create_key_pair(KeyName=value)["KeyName"]


@parameter("CreateKeyPair", "KeyType", ("rsa", "ed25519"))
def key_type(world, value):
    made = world.key(KeyType=value)
    return world.ec2.describe_key_pairs(KeyPairIds=[made["KeyPairId"]])["KeyPairs"][0]["KeyType"]


@parameter("ImportKeyPair", "KeyName", ("import-one", "import-two"))
def import_key_name(world, value):
    return world.ec2.import_key_pair(KeyName=value, PublicKeyMaterial=world.public_key())["KeyName"]


@parameter("ImportKeyPair", "PublicKeyMaterial", (0, 1), lambda world, value: world.public_keys()[value])
def public_key_material(world, value):
    name = world.unique("material")
    world.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=world.public_keys()[value])
    (found,) = world.ec2.describe_key_pairs(KeyNames=[name], IncludePublicKey=True)["KeyPairs"]
    return b" ".join(found["PublicKey"].encode().split()[:2])


@parameter("DescribeKeyPairs", "IncludePublicKey", (True, False))
def include_public_key(world, value):
    (found,) = world.ec2.describe_key_pairs(KeyNames=[world.keys[0]["KeyName"]], IncludePublicKey=value)["KeyPairs"]
    return bool(found.get("PublicKey"))


def declare_delete_key(path, member):
    @parameter("DeleteKeyPair", path, (0, 1), lambda world, value: value)
    def delete(world, value):
        both = [world.key(), world.key()]
        world.ec2.delete_key_pair(**{member: both[value][member]})
        left = names(world.ec2.describe_key_pairs()["KeyPairs"], "KeyName")
        return [key["KeyName"] in left for key in both].index(False)


declare_delete_key("KeyName", "KeyName")
declare_delete_key("KeyPairId", "KeyPairId")


# Tags on create


def make_key(world, specification):
    return world.key(TagSpecifications=[specification])["KeyPairId"]


def import_key(world, specification):
    made = world.ec2.import_key_pair(KeyName=world.unique("key"), PublicKeyMaterial=world.public_key(), TagSpecifications=[specification])
    return made["KeyPairId"]


def authorize(world, specification):
    made = world.ec2.authorize_security_group_ingress(
        GroupId=world.group["GroupId"], IpPermissions=[rule(world.port())], TagSpecifications=[specification]
    )
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def authorize_outbound(world, specification):
    made = world.ec2.authorize_security_group_egress(GroupId=world.new_group(), IpPermissions=[rule(1)], TagSpecifications=[specification])
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"]


def declare_tags_on_create(action, kind, make):
    def tagged(world, tag):
        return world.tags(make(world, {"ResourceType": kind, "Tags": [tag]}))

    @parameter(action, "TagSpecification.Tag.Key", ("one", "two"), ({"one": "v"}, {"two": "v"}))
    def key(world, value):
        return tagged(world, {"Key": value, "Value": "v"})

    @parameter(action, "TagSpecification.Tag.Value", ("one", ""), ({"k": "one"}, {"k": ""}))
    def value(world, value):
        return tagged(world, {"Key": "k", "Value": value})

    @parameter(action, "TagSpecification.ResourceType", (kind, "vpc"), lambda world, value: {"k": "v"} if value == kind else "refused")
    def resource_type(world, value):
        try:
            return world.tags(make(world, {"ResourceType": value, "Tags": [{"Key": "k", "Value": "v"}]}))
        except world.ec2.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] in ("InvalidParameterValue", "InvalidParameter"), error
            return "refused"


declare_tags_on_create("CreateKeyPair", "key-pair", make_key)
declare_tags_on_create("ImportKeyPair", "key-pair", import_key)
declare_tags_on_create("AuthorizeSecurityGroupIngress", "security-group-rule", authorize)
declare_tags_on_create("AuthorizeSecurityGroupEgress", "security-group-rule", authorize_outbound)
declare_tags_on_create("CreateSecurityGroup", "security-group", lambda world, specification: world.new_group(TagSpecifications=[specification]))


# Tags


@parameter("CreateTags", "ResourceId", (0, 1), ([{"k": "v"}, {}], [{}, {"k": "v"}]))
def create_tags_resource(world, value):
    both = [world.key()["KeyPairId"], world.key()["KeyPairId"]]
    world.ec2.create_tags(Resources=[both[value]], Tags=[{"Key": "k", "Value": "v"}])
    return [world.tags(one) for one in both]


@parameter("CreateTags", "Tag.Key", ("one", "two"), ({"one": "v"}, {"two": "v"}))
def create_tags_key(world, value):
    key = world.key()["KeyPairId"]
    world.ec2.create_tags(Resources=[key], Tags=[{"Key": value, "Value": "v"}])
    return world.tags(key)


@parameter("CreateTags", "Tag.Value", ("one", ""), ({"k": "one"}, {"k": ""}))
def create_tags_value(world, value):
    key = world.key()["KeyPairId"]
    world.ec2.create_tags(Resources=[key], Tags=[{"Key": "k", "Value": value}])
    return world.tags(key)


def tagged_key(world):
    key = world.key()["KeyPairId"]
    world.ec2.create_tags(Resources=[key], Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    return key


@parameter("DeleteTags", "ResourceId", (0, 1), ([1, 2], [2, 1]))
def delete_tags_resource(world, value):
    both = [tagged_key(world), tagged_key(world)]
    world.ec2.delete_tags(Resources=[both[value]], Tags=[{"Key": "a"}])
    return [len(world.tags(one)) for one in both]


@parameter("DeleteTags", "Tag.Key", ("a", "b"), ({"b": "2"}, {"a": "1"}))
def delete_tags_key(world, value):
    key = tagged_key(world)
    world.ec2.delete_tags(Resources=[key], Tags=[{"Key": value}])
    return world.tags(key)


@parameter("DeleteTags", "Tag.Value", ("1", "other"), ({"b": "2"}, {"a": "1", "b": "2"}))
def delete_tags_value(world, value):
    key = tagged_key(world)
    world.ec2.delete_tags(Resources=[key], Tags=[{"Key": "a", "Value": value}])
    return world.tags(key)
