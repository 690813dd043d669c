"""Entries of the parameters that many actions share: DryRun, Filter, MaxResults, NextToken."""

from table import code_of, method_of, parameter

# What a valid call of each action is. Those that change something get something of their own to change.
CALLS = {
    "AcceptVpcPeeringConnection": lambda w: {"VpcPeeringConnectionId": w.new_peering()["VpcPeeringConnectionId"]},
    "AllocateAddress": lambda w: {},
    "AssignPrivateNatGatewayAddress": lambda w: {"NatGatewayId": w.settled_nat()[0], "PrivateIpAddressCount": 1},
    "AssociateAddress": lambda w: w.address_and_interface(),
    "AssociateNatGatewayAddress": lambda w: w.to_associate(),
    "DisassociateNatGatewayAddress": lambda w: w.associated_nat(),
    "UnassignPrivateNatGatewayAddress": lambda w: w.assigned_nat(),
    "AssociateDhcpOptions": lambda w: {"DhcpOptionsId": w.new_options(), "VpcId": w.other_vpc["VpcId"]},
    "AssociateRouteTable": lambda w: w.unassociated(),
    "AttachInternetGateway": lambda w: {"InternetGatewayId": w.new_gateway()["InternetGatewayId"], "VpcId": w.new_vpc()["VpcId"]},
    "AuthorizeSecurityGroupEgress": lambda w: {"GroupId": w.new_group(), "IpPermissions": [rule(9001)]},
    "AuthorizeSecurityGroupIngress": lambda w: {"GroupId": w.group["GroupId"], "IpPermissions": [rule(9001)]},
    "CreateDefaultSubnet": lambda w: {"AvailabilityZone": w.without_default_subnet()},
    "AttachNetworkInterface": lambda w: w.unattached(),
    "CreateDhcpOptions": lambda w: {"DhcpConfigurations": [{"Key": "ntp-servers", "Values": ["192.0.2.1"]}]},
    "CreateInternetGateway": lambda w: {},
    "CreateKeyPair": lambda w: {"KeyName": w.unique("dry")},
    "CreateLaunchTemplate": lambda w: {"LaunchTemplateName": w.unique("dry"), "LaunchTemplateData": {"KeyName": "me"}},
    "CreateLaunchTemplateVersion": lambda w: {"LaunchTemplateId": w.template()["LaunchTemplateId"], "LaunchTemplateData": {"KeyName": "me"}},
    "CreateNetworkInterface": lambda w: {"SubnetId": w.other_subnet["SubnetId"]},
    "CreateManagedPrefixList": lambda w: {"PrefixListName": w.unique("dry"), "AddressFamily": "IPv4", "MaxEntries": 1},
    "CreateNatGateway": lambda w: {"SubnetId": w.subnet["SubnetId"], "ConnectivityType": "private"},
    "CreateNetworkAcl": lambda w: {"VpcId": w.other_vpc["VpcId"]},
    "CreateNetworkAclEntry": lambda w: acl_entry(w.new_acl()),
    "CreatePlacementGroup": lambda w: {"GroupName": w.unique("dry")},
    "CreateRoute": lambda w: w.unrouted(),
    "CreateRouteTable": lambda w: {"VpcId": w.other_vpc["VpcId"]},
    "CreateSecurityGroup": lambda w: {"GroupName": w.unique("dry"), "Description": "of a test"},
    "CreateSubnet": lambda w: {"VpcId": w.other_vpc["VpcId"], "CidrBlock": w.free_block()},
    "CreateSubnetCidrReservation": lambda w: w.to_reserve(),
    "CreateTags": lambda w: {"Resources": [w.key()["KeyPairId"]], "Tags": [{"Key": "a", "Value": "b"}]},
    "CreateVpcEndpoint": lambda w: {"VpcId": w.other_vpc["VpcId"], "ServiceName": "com.amazonaws.us-east-1.s3"},
    "CreateVpc": lambda w: {"CidrBlock": "10.0.0.0/16"},
    "CreateVpcPeeringConnection": lambda w: w.to_peer(),
    "DeleteVpcPeeringConnection": lambda w: {"VpcPeeringConnectionId": w.new_peering()["VpcPeeringConnectionId"]},
    "RejectVpcPeeringConnection": lambda w: {"VpcPeeringConnectionId": w.new_peering()["VpcPeeringConnectionId"]},
    "ModifyVpcPeeringConnectionOptions": lambda w: w.active_peering() | {"RequesterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": True}},
    "DescribeVpcPeeringConnections": lambda w: {},
    "DeleteDhcpOptions": lambda w: {"DhcpOptionsId": w.new_options()},
    "DeleteInternetGateway": lambda w: {"InternetGatewayId": w.new_gateway()["InternetGatewayId"]},
    "DeleteKeyPair": lambda w: {"KeyName": w.key()["KeyName"]},
    "DeleteLaunchTemplate": lambda w: {"LaunchTemplateId": w.template()["LaunchTemplateId"]},
    "DeleteLaunchTemplateVersions": lambda w: {"LaunchTemplateId": w.template(versions=2)["LaunchTemplateId"], "Versions": ["2"]},
    "DeleteNetworkInterface": lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"]},
    "DeleteManagedPrefixList": lambda w: {"PrefixListId": w.new_list()["PrefixListId"]},
    "DeleteNatGateway": lambda w: {"NatGatewayId": w.new_nat()["NatGatewayId"]},
    "DeleteNetworkAcl": lambda w: {"NetworkAclId": w.new_acl()},
    "DeleteNetworkAclEntry": lambda w: {"NetworkAclId": with_entry(w)["NetworkAclId"], "RuleNumber": 1, "Egress": False},
    "DeletePlacementGroup": lambda w: {"GroupName": w.placement_group()["GroupName"]},
    "DeleteRoute": lambda w: w.routed(),
    "DeleteRouteTable": lambda w: {"RouteTableId": w.new_table()["RouteTableId"]},
    "DeleteSecurityGroup": lambda w: {"GroupId": w.new_group()},
    "DeleteSubnet": lambda w: {"SubnetId": w.new_subnet()["SubnetId"]},
    "DeleteSubnetCidrReservation": lambda w: {"SubnetCidrReservationId": w.new_reservation()["SubnetCidrReservationId"]},
    "DeleteTags": lambda w: {"Resources": [w.key()["KeyPairId"]], "Tags": [{"Key": "a"}]},
    "DeleteVpcEndpoints": lambda w: {"VpcEndpointIds": [w.new_endpoint()["VpcEndpointId"]]},
    "DeleteVpc": lambda w: {"VpcId": w.new_vpc()["VpcId"]},
    "DeregisterImage": lambda w: {"ImageId": w.own_image()},
    "DescribeAccountAttributes": lambda w: {},
    "DescribeAddresses": lambda w: {},
    "DescribeAddressesAttribute": lambda w: {},
    "DescribeAvailabilityZones": lambda w: {},
    "DescribeDhcpOptions": lambda w: {},
    "DescribeImages": lambda w: {},
    "DescribeInstanceAttribute": lambda w: {"InstanceId": w.pair[0]["InstanceId"], "Attribute": "instanceType"},
    "DescribeInstanceCreditSpecifications": lambda w: {},
    "DescribeInstanceStatus": lambda w: {},
    "DescribeInstanceTopology": lambda w: {},
    "DescribeInstanceTypeOfferings": lambda w: {},
    "DescribeInstanceTypes": lambda w: {},
    "DescribeInstances": lambda w: {},
    "DescribeInternetGateways": lambda w: {},
    "DescribeKeyPairs": lambda w: {},
    "DescribeLaunchTemplateVersions": lambda w: {"Versions": ["$Latest"]},
    "DescribeLaunchTemplates": lambda w: {},
    "DescribeManagedPrefixLists": lambda w: {},
    "DescribeNatGateways": lambda w: {},
    "DescribeNetworkAcls": lambda w: {},
    "DescribeNetworkInterfaceAttribute": lambda w: {"NetworkInterfaceId": w.interfaces()[0], "Attribute": "description"},
    "DescribeNetworkInterfaces": lambda w: {},
    "DescribePlacementGroups": lambda w: {},
    "DescribePrefixLists": lambda w: {},
    "DescribeRegions": lambda w: {},
    "DescribeRouteTables": lambda w: {},
    "DescribeSecurityGroupReferences": lambda w: {"GroupId": [w.group["GroupId"]]},
    "DescribeSecurityGroupRules": lambda w: {},
    "DescribeSecurityGroups": lambda w: {},
    "DescribeStaleSecurityGroups": lambda w: {"VpcId": w.vpc["VpcId"]},
    "DescribeSubnets": lambda w: {},
    "DescribeTags": lambda w: {},
    "DescribeVolumes": lambda w: {},
    "DescribeVpcAttribute": lambda w: {"VpcId": w.vpc["VpcId"], "Attribute": "enableDnsSupport"},
    "DescribeVpcClassicLink": lambda w: {},
    "DescribeVpcEndpointServices": lambda w: {},
    "DescribeVpcEndpoints": lambda w: {},
    "DescribeVpcs": lambda w: {},
    "DetachNetworkInterface": lambda w: {"AttachmentId": w.new_attachment()},
    "DetachInternetGateway": lambda w: w.attached_gateway(),
    "DisassociateAddress": lambda w: {"AssociationId": w.associated_address()[1]},
    "DisassociateRouteTable": lambda w: {"AssociationId": w.associated()},
    "GetConsoleOutput": lambda w: {"InstanceId": w.pair[0]["InstanceId"]},
    "GetConsoleScreenshot": lambda w: {"InstanceId": w.pair[0]["InstanceId"]},
    "GetManagedPrefixListAssociations": lambda w: {"PrefixListId": w.lists[0]["PrefixListId"]},
    "GetManagedPrefixListEntries": lambda w: {"PrefixListId": w.lists[0]["PrefixListId"]},
    "GetSecurityGroupsForVpc": lambda w: {"VpcId": w.vpc["VpcId"]},
    "GetSubnetCidrReservations": lambda w: {"SubnetId": w.other_subnet["SubnetId"]},
    "GetPasswordData": lambda w: {"InstanceId": w.pair[0]["InstanceId"]},
    "GetInstanceTypesFromInstanceRequirements": lambda w: {
        "ArchitectureTypes": ["x86_64"], "VirtualizationTypes": ["hvm"],
        "InstanceRequirements": {"VCpuCount": {"Min": 0}, "MemoryMiB": {"Min": 0}},
    },
    "GetLaunchTemplateData": lambda w: {"InstanceId": w.pair[0]["InstanceId"]},
    "ImportKeyPair": lambda w: {"KeyName": w.unique("dry"), "PublicKeyMaterial": w.public_key()},
    "ModifyAddressAttribute": lambda w: {"AllocationId": w.new_address()["AllocationId"], "DomainName": "example.com"},
    "ModifyInstanceAttribute": lambda w: {"InstanceId": w.launch()["InstanceId"], "DisableApiStop": {"Value": True}},
    "ModifyInstanceCpuOptions": lambda w: {"InstanceId": w.stopped(), "CoreCount": 1, "ThreadsPerCore": 1},
    "ModifyInstanceCreditSpecification": lambda w: {"InstanceCreditSpecifications": [{"InstanceId": w.launch()["InstanceId"], "CpuCredits": "standard"}]},
    "ModifyInstanceMaintenanceOptions": lambda w: {"InstanceId": w.launch()["InstanceId"], "AutoRecovery": "disabled"},
    "ModifyInstanceMetadataOptions": lambda w: {"InstanceId": w.launch()["InstanceId"], "HttpTokens": "required"},
    "ModifyLaunchTemplate": lambda w: {"LaunchTemplateId": w.templates()[0]["LaunchTemplateId"], "DefaultVersion": "1"},
    "ModifyManagedPrefixList": lambda w: {"PrefixListId": w.new_list()["PrefixListId"], "MaxEntries": 2},
    "ModifyPrivateDnsNameOptions": lambda w: {"InstanceId": w.launch()["InstanceId"], "EnableResourceNameDnsARecord": True},
    "ModifyNetworkInterfaceAttribute": lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"], "Description": {"Value": "dry"}},
    "ModifyVpcEndpoint": lambda w: {"VpcEndpointId": w.new_endpoint()["VpcEndpointId"], "ResetPolicy": True},
    "ModifyVpcTenancy": lambda w: {"VpcId": w.other_vpc["VpcId"], "InstanceTenancy": "default"},
    "MonitorInstances": lambda w: {"InstanceIds": [w.launch()["InstanceId"]]},
    "RebootInstances": lambda w: {"InstanceIds": [w.launch()["InstanceId"]]},
    "ReleaseAddress": lambda w: {"AllocationId": w.new_address()["AllocationId"]},
    "ReplaceRoute": lambda w: w.routed() | {"NetworkInterfaceId": w.interfaces()[0]},
    "ReplaceRouteTableAssociation": lambda w: w.reassociated(),
    "ReplaceNetworkAclAssociation": lambda w: {"AssociationId": w.new_acl_association(), "NetworkAclId": w.new_acl()},
    "ReplaceNetworkAclEntry": lambda w: with_entry(w),
    "ResetAddressAttribute": lambda w: {"AllocationId": w.addresses[0]["AllocationId"], "Attribute": "domain-name"},
    "ResetInstanceAttribute": lambda w: {"InstanceId": w.pair[0]["InstanceId"], "Attribute": "sourceDestCheck"},
    "ResetNetworkInterfaceAttribute": lambda w: {"NetworkInterfaceId": w.new_interface()["NetworkInterfaceId"], "SourceDestCheck": "true"},
    "ModifySecurityGroupRules": lambda w: modified_rule(*w.new_rule()),
    "RevokeSecurityGroupEgress": lambda w: {"GroupId": w.new_group(), "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]},
    "RevokeSecurityGroupIngress": lambda w: {"GroupId": w.group["GroupId"], "IpPermissions": [w.authorized(9002)]},
    "RestoreManagedPrefixListVersion": lambda w: {"PrefixListId": w.new_list()["PrefixListId"], "PreviousVersion": 1, "CurrentVersion": 1},
    "RunInstances": lambda w: {"ImageId": w.image, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1},
    "StartInstances": lambda w: {"InstanceIds": [w.stopped()]},
    "StopInstances": lambda w: {"InstanceIds": [w.launch()["InstanceId"]]},
    "TerminateInstances": lambda w: {"InstanceIds": [w.launch()["InstanceId"]]},
    "UnmonitorInstances": lambda w: {"InstanceIds": [w.launch()["InstanceId"]]},
    "UpdateSecurityGroupRuleDescriptionsEgress": lambda w: described_rule(*w.new_rule("authorize_security_group_egress")),
    "UpdateSecurityGroupRuleDescriptionsIngress": lambda w: described_rule(*w.new_rule()),
}


