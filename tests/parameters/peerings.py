"""Entries of VPC peering connections, and of rules that name a group behind one."""

from networks import declare_subject, declare_tags
from resources import declare_lookup
from routes import declare_target
from table import code_of, method_of, parameter

NO_VPC = ("VpcId", "vpc-00000000000000000", "InvalidVpcID.NotFound")
NO_PEERING = ("VpcPeeringConnectionId", "pcx-00000000000000000", "InvalidVpcPeeringConnectionID.NotFound")
OPTION = "AllowDnsResolutionFromRemoteVpc"

declare_tags("CreateVpcPeeringConnection", "vpc-peering-connection", lambda world, **parameters: world.new_peering(**parameters))
declare_lookup(
    "DescribeVpcPeeringConnections", "VpcPeeringConnectionId", "VpcPeeringConnectionIds", "describe_vpc_peering_connections",
    "VpcPeeringConnections", "VpcPeeringConnectionId", lambda w: w.peerings,
)
declare_subject("CreateVpcPeeringConnection", *NO_VPC, lambda w: w.to_peer())
for _action in ("AcceptVpcPeeringConnection", "DeleteVpcPeeringConnection", "RejectVpcPeeringConnection"):
    declare_subject(_action, *NO_PEERING, lambda w: {"VpcPeeringConnectionId": w.new_peering()["VpcPeeringConnectionId"]})
declare_subject("ModifyVpcPeeringConnectionOptions", *NO_PEERING, lambda w: w.active_peering() | {"RequesterPeeringConnectionOptions": {OPTION: True}})
for _action in ("CreateRoute", "ReplaceRoute"):
    declare_target(_action, "VpcPeeringConnectionId", lambda world: world.default_peerings)


def requested(world, **changes):
    return world.ec2.create_vpc_peering_connection(**world.to_peer() | changes)["VpcPeeringConnection"]


# What is nobody's, or elsewhere, can not be asked.


@parameter("CreateVpcPeeringConnection", "PeerVpcId", ("present", "absent"), ("pending-acceptance", "failed"))
def peer(world, value):
    return requested(world, **({} if value == "present" else {"PeerVpcId": "vpc-00000000000000000"}))["Status"]["Code"]


@parameter("CreateVpcPeeringConnection", "PeerOwnerId", ("own", "other"), ("pending-acceptance", "failed"))
def owner(world, value):
    account = world.account.account_id if value == "own" else "210987654321"
    return requested(world, PeerOwnerId=account)["Status"]["Code"]


@parameter("CreateVpcPeeringConnection", "PeerRegion", ("us-east-1", "eu-west-1"), ("done", "InvalidParameterValue"))
def region(world, value):
    return code_of(requested, world, PeerRegion=value)


def declare_option(side):
    @parameter("ModifyVpcPeeringConnectionOptions", f"{side}PeeringConnectionOptions.{OPTION}", (True, False))
    def option(world, value):
        active = world.active_peering()
        world.ec2.modify_vpc_peering_connection_options(**active, **{f"{side}PeeringConnectionOptions": {OPTION: value}})
        (found,) = world.ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[active["VpcPeeringConnectionId"]])["VpcPeeringConnections"]
        return found[f"{side}VpcInfo"]["PeeringOptions"][OPTION]


declare_option("Requester")
declare_option("Accepter")


def declare_pair(action, member, make, right, wrong):
    """A group of the peer's is named with its VPC and with the connection that leads there, or with another one."""

    @parameter(action, f"IpPermissions.Groups.{member}", ("right", "wrong"), ("done", "InvalidGroup.NotFound"))
    def pair(world, value):
        own, foreign = world.peered_groups
        plain = {"GroupId": foreign["GroupId"]}
        port = world.port()
        permission = lambda pair: [{"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [pair]}]  # noqa: E731
        if make:
            getattr(world.ec2, make)(GroupId=own, IpPermissions=permission(plain))
        named = plain | {member: foreign[right] if value == "right" else wrong}
        return code_of(getattr(world.ec2, method_of(action)), GroupId=own, IpPermissions=permission(named))


for _direction, _name in [("Ingress", "ingress"), ("Egress", "egress")]:
    for _action, _make in [
        (f"AuthorizeSecurityGroup{_direction}", None),
        (f"RevokeSecurityGroup{_direction}", f"authorize_security_group_{_name}"),
        (f"UpdateSecurityGroupRuleDescriptions{_direction}", f"authorize_security_group_{_name}"),
    ]:
        declare_pair(_action, "VpcId", _make, "VpcId", "vpc-00000000000000000")
        declare_pair(_action, "VpcPeeringConnectionId", _make, "VpcPeeringConnectionId", "pcx-00000000000000000")
