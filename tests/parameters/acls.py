"""Entries of network ACLs. Each is about an ACL of its own."""

from everywhere import acl_entry
from networks import NO_VPC, declare_subject
from table import parameter

ABSENT = "acl-00000000000000000"
NO_ACL = ("NetworkAclId", ABSENT, "InvalidNetworkAclID.NotFound")


def entries(world, acl_id):
    (acl,) = world.ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"]
    return [entry for entry in acl["Entries"] if entry["RuleNumber"] < 32767]


def of_new(world, **changes):
    return acl_entry(world.new_acl()) | changes


def created(world, **changes):
    asked = of_new(world, **changes)
    world.ec2.create_network_acl_entry(**asked)
    return asked


for _action, _no, _parameters in [
    ("CreateNetworkAcl", NO_VPC, lambda w: {"VpcId": w.new_vpc()["VpcId"]}),
    ("CreateNetworkAclEntry", NO_ACL, of_new),
    ("DeleteNetworkAcl", NO_ACL, lambda w: {"NetworkAclId": w.new_acl()}),
    ("DeleteNetworkAclEntry", NO_ACL, lambda w: numbered(created(w))),
    ("ReplaceNetworkAclEntry", NO_ACL, created),
    ("ReplaceNetworkAclAssociation", NO_ACL, lambda w: {"AssociationId": w.new_acl_association(), "NetworkAclId": w.new_acl()}),
    ("ReplaceNetworkAclAssociation", ("AssociationId", "aclassoc-00000000000000000", "InvalidAssociationID.NotFound"), lambda w: {"AssociationId": w.new_acl_association(), "NetworkAclId": w.new_acl()}),
]:
    declare_subject(_action, *_no, _parameters)


def numbered(entry):
    return {name: entry[name] for name in ("NetworkAclId", "RuleNumber", "Egress")}


@parameter("CreateNetworkAcl", "ClientToken", ("same", "other"), (True, False))
def token(world, value):
    under = world.unique("token")
    first, second = (world.new_acl(ClientToken=one) for one in (under, under if value == "same" else world.unique("token")))
    return first == second


# What an entry says: values, what it needs beside, and where it is shown.
TCP = {"Protocol": "6", "PortRange": {"From": 1, "To": 9}}
SAYS = {
    "CidrBlock": (("10.0.0.0/8", "192.0.2.0/24"), lambda value: {"CidrBlock": value}, lambda entry: entry["CidrBlock"]),
    "Icmp.Code": ((0, 1), lambda value: {"Protocol": "1", "IcmpTypeCode": {"Type": 3, "Code": value}}, lambda entry: entry["IcmpTypeCode"]["Code"]),
    "Icmp.Type": ((3, 8), lambda value: {"Protocol": "1", "IcmpTypeCode": {"Type": value, "Code": -1}}, lambda entry: entry["IcmpTypeCode"]["Type"]),
    "PortRange.From": ((1, 2), lambda value: TCP | {"PortRange": {"From": value, "To": 9}}, lambda entry: entry["PortRange"]["From"]),
    "PortRange.To": ((8, 9), lambda value: TCP | {"PortRange": {"From": 1, "To": value}}, lambda entry: entry["PortRange"]["To"]),
    "Protocol": (("6", "17"), lambda value: TCP | {"Protocol": value}, lambda entry: entry["Protocol"]),
    "RuleAction": (("allow", "deny"), lambda value: {"RuleAction": value}, lambda entry: entry["RuleAction"]),
}


def declare_said(path, values, make, see):
    @parameter("CreateNetworkAclEntry", path, values)
    def said(world, value):
        (entry,) = entries(world, created(world, **make(value))["NetworkAclId"])
        return see(entry)

    @parameter("ReplaceNetworkAclEntry", path, values)
    def replaced(world, value):
        asked = created(world)
        world.ec2.replace_network_acl_entry(**asked | make(value))
        (entry,) = entries(world, asked["NetworkAclId"])
        return see(entry)


for _path, _row in SAYS.items():
    declare_said(_path, *_row)


# Which of several entries


def declare_which(path, values, make, see):
    @parameter("CreateNetworkAclEntry", path, values)
    def made(world, value):
        (entry,) = entries(world, created(world, **make(value))["NetworkAclId"])
        return see(entry)

    def both(world):
        acl_id = world.new_acl()
        for one in values:
            world.ec2.create_network_acl_entry(**acl_entry(acl_id) | make(one))
        return acl_id

    @parameter("ReplaceNetworkAclEntry", path, values)
    def replaced(world, value):
        acl_id = both(world)
        world.ec2.replace_network_acl_entry(**acl_entry(acl_id) | make(value) | {"RuleAction": "deny"})
        (entry,) = [entry for entry in entries(world, acl_id) if entry["RuleAction"] == "deny"]
        return see(entry)

    @parameter("DeleteNetworkAclEntry", path, values, values[::-1])
    def deleted(world, value):
        acl_id = both(world)
        world.ec2.delete_network_acl_entry(**numbered(acl_entry(acl_id) | make(value)))
        (left,) = entries(world, acl_id)
        return see(left)


declare_which("RuleNumber", (7, 8), lambda value: {"RuleNumber": value}, lambda entry: entry["RuleNumber"])
declare_which("Egress", (True, False), lambda value: {"Egress": value}, lambda entry: entry["Egress"])