def rule(port):
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}


def acl_entry(acl_id):
    return {"NetworkAclId": acl_id, "RuleNumber": 1, "Protocol": "-1", "RuleAction": "allow", "Egress": False, "CidrBlock": "10.0.0.0/8"}


def with_entry(world):
    entry = acl_entry(world.new_acl())
    world.ec2.create_network_acl_entry(**entry)
    return entry


def modified_rule(group_id, rule_id):
    rule = {"IpProtocol": "tcp", "FromPort": 2, "ToPort": 2, "CidrIpv4": "192.0.2.0/24"}
    return {"GroupId": group_id, "SecurityGroupRules": [{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}]}


def described_rule(group_id, rule_id):
    return {"GroupId": group_id, "SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": rule_id, "Description": "one"}]}


def declare_dry_run(action, parameters):
    @parameter(action, "DryRun", (True, False), ("DryRunOperation", "done"))
    def dry_run(world, value):
        call = getattr(world.ec2, method_of(action))
        try:
            answer = call(DryRun=value, **parameters(world))
        except world.ec2.exceptions.ClientError as error:
            return error.response["Error"]["Code"]
        if action == "RunInstances":
            world.launched.append(answer["Instances"][0]["InstanceId"])
        return "done"


for _action, _parameters in CALLS.items():
    declare_dry_run(_action, _parameters)


