"""Entries of rules with an IPv6 block, in either direction of a group and in a network ACL. No VPC has such a block; rules are kept all the same."""

from acls import created, entries
from everywhere import acl_entry
from table import code_of, parameter

BLOCKS = ("2001:db8:1::/48", "2001:db8:2::/48")
METHODS = {"Ingress": "ingress", "Egress": "egress"}


def ipv6(block, **described):
    return {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 9, "Ipv6Ranges": [{"CidrIpv6": block} | described]}


def call(world, action, word, group_id, permission):
    return getattr(world.ec2, f"{action}_{word}")(GroupId=group_id, IpPermissions=[permission])


def with_both(world, word):
    group_id = world.new_group()
    for block in BLOCKS:
        call(world, "authorize_security_group", word, group_id, ipv6(block))
    return group_id


def of_ipv6(world, group_id):
    return [rule for rule in world.rules_in(group_id) if "CidrIpv6" in rule]


def declare(direction, word):
    @parameter(f"AuthorizeSecurityGroup{direction}", "IpPermissions.Ipv6Ranges.CidrIpv6", BLOCKS)
    def authorized(world, value):
        return call(world, "authorize_security_group", word, world.new_group(), ipv6(value))["SecurityGroupRules"][0]["CidrIpv6"]

    @parameter(f"AuthorizeSecurityGroup{direction}", "IpPermissions.Ipv6Ranges.Description", ("one", "two"))
    def described(world, value):
        made = call(world, "authorize_security_group", word, world.new_group(), ipv6(BLOCKS[0], Description=value))
        return made["SecurityGroupRules"][0]["Description"]

    @parameter(f"RevokeSecurityGroup{direction}", "IpPermissions.Ipv6Ranges.CidrIpv6", BLOCKS, BLOCKS[::-1])
    def revoked(world, value):
        group_id = with_both(world, word)
        call(world, "revoke_security_group", word, group_id, ipv6(value))
        (left,) = of_ipv6(world, group_id)
        return left["CidrIpv6"]

    # A rule goes whatever its description is; one that no rule can have is still refused.
    @parameter(f"RevokeSecurityGroup{direction}", "IpPermissions.Ipv6Ranges.Description", ("office", "b\u00fcro"), ("done", "InvalidParameterValue"))
    def revoked_described(world, value):
        return code_of(call, world, "revoke_security_group", word, with_both(world, word), ipv6(BLOCKS[0], Description=value))

    @parameter(f"UpdateSecurityGroupRuleDescriptions{direction}", "IpPermissions.Ipv6Ranges.CidrIpv6", BLOCKS)
    def updated(world, value):
        group_id = with_both(world, word)
        call(world, "update_security_group_rule_descriptions", word, group_id, ipv6(value, Description="described"))
        (found,) = [rule for rule in of_ipv6(world, group_id) if rule.get("Description") == "described"]
        return found["CidrIpv6"]

    @parameter(f"UpdateSecurityGroupRuleDescriptions{direction}", "IpPermissions.Ipv6Ranges.Description", ("one", "two"))
    def updated_description(world, value):
        group_id = with_both(world, word)
        call(world, "update_security_group_rule_descriptions", word, group_id, ipv6(BLOCKS[0], Description=value))
        (found,) = [rule for rule in of_ipv6(world, group_id) if rule["CidrIpv6"] == BLOCKS[0]]
        return found["Description"]


for _direction, _word in METHODS.items():
    declare(_direction, _word)


@parameter("ModifySecurityGroupRules", "SecurityGroupRule.SecurityGroupRule.CidrIpv6", BLOCKS)
def modified(world, value):
    group_id = world.new_group()
    made = call(world, "authorize_security_group", "ingress", group_id, ipv6("::/0"))["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 9, "CidrIpv6": value}
    world.ec2.modify_security_group_rules(GroupId=group_id, SecurityGroupRules=[{"SecurityGroupRuleId": made, "SecurityGroupRule": rule}])
    (found,) = of_ipv6(world, group_id)
    return found["CidrIpv6"]


def without_ipv4(asked, block):
    return {name: value for name, value in asked.items() if name != "CidrBlock"} | {"Ipv6CidrBlock": block}


@parameter("CreateNetworkAclEntry", "Ipv6CidrBlock", BLOCKS)
def entry(world, value):
    acl_id = world.new_acl()
    world.ec2.create_network_acl_entry(**without_ipv4(acl_entry(acl_id), value))
    (found,) = entries(world, acl_id)
    return found["Ipv6CidrBlock"]


@parameter("ReplaceNetworkAclEntry", "Ipv6CidrBlock", BLOCKS)
def replaced(world, value):
    asked = created(world)
    world.ec2.replace_network_acl_entry(**without_ipv4(asked, value))
    (found,) = entries(world, asked["NetworkAclId"])
    return found["Ipv6CidrBlock"]
