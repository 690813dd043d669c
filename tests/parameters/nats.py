"""Entries of NAT gateways."""

from networks import NO_SUBNET, declare_subject, declare_tags
from routes import declare_target
from table import code_of, parameter

NO_GATEWAY = ("NatGatewayId", "nat-00000000000000000", "NatGatewayNotFound")
NO_ALLOCATION = ("AllocationId", "eipalloc-00000000000000000", "InvalidAllocationID.NotFound")
declare_tags("CreateNatGateway", "natgateway", lambda world, **parameters: world.new_nat(**parameters))
for _action, _no, _parameters in [
    ("CreateNatGateway", NO_SUBNET, lambda w: {"SubnetId": w.subnet["SubnetId"], "ConnectivityType": "private"}),
    ("CreateNatGateway", NO_ALLOCATION, lambda w: {"SubnetId": w.subnet["SubnetId"], "AllocationId": w.new_address()["AllocationId"]}),
    ("DeleteNatGateway", NO_GATEWAY, lambda w: {"NatGatewayId": w.new_nat()["NatGatewayId"]}),
]:
    declare_subject(_action, *_no, _parameters)


for _action in ("CreateRoute", "ReplaceRoute"):
    declare_target(_action, "NatGatewayId", lambda world: [one["NatGatewayId"] for one in world.nats[:2]])


@parameter("CreateNatGateway", "ClientToken", ("same", "other"), (True, False))
def token(world, value):
    under = world.unique("token")
    first, second = (world.new_nat(ClientToken=one)["NatGatewayId"] for one in (under, under if value == "same" else world.unique("token")))
    return first == second


@parameter("CreateNatGateway", "ConnectivityType", ("private", "public"))
def connectivity(world, value):
    address = {} if value == "private" else {"AllocationId": world.new_address()["AllocationId"]}
    return world.new_nat(ConnectivityType=value, **address)["ConnectivityType"]


@parameter("CreateNatGateway", "PrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def private_address(world, value):
    return code_of(world.new_nat, SubnetId=world.other_subnet["SubnetId"], PrivateIpAddress=world.free_address() if value == "free" else "192.0.2.9")
