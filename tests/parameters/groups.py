"""Entries of a security group's rules. The default group of an account starts closed from outside; each entry uses ports of its own."""

from table import code_of, parameter

GROUP = {"IpPermissions.Groups.GroupId", "IpPermissions.Groups.Description"}


def permission(world, **changes):
    port = world.port()
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]} | changes


def flat(world, **changes):
    port = world.port()
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": "192.0.2.0/24"} | changes


def authorize(world, **parameters):
    answer = world.ec2.authorize_security_group_ingress(**{"GroupId": world.group["GroupId"]} | parameters)
    (rule,) = answer["SecurityGroupRules"]
    return rule


def revoke(world, **parameters):
    world.ec2.revoke_security_group_ingress(**{"GroupId": world.group["GroupId"]} | parameters)


# One value to a rule, and where the rule shows it.
RULE = {
    "FromPort": ((7000, 7001), {"ToPort": 7002}, "FromPort"),
    "ToPort": ((7002, 7003), {"FromPort": 7002}, "ToPort"),
    "IpProtocol": (("tcp", "udp"), {}, "IpProtocol"),
    "CidrIp": (("198.51.100.0/24", "203.0.113.0/24"), {}, "CidrIpv4"),
}


def clean(world):
    """Takes every rule of the group out, so that each value meets the same group."""
    rules = world.rules()
    if rules:
        world.ec2.revoke_security_group_ingress(GroupId=world.group["GroupId"], IpPermissions=rules)


def declare_flat(name, values, others, shown):
    @parameter("AuthorizeSecurityGroupIngress", name, values)
    def authorized(world, value):
        clean(world)
        return authorize(world, **flat(world, **others | {name: value}))[shown]

    @parameter("RevokeSecurityGroupIngress", name, values, (0, 1))
    def revoked(world, value):
        clean(world)
        base = flat(world, **others)
        both = [base | {name: one} for one in values]
        made = [authorize(world, **one)["SecurityGroupRuleId"] for one in both]
        revoke(world, **both[values.index(value)])
        return gone(world, made)


def gone(world, rules):
    """Which of two rules is not there any longer."""
    return [code_of(world.ec2.revoke_security_group_ingress, GroupId=world.group["GroupId"], SecurityGroupRuleIds=[rule]) for rule in rules].index(
        "InvalidSecurityGroupRuleId.NotFound"
    )


def nested(world, name, value, others):
    if name == "CidrIp":
        return permission(world, IpRanges=[{"CidrIp": value}])
    return permission(world, **others | {name: value})


def declare_nested(name, values, others, shown):
    path = f"IpPermissions.{'IpRanges.' if name == 'CidrIp' else ''}{name}"

    @parameter("AuthorizeSecurityGroupIngress", path, values)
    def authorized(world, value):
        clean(world)
        return authorize(world, IpPermissions=[nested(world, name, value, others)])[shown]

    @parameter("RevokeSecurityGroupIngress", path, values, (0, 1))
    def revoked(world, value):
        clean(world)
        base = permission(world, **others)
        change = (lambda one: {"IpRanges": [{"CidrIp": one}]}) if name == "CidrIp" else (lambda one: {name: one})
        both = [base | change(one) for one in values]
        made = [authorize(world, IpPermissions=[one])["SecurityGroupRuleId"] for one in both]
        revoke(world, IpPermissions=[both[values.index(value)]])
        return gone(world, made)


for _name, _row in RULE.items():
    declare_flat(_name, *_row)
    declare_nested(_name, *_row)


def declare_description(source, make):
    @parameter("AuthorizeSecurityGroupIngress", f"IpPermissions.{source}.Description", ("one", "two"))
    def description(world, value):
        clean(world)
        return authorize(world, IpPermissions=[permission(world, IpRanges=[]) | {member_of(source): [make(world) | {"Description": value}]}])["Description"]


def member_of(source):
    return "UserIdGroupPairs" if source == "Groups" else source


declare_description("IpRanges", lambda world: {"CidrIp": "192.0.2.0/24"})
declare_description("Groups", lambda world: {"GroupId": world.group["GroupId"]})


# EC2 takes a rule out whatever its description is; one that no rule can have is still refused.
def declare_revoked_description(source, make):
    @parameter("RevokeSecurityGroupIngress", f"IpPermissions.{source}.Description", ("office", "b\u00fcro"), ("done", "InvalidParameterValue"))
    def description(world, value):
        clean(world)
        made = permission(world, IpRanges=[]) | {member_of(source): [make(world)]}
        authorize(world, IpPermissions=[made])
        return code_of(revoke, world, IpPermissions=[made | {member_of(source): [make(world) | {"Description": value}]}])