# Action: the answer's list, what names one of it, the filter that finds by it, another filter that does not, and two names to find.
FILTERS = {
    "DescribeAddresses": ("Addresses", "AllocationId", "allocation-id", "public-ip", lambda w: [one["AllocationId"] for one in w.addresses]),
    "DescribeAvailabilityZones": ("AvailabilityZones", "ZoneName", "zone-name", "zone-id", lambda w: w.zones()),
    "DescribeDhcpOptions": ("DhcpOptions", "DhcpOptionsId", "dhcp-options-id", "key", lambda w: [w.vpc["DhcpOptionsId"], "dopt-00000000000000000"]),
    "DescribeImages": ("Images", "ImageId", "image-id", "name", lambda w: w.images()),
    "DescribeInstanceStatus": ("InstanceStatuses", "AvailabilityZone", "availability-zone", "instance-state-name", lambda w: [w.subnet["AvailabilityZone"], "us-east-1z"]),
    "DescribeInstanceTopology": ("Instances", "AvailabilityZone", "availability-zone", "instance-type", lambda w: [w.subnet["AvailabilityZone"], "us-east-1z"]),
    "DescribeInstanceTypeOfferings": ("InstanceTypeOfferings", "InstanceType", "instance-type", "location", lambda w: ["t3.micro", "t3.small"]),
    "DescribeInstanceTypes": ("InstanceTypes", "InstanceType", "instance-type", "hypervisor", lambda w: ["t3.micro", "t3.small"]),
    "DescribeInstances": ("Reservations", "ReservationId", "reservation-id", "instance-id", lambda w: w.reservations()),
    "DescribeInternetGateways": ("InternetGateways", "InternetGatewayId", "internet-gateway-id", "attachment.vpc-id", lambda w: [one["InternetGatewayId"] for one in w.gateways]),
    "DescribeKeyPairs": ("KeyPairs", "KeyName", "key-name", "key-pair-id", lambda w: [key["KeyName"] for key in w.keys]),
    "DescribeLaunchTemplates": ("LaunchTemplates", "LaunchTemplateName", "launch-template-name", "create-time", lambda w: [one["LaunchTemplateName"] for one in w.templates()]),
    "DescribeManagedPrefixLists": ("PrefixLists", "PrefixListId", "prefix-list-id", "owner-id", lambda w: [one["PrefixListId"] for one in w.lists[:2]]),
    "DescribeNatGateways": ("NatGateways", "NatGatewayId", "nat-gateway-id", "vpc-id", lambda w: [one["NatGatewayId"] for one in w.nats[:2]]),
    "DescribeNetworkAcls": ("NetworkAcls", "NetworkAclId", "network-acl-id", "vpc-id", lambda w: w.in_vpcs("describe_network_acls", "NetworkAcls", "NetworkAclId")),
    "DescribeNetworkInterfaces": ("NetworkInterfaces", "NetworkInterfaceId", "network-interface-id", "subnet-id", lambda w: w.interfaces()),
    "DescribePlacementGroups": ("PlacementGroups", "GroupName", "group-name", "strategy", lambda w: [one["GroupName"] for one in w.placement_groups]),
    "DescribePrefixLists": ("PrefixLists", "PrefixListName", "prefix-list-name", "prefix-list-id", lambda w: ["com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.dynamodb"]),
    "DescribeRegions": ("Regions", "RegionName", "region-name", "opt-in-status", lambda w: ["us-east-1", "us-west-2"]),
    "DescribeRouteTables": ("RouteTables", "RouteTableId", "route-table-id", "vpc-id", lambda w: w.in_vpcs("describe_route_tables", "RouteTables", "RouteTableId")),
    "DescribeSecurityGroupRules": ("SecurityGroupRules", "SecurityGroupRuleId", "security-group-rule-id", "group-id", lambda w: w.some_rules[:2]),
    "DescribeSecurityGroups": ("SecurityGroups", "GroupId", "group-id", "vpc-id", lambda w: [w.group["GroupId"], "sg-00000000000000000"]),
    "DescribeSubnets": ("Subnets", "SubnetId", "subnet-id", "vpc-id", lambda w: [subnet["SubnetId"] for subnet in w.subnets[:2]]),
    "DescribeTags": ("Tags", "Key", "key", "value", lambda w: w.tagged()),
    "DescribeVolumes": ("Volumes", "VolumeId", "volume-id", "status", lambda w: w.volumes()),
    "DescribeVpcClassicLink": ("Vpcs", "VpcId", "tag:parameters", "tag:others", lambda w: [w.tagged_vpc, "vpc-00000000000000000"]),
    "DescribeVpcEndpointServices": ("ServiceDetails", "ServiceName", "service-name", "owner", lambda w: ["com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.dynamodb"]),
    "DescribeVpcEndpoints": ("VpcEndpoints", "VpcEndpointId", "vpc-endpoint-id", "vpc-id", lambda w: [one["VpcEndpointId"] for one in w.endpoints[:2]]),
    "DescribeVpcPeeringConnections": ("VpcPeeringConnections", "VpcPeeringConnectionId", "vpc-peering-connection-id", "status-code", lambda w: w.peerings[:2]),
    "DescribeVpcs": ("Vpcs", "VpcId", "vpc-id", "state", lambda w: [w.vpc["VpcId"], "vpc-00000000000000000"]),
}


