"""Entries of groups that clients make, and of their outbound, modified and described rules. Each is about a group of its own."""

from table import code_of, parameter

ABSENT = "sg-00000000000000000"
BLOCKS = ("198.51.100.0/24", "203.0.113.0/24")


def shown(world, group_id):
    return world.ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"][0]


@parameter("CreateSecurityGroup", "GroupName", ("made-one", "made-two"))
def group_name(world, value):
    return shown(world, world.new_group(GroupName=value))["GroupName"]


@parameter("CreateSecurityGroup", "GroupDescription", ("one", "two"))
def group_description(world, value):
    return shown(world, world.new_group(Description=value))["Description"]


@parameter("CreateSecurityGroup", "VpcId", (1, 2), lambda world, value: world.vpcs[value]["VpcId"])
def group_vpc(world, value):
    return shown(world, world.new_group(VpcId=world.vpcs[value]["VpcId"]))["VpcId"]


@parameter("DeleteSecurityGroup", "GroupId", (0, 1))
def deleted_id(world, value):
    both = [world.new_group(), world.new_group()]
    world.ec2.delete_security_group(GroupId=both[value])
    return [code_of(world.ec2.describe_security_groups, GroupIds=[one]) for one in both].index("InvalidGroup.NotFound")


@parameter("DeleteSecurityGroup", "GroupName", (0, 1))
def deleted_name(world, value):
    names = [world.unique("deleted"), world.unique("deleted")]
    both = [world.new_group(GroupName=name, VpcId=world.vpc["VpcId"]) for name in names]
    world.ec2.delete_security_group(GroupName=names[value])
    return [code_of(world.ec2.describe_security_groups, GroupIds=[one]) for one in both].index("InvalidGroup.NotFound")


# Permissions that differ in one thing: what is said of it, and what else each has.


def permission(**changes):
    return {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 9, "IpRanges": [{"CidrIp": BLOCKS[0]}]} | changes


def pair(world, **member):
    """A source in the default VPC, where groups have names, too."""
    return permission(IpRanges=[], UserIdGroupPairs=[member])


SCALARS = {
    "FromPort": ((1, 2), lambda value: permission(FromPort=value), "FromPort"),
    "ToPort": ((8, 9), lambda value: permission(ToPort=value), "ToPort"),
    "IpProtocol": (("tcp", "udp"), lambda value: permission(IpProtocol=value), "IpProtocol"),
    "IpRanges.CidrIp": (BLOCKS, lambda value: permission(IpRanges=[{"CidrIp": value}]), "CidrIpv4"),
}


def outbound(world, group_id, one):
    return world.ec2.authorize_security_group_egress(GroupId=group_id, IpPermissions=[one])["SecurityGroupRules"][0]


def declare_scalar(name, values, make, member):
    @parameter("AuthorizeSecurityGroupEgress", f"IpPermissions.{name}", values)
    def authorized(world, value):
        return outbound(world, world.new_group(), make(value))[member]

    @parameter("RevokeSecurityGroupEgress", f"IpPermissions.{name}", values, values[::-1])
    def revoked(world, value):
        group_id = world.new_group()
        for one in values:
            outbound(world, group_id, make(one))
        world.ec2.revoke_security_group_egress(GroupId=group_id, IpPermissions=[make(value)])
        (left,) = [rule for rule in world.rules_in(group_id) if rule["IpProtocol"] != "-1"]
        return left[member]

    for direction, method in DIRECTIONS.items():
        declare_described(direction, method, name, values, make, member)


DIRECTIONS = {"Ingress": "authorize_security_group_ingress", "Egress": "authorize_security_group_egress"}


def update(world, direction):
    return getattr(world.ec2, f"update_security_group_rule_descriptions_{direction.lower()}")


def declare_described(direction, method, name, values, make, member):
    """Of two rules the one that the permission says is described."""

    @parameter(f"UpdateSecurityGroupRuleDescriptions{direction}", f"IpPermissions.{name}", values)
    def described(world, value):
        group_id = world.new_group()
        for one in values:
            getattr(world.ec2, method)(GroupId=group_id, IpPermissions=[make(one)])
        one = make(value)
        update(world, direction)(GroupId=group_id, IpPermissions=[one | {"IpRanges": [one["IpRanges"][0] | {"Description": "described"}]}])
        (found,) = [rule for rule in world.rules_in(group_id) if rule.get("Description") == "described"]
        return found[member]


for _name, _row in SCALARS.items():
    declare_scalar(_name, *_row)