declare_revoked_description("IpRanges", lambda world: {"CidrIp": "192.0.2.0/24"})
declare_revoked_description("Groups", lambda world: {"GroupId": world.group["GroupId"]})


@parameter("AuthorizeSecurityGroupIngress", "IpPermissions.Groups.GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
def group_pair(world, value):
    clean(world)
    group_id = world.group["GroupId"] if value == "own" else "sg-00000000000000000"
    return code_of(authorize, world, IpPermissions=[permission(world, IpRanges=[], UserIdGroupPairs=[{"GroupId": group_id}])])


@parameter("RevokeSecurityGroupIngress", "IpPermissions.Groups.GroupId", ("own", "absent"), ("done", "InvalidPermission.NotFound"))
def revoked_group_pair(world, value):
    clean(world)
    own = permission(world, IpRanges=[], UserIdGroupPairs=[{"GroupId": world.group["GroupId"]}])
    authorize(world, IpPermissions=[own])
    sent = own if value == "own" else own | {"UserIdGroupPairs": [{"GroupId": "sg-00000000000000000"}]}
    code = code_of(revoke, world, IpPermissions=[sent])
    return "InvalidPermission.NotFound" if code == "InvalidGroup.NotFound" else code


@parameter("AuthorizeSecurityGroupIngress", "IpPermissions.Groups.GroupName", ("default", "nobody"), ("done", "InvalidGroup.NotFound"))
def group_pair_name(world, value):
    clean(world)
    return code_of(authorize, world, IpPermissions=[permission(world, IpRanges=[], UserIdGroupPairs=[{"GroupName": value}])])


@parameter("RevokeSecurityGroupIngress", "IpPermissions.Groups.GroupName", ("default", "nobody"), ("done", "InvalidGroup.NotFound"))
def revoked_group_pair_name(world, value):
    clean(world)
    made = permission(world, IpRanges=[], UserIdGroupPairs=[{"GroupName": "default"}])
    authorize(world, IpPermissions=[made])
    return code_of(revoke, world, IpPermissions=[made | {"UserIdGroupPairs": [{"GroupName": value}]}])


def pair_of(world, account_id):
    return {"GroupId": world.group["GroupId"], "UserId": account_id}


def account(world, value):
    return world.account.account_id if value == "own" else "210987654321"


@parameter("AuthorizeSecurityGroupIngress", "IpPermissions.Groups.UserId", ("own", "other"), ("done", "InvalidGroup.NotFound"))
def group_pair_account(world, value):
    clean(world)
    return code_of(authorize, world, IpPermissions=[permission(world, IpRanges=[], UserIdGroupPairs=[pair_of(world, account(world, value))])])


@parameter("RevokeSecurityGroupIngress", "IpPermissions.Groups.UserId", ("own", "other"), ("done", "InvalidGroup.NotFound"))
def revoked_group_pair_account(world, value):
    clean(world)
    made = permission(world, IpRanges=[], UserIdGroupPairs=[pair_of(world, account(world, "own"))])
    authorize(world, IpPermissions=[made])
    return code_of(revoke, world, IpPermissions=[made | {"UserIdGroupPairs": [pair_of(world, account(world, value))]}])


@parameter("RevokeSecurityGroupIngress", "SecurityGroupRuleId", (0, 1), (0, 1))
def rule_id(world, value):
    clean(world)
    made = [authorize(world, IpPermissions=[permission(world)])["SecurityGroupRuleId"] for _ in range(2)]
    revoke(world, SecurityGroupRuleIds=[made[value]])
    return gone(world, made)


def declare_group(action, call):
    @parameter(action, "GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
    def group_id(world, value):
        clean(world)
        return code_of(call, world, GroupId=world.group["GroupId"] if value == "own" else "sg-00000000000000000")

    @parameter(action, "GroupName", ("default", "nobody"), ("done", "InvalidGroup.NotFound"))
    def group_name(world, value):
        clean(world)
        return code_of(call, world, GroupName=value)


def authorize_in(world, **group):
    world.ec2.authorize_security_group_ingress(IpPermissions=[permission(world)], **group)


def revoke_in(world, **group):
    made = permission(world)
    authorize(world, IpPermissions=[made])
    world.ec2.revoke_security_group_ingress(IpPermissions=[made], **group)


declare_group("AuthorizeSecurityGroupIngress", authorize_in)
declare_group("RevokeSecurityGroupIngress", revoke_in)