def declare_filter(action, answer, name, finds, finds_not, names):
    def find(world, filter_name, value):
        member = "Filter" if action == "DescribeNatGateways" else "Filters"
        found = getattr(world.ec2, method_of(action))(**{member: [{"Name": filter_name, "Values": [value]}]})[answer]
        return sorted({element[name] for element in found})

    @parameter(action, "Filter.Name", (finds, finds_not), lambda world, value: [names(world)[0]] if value == finds else [])
    def filter_name(world, value):
        return find(world, value, names(world)[0])

    # The second of two names may be one that is not there.
    @parameter(action, "Filter.Value", (0, 1), lambda world, value: exists(world, names(world)[value]))
    def filter_value(world, value):
        return find(world, finds, names(world)[value])

    def exists(world, wanted):
        everything = [element for page in pages(world) for element in page[answer]]
        return [wanted] if wanted in {element[name] for element in everything} else []

    def pages(world):
        method = method_of(action)
        return world.ec2.get_paginator(method).paginate() if world.ec2.can_paginate(method) else [getattr(world.ec2, method)()]


for _action, _row in FILTERS.items():
    declare_filter(_action, *_row)


# Action: the answer's list, the least page, and what sees to it that there is more than one page (None: one account never has as much).
PAGES = {
    "DescribeAddressesAttribute": ("Addresses", 1, lambda w: w.addresses),
    "DescribeDhcpOptions": ("DhcpOptions", 5, None),
    "DescribeImages": ("Images", 1, lambda w: w.images()),
    "DescribeInstanceCreditSpecifications": ("InstanceCreditSpecifications", 5, lambda w: w.many()),
    "DescribeInstanceStatus": ("InstanceStatuses", 5, lambda w: w.many()),
    "DescribeInstanceTopology": ("Instances", 5, lambda w: w.many()),
    "DescribeInstanceTypeOfferings": ("InstanceTypeOfferings", 5, lambda w: None),
    "DescribeInstanceTypes": ("InstanceTypes", 5, lambda w: None),
    "DescribeInstances": ("Reservations", 5, lambda w: w.many()),
    "DescribeInternetGateways": ("InternetGateways", 5, lambda w: w.gateways),
    "DescribeLaunchTemplates": ("LaunchTemplates", 1, lambda w: w.templates()),
    "DescribeManagedPrefixLists": ("PrefixLists", 1, lambda w: w.lists),
    "DescribeNatGateways": ("NatGateways", 5, lambda w: w.nats),
    "DescribeNetworkAcls": ("NetworkAcls", 5, lambda w: w.vpcs),
    "DescribeNetworkInterfaces": ("NetworkInterfaces", 5, lambda w: w.many()),
    "DescribePrefixLists": ("PrefixLists", 5, None),
    "DescribeRouteTables": ("RouteTables", 5, lambda w: w.vpcs),
    "DescribeSecurityGroupRules": ("SecurityGroupRules", 5, lambda w: w.some_rules),
    "DescribeSecurityGroups": ("SecurityGroups", 5, lambda w: w.vpcs),
    "DescribeSubnets": ("Subnets", 5, lambda w: w.many_subnets),
    "DescribeTags": ("Tags", 5, lambda w: w.many_tags()),
    "DescribeVolumes": ("Volumes", 5, lambda w: w.many()),
    "DescribeVpcClassicLinkDnsSupport": ("Vpcs", 5, lambda w: w.vpcs),
    "DescribeVpcEndpointServices": ("ServiceDetails", 1, lambda w: None),
    "DescribeVpcEndpoints": ("VpcEndpoints", 1, lambda w: w.endpoints),
    "DescribeVpcPeeringConnections": ("VpcPeeringConnections", 5, lambda w: w.peerings),
    "DescribeVpcs": ("Vpcs", 5, lambda w: w.vpcs),
}


