"""Entries of the groups of a VPC, and of what they say of groups elsewhere."""

from networks import NO_VPC, declare_subject
from table import method_of, parameter

declare_subject("GetSecurityGroupsForVpc", *NO_VPC, lambda w: {"VpcId": w.vpc["VpcId"]})
declare_subject("DescribeStaleSecurityGroups", *NO_VPC, lambda w: {"VpcId": w.vpc["VpcId"]})


@parameter("DescribeSecurityGroupReferences", "GroupId", ("foreign", "own"), (1, 0))
def references(world, value):
    own, foreign = world.peered_groups
    port = world.port()
    rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": foreign["GroupId"]}]}
    world.ec2.authorize_security_group_ingress(GroupId=own, IpPermissions=[rule])
    group_id = foreign["GroupId"] if value == "foreign" else own
    return len(world.ec2.describe_security_group_references(GroupId=[group_id])["SecurityGroupReferenceSet"])


def of_vpc(world, name, values):
    filters = [{"Name": name, "Values": values}]
    return len(world.ec2.get_security_groups_for_vpc(VpcId=world.stale_vpc, Filters=filters)["SecurityGroupForVpcs"])


@parameter("GetSecurityGroupsForVpc", "Filter.Name", ("group-name", "description"), (1, 0))
def filter_name(world, value):
    return of_vpc(world, value, ["default"])


@parameter("GetSecurityGroupsForVpc", "Filter.Value", ("default", "nobody"), (1, 0))
def filter_value(world, value):
    return of_vpc(world, "group-name", [value])


def declare_pages(action, answer, count):
    def call(world, **parameters):
        return getattr(world.ec2, method_of(action))(VpcId=world.stale_vpc, **parameters)

    @parameter(action, "MaxResults", (5, 100), (5, count))
    def page(world, value):
        return len(call(world, MaxResults=value)[answer])

    @parameter(action, "NextToken", ("first", "second"), (5, count - 5))
    def next_page(world, value):
        token = call(world, MaxResults=5)["NextToken"]
        return len(call(world, MaxResults=5, **({"NextToken": token} if value == "second" else {}))[answer])


declare_pages("DescribeStaleSecurityGroups", "StaleSecurityGroupSet", 6)
declare_pages("GetSecurityGroupsForVpc", "SecurityGroupForVpcs", 7)