# Who a rule names


def in_default_vpc(world):
    return world.new_group(VpcId=world.vpc["VpcId"])


def declare_pair(action, call):
    """`call`: what the action does with a group of the default VPC and one permission, where a rule for the default group is there already."""
    refused = ("done", "InvalidGroup.NotFound")

    @parameter(action, "IpPermissions.Groups.GroupId", ("own", "absent"), refused)
    def by_id(world, value):
        return code_of(call, world, pair(world, GroupId=world.group["GroupId"] if value == "own" else ABSENT))

    @parameter(action, "IpPermissions.Groups.GroupName", ("default", "nobody"), refused)
    def by_name(world, value):
        return code_of(call, world, pair(world, GroupName=value))

    @parameter(action, "IpPermissions.Groups.UserId", ("own", "other"), refused)
    def account(world, value):
        account_id = world.account.account_id if value == "own" else "210987654321"
        return code_of(call, world, pair(world, GroupId=world.group["GroupId"], UserId=account_id))


def with_pair(world, method):
    group_id = in_default_vpc(world)
    getattr(world.ec2, method)(GroupId=group_id, IpPermissions=[pair(world, GroupId=world.group["GroupId"])])
    return group_id


def revoke_pair(world, one):
    answer = world.ec2.revoke_security_group_egress(GroupId=with_pair(world, DIRECTIONS["Egress"]), IpPermissions=[one])
    assert len(answer["RevokedSecurityGroupRules"]) == 1


declare_pair("AuthorizeSecurityGroupEgress", lambda world, one: outbound(world, in_default_vpc(world), one))
declare_pair("RevokeSecurityGroupEgress", revoke_pair)