def declare_page(action, answer, least, fill):
    def call(world, **parameters):
        return getattr(world.ec2, method_of(action))(**parameters)

    if fill is None:
        # There is never a second page: what shows is that bounds are held and tokens are read.
        @parameter(action, "MaxResults", (least - 1, least), ("InvalidParameterValue", "done"))
        def bounds(world, value):
            return code_of(call, world, MaxResults=value)

        @parameter(action, "NextToken", ("not-a-token", None), ("InvalidNextToken", "done"))
        def token(world, value):
            return code_of(call, world, **({"NextToken": value} if value else {}))

        return

    @parameter(action, "MaxResults", (least, 100), lambda world, value: value == least)
    def more_than_a_page(world, value):
        fill(world)
        page = call(world, MaxResults=value)
        assert len(page[answer]) <= value
        return len(page[answer]) == least and "NextToken" in page

    @parameter(action, "NextToken", ("first", "second"), lambda world, value: value)
    def next_page(world, value):
        fill(world)
        first = call(world, MaxResults=least)
        second = call(world, MaxResults=least, NextToken=first["NextToken"])
        assert first[answer] and second[answer]
        # The second page goes on where the first ends: nothing is in both.
        assert not [element for element in second[answer] if element in first[answer]]
        return "first" if value == "first" else "second" if second[answer] != first[answer] else "first"


for _action, _row in PAGES.items():
    declare_page(_action, *_row)
