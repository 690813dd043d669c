"""Entries of route tables and routes."""

from networks import NO_SUBNET, NO_VPC, declare_subject, declare_tags
from table import code_of, parameter

declare_tags("CreateRouteTable", "route-table", lambda world, **parameters: world.new_table(**parameters))

NO_TABLE = ("RouteTableId", "rtb-00000000000000000", "InvalidRouteTableID.NotFound")
for _action, _path, _absent, _code, _parameters in [
    ("AssociateRouteTable", *NO_SUBNET, lambda w: w.unassociated()),
    ("AssociateRouteTable", *NO_TABLE, lambda w: w.unassociated()),
    ("CreateRoute", *NO_TABLE, lambda w: w.unrouted()),
    ("CreateRouteTable", *NO_VPC, lambda w: {"VpcId": w.other_vpc["VpcId"]}),
    ("DeleteRoute", *NO_TABLE, lambda w: w.routed()),
    ("DeleteRouteTable", *NO_TABLE, lambda w: {"RouteTableId": w.new_table()["RouteTableId"]}),
    ("ReplaceRoute", *NO_TABLE, lambda w: w.routed() | {"NetworkInterfaceId": w.interfaces()[0]}),
    ("ReplaceRouteTableAssociation", *NO_TABLE, lambda w: w.reassociated()),
]:
    declare_subject(_action, _path, _absent, _code, _parameters)


def table(world, route_table_id):
    return world.ec2.describe_route_tables(RouteTableIds=[route_table_id])["RouteTables"][0]


def destinations(world, route_table_id):
    return [route["DestinationCidrBlock"] for route in table(world, route_table_id)["Routes"][1:]]


def route(world, asked):
    """The route that was asked for, as it is shown."""
    (found,) = [one for one in table(world, asked["RouteTableId"])["Routes"] if one["DestinationCidrBlock"] == asked["DestinationCidrBlock"]]
    return found


@parameter("CreateRouteTable", "ClientToken", ("same", "other"), (1, 2))
def made_once(world, value):
    vpc_id, token = world.new_vpc()["VpcId"], world.unique("token")
    for under in (token, token if value == "same" else world.unique("token")):
        world.ec2.create_route_table(VpcId=vpc_id, ClientToken=under)
    return len(world.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["RouteTables"]) - 1


@parameter("CreateRoute", "DestinationCidrBlock", ("10.8.0.0/16", "10.9.0.1/32"))
def destination(world, value):
    asked = world.unrouted() | {"DestinationCidrBlock": value}
    world.ec2.create_route(**asked)
    return destinations(world, asked["RouteTableId"])[0]


@parameter("DeleteRoute", "DestinationCidrBlock", (0, 1), ([1], [0]))
def which_goes(world, value):
    asked, both = world.routed(), ("10.9.0.0/16", "10.8.0.0/16")
    world.ec2.create_route(**world.unrouted() | {"RouteTableId": asked["RouteTableId"], "DestinationCidrBlock": both[1]})
    world.ec2.delete_route(RouteTableId=asked["RouteTableId"], DestinationCidrBlock=both[value])
    return [both.index(left) for left in destinations(world, asked["RouteTableId"])]


@parameter("ReplaceRoute", "DestinationCidrBlock", (0, 1), lambda world, value: [value == 0, value == 1])
def which_is_replaced(world, value):
    asked, both, interface = world.routed(), ("10.9.0.0/16", "10.8.0.0/16"), world.interfaces()[0]
    world.ec2.create_route(**world.unrouted() | {"RouteTableId": asked["RouteTableId"], "DestinationCidrBlock": both[1]})
    world.ec2.replace_route(RouteTableId=asked["RouteTableId"], DestinationCidrBlock=both[value], NetworkInterfaceId=interface)
    return ["NetworkInterfaceId" in route(world, {"RouteTableId": asked["RouteTableId"], "DestinationCidrBlock": to}) for to in both]


# What takes the packets: the VPC has one gateway, and two instances run in it.


def declare_target(action, path, choose):
    @parameter(action, path, (0, 1), lambda world, value: choose(world)[value])
    def target(world, value):
        asked = world.routed() if action == "ReplaceRoute" else world.unrouted()
        asked = {"RouteTableId": asked["RouteTableId"], "DestinationCidrBlock": asked["DestinationCidrBlock"], path: choose(world)[value]}
        getattr(world.ec2, "replace_route" if action == "ReplaceRoute" else "create_route")(**asked)
        return route(world, asked)[path]


for _action in ("CreateRoute", "ReplaceRoute"):
    declare_target(_action, "NetworkInterfaceId", lambda world: [one["NetworkInterfaces"][0]["NetworkInterfaceId"] for one in world.pair])
    declare_target(_action, "InstanceId", lambda world: [one["InstanceId"] for one in world.pair])


@parameter("CreateRoute", "GatewayId", ("own", "absent"), ("done", "InvalidGatewayID.NotFound"))
def gateway(world, value):
    asked = world.unrouted()
    return code_of(world.ec2.create_route, **(asked if value == "own" else asked | {"GatewayId": "igw-00000000000000000"}))


@parameter("ReplaceRoute", "GatewayId", ("own", "absent"), ("done", "InvalidGatewayID.NotFound"))
def other_gateway(world, value):
    asked = world.routed() | {"GatewayId": world.own_gateway if value == "own" else "igw-00000000000000000"}
    return code_of(world.ec2.replace_route, **asked)


@parameter("ReplaceRoute", "LocalTarget", (True, False), ("local", "MissingParameter"))
def local_again(world, value):
    asked = {"RouteTableId": world.unrouted()["RouteTableId"], "DestinationCidrBlock": world.vpc["CidrBlock"]}
    world.ec2.replace_route(**asked, NetworkInterfaceId=world.interfaces()[0])
    code = code_of(world.ec2.replace_route, **asked, LocalTarget=value)
    return route(world, asked).get("GatewayId") if code == "done" else code


# Associations


@parameter("DisassociateRouteTable", "AssociationId", ("present", "absent"), ("done", "InvalidAssociationID.NotFound"))
def parted(world, value):
    association = world.associated()
    return code_of(world.ec2.disassociate_route_table, AssociationId=association if value == "present" else "rtbassoc-00000000000000000")


@parameter("ReplaceRouteTableAssociation", "AssociationId", ("present", "absent"), ("done", "InvalidAssociationID.NotFound"))
def replaced(world, value):
    asked = world.reassociated()
    return code_of(world.ec2.replace_route_table_association, **(asked if value == "present" else asked | {"AssociationId": "rtbassoc-00000000000000000"}))