def declare_described_pair(direction, method):
    action = f"UpdateSecurityGroupRuleDescriptions{direction}"
    declare_pair(action, lambda world, one: update(world, direction)(GroupId=with_pair(world, method), IpPermissions=[one]))

    @parameter(action, "IpPermissions.Groups.Description", ("one", "two"))
    def of_pair(world, value):
        group_id = with_pair(world, method)
        update(world, direction)(GroupId=group_id, IpPermissions=[pair(world, GroupId=world.group["GroupId"], Description=value)])
        return [rule["Description"] for rule in world.rules_in(group_id) if "ReferencedGroupInfo" in rule][0]

    def rule_of(world):
        group_id, rule_id = world.new_rule(method)
        return group_id, rule_id, lambda: world.ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]

    @parameter(action, "IpPermissions.IpRanges.Description", ("one", "two"))
    def of_range(world, value):
        group_id, _, see = rule_of(world)
        described = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "192.0.2.0/24", "Description": value}]}
        update(world, direction)(GroupId=group_id, IpPermissions=[described])
        return see()["Description"]

    @parameter(action, "SecurityGroupRuleDescription.Description", ("one", "two"))
    def of_id(world, value):
        group_id, rule_id, see = rule_of(world)
        update(world, direction)(GroupId=group_id, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule_id, "Description": value}])
        return see()["Description"]

    @parameter(action, "SecurityGroupRuleDescription.SecurityGroupRuleId", ("present", "absent"), ("done", "InvalidSecurityGroupRuleId.NotFound"))
    def rule_id(world, value):
        group_id, made = world.new_rule(method)
        named = made if value == "present" else "sgr-00000000000000000"
        return code_of(update(world, direction), GroupId=group_id, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": named, "Description": "d"}])

    @parameter(action, "GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
    def group_id(world, value):
        own, made = world.new_rule(method)
        named = own if value == "own" else ABSENT
        return code_of(update(world, direction), GroupId=named, SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": made, "Description": "d"}])

    @parameter(action, "GroupName", ("own", "nobody"), ("done", "InvalidGroup.NotFound"))
    def group_name(world, value):
        name = world.unique("named")
        own = world.new_group(GroupName=name, VpcId=world.vpc["VpcId"])
        getattr(world.ec2, method)(GroupId=own, IpPermissions=[permission()])
        named = name if value == "own" else "nobody"
        return code_of(update(world, direction), GroupName=named, IpPermissions=[permission()])


for _direction, _method in DIRECTIONS.items():
    declare_described_pair(_direction, _method)


# Descriptions of outbound rules


@parameter("AuthorizeSecurityGroupEgress", "IpPermissions.IpRanges.Description", ("one", "two"))
def range_description(world, value):
    return outbound(world, world.new_group(), permission(IpRanges=[{"CidrIp": BLOCKS[0], "Description": value}]))["Description"]


@parameter("AuthorizeSecurityGroupEgress", "IpPermissions.Groups.Description", ("one", "two"))
def pair_description(world, value):
    return outbound(world, in_default_vpc(world), pair(world, GroupId=world.group["GroupId"], Description=value))["Description"]


# EC2 takes a rule out whatever its description is; one that no rule can have is still refused.


@parameter("RevokeSecurityGroupEgress", "IpPermissions.IpRanges.Description", ("office", "b\u00fcro"), ("done", "InvalidParameterValue"))
def revoked_range(world, value):
    group_id = world.new_group()
    outbound(world, group_id, permission())
    described = permission(IpRanges=[{"CidrIp": BLOCKS[0], "Description": value}])
    return code_of(world.ec2.revoke_security_group_egress, GroupId=group_id, IpPermissions=[described])


@parameter("RevokeSecurityGroupEgress", "IpPermissions.Groups.Description", ("office", "b\u00fcro"), ("done", "InvalidParameterValue"))
def revoked_pair(world, value):
    return code_of(revoke_pair, world, pair(world, GroupId=world.group["GroupId"], Description=value))


# The group and the rule


@parameter("AuthorizeSecurityGroupEgress", "GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
def authorized_group(world, value):
    return code_of(outbound, world, world.new_group() if value == "own" else ABSENT, permission())


@parameter("RevokeSecurityGroupEgress", "GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
def revoked_group(world, value):
    group_id, rule_id = world.new_rule(DIRECTIONS["Egress"])
    named = group_id if value == "own" else ABSENT
    return code_of(world.ec2.revoke_security_group_egress, GroupId=named, SecurityGroupRuleIds=[rule_id])


@parameter("RevokeSecurityGroupEgress", "SecurityGroupRuleId", (0, 1))
def revoked_rule(world, value):
    group_id = world.new_group()
    both = [outbound(world, group_id, permission(IpRanges=[{"CidrIp": block}]))["SecurityGroupRuleId"] for block in BLOCKS]
    world.ec2.revoke_security_group_egress(GroupId=group_id, SecurityGroupRuleIds=[both[value]])
    left = [rule["SecurityGroupRuleId"] for rule in world.rules_in(group_id)]
    return [one in left for one in both].index(False)


# ModifySecurityGroupRules


def modified(world, group_id=None, rule_id=None, **changes):
    made = world.new_rule()
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 9, "CidrIpv4": BLOCKS[0]} | changes
    asked = [{"SecurityGroupRuleId": rule_id or made[1], "SecurityGroupRule": rule}]
    world.ec2.modify_security_group_rules(GroupId=group_id or made[0], SecurityGroupRules=asked)
    return world.ec2.describe_security_group_rules(SecurityGroupRuleIds=[made[1]])["SecurityGroupRules"][0]


def declare_modified(name, values):
    @parameter("ModifySecurityGroupRules", f"SecurityGroupRule.SecurityGroupRule.{name}", values)
    def change(world, value):
        return modified(world, **{name: value})[name]


for _name, _values in {"FromPort": (2, 3), "ToPort": (7, 8), "IpProtocol": ("tcp", "udp"), "CidrIpv4": BLOCKS, "Description": ("one", "two")}.items():
    declare_modified(_name, _values)


@parameter("ModifySecurityGroupRules", "SecurityGroupRule.SecurityGroupRule.ReferencedGroupId", (0, 1))
def modified_reference(world, value):
    both = [world.new_group(), world.new_group()]
    group_id, rule_id = world.new_rule(IpRanges=[], UserIdGroupPairs=[{"GroupId": both[1 - value]}])
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "ReferencedGroupId": both[value]}
    world.ec2.modify_security_group_rules(GroupId=group_id, SecurityGroupRules=[{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": rule}])
    found = world.ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"][0]
    return both.index(found["ReferencedGroupInfo"]["GroupId"])


@parameter("ModifySecurityGroupRules", "SecurityGroupRule.SecurityGroupRuleId", ("own", "absent"), ("done", "InvalidSecurityGroupRuleId.NotFound"))
def modified_rule_id(world, value):
    return code_of(modified, world, rule_id=None if value == "own" else "sgr-00000000000000000")


@parameter("ModifySecurityGroupRules", "GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
def modified_group_id(world, value):
    return code_of(modified, world, group_id=None if value == "own" else ABSENT)
