"""Entries of NAT gateways."""

from cloud import wait_until
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
    ("AssignPrivateNatGatewayAddress", NO_GATEWAY, lambda w: {"NatGatewayId": w.settled_nat()[0], "PrivateIpAddressCount": 1}),
    ("AssociateNatGatewayAddress", NO_GATEWAY, lambda w: w.to_associate()),
    ("DisassociateNatGatewayAddress", NO_GATEWAY, lambda w: w.associated_nat()),
    ("UnassignPrivateNatGatewayAddress", NO_GATEWAY, lambda w: w.assigned_nat()),
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


# Addresses beside the primary one.


def elastic(world, count):
    return [world.new_address()["AllocationId"] for _ in range(count)]


@parameter("CreateNatGateway", "SecondaryAllocationId", (0, 2))
def created_with_elastic(world, value):
    given = elastic(world, value)
    made = world.new_nat(AllocationId=elastic(world, 1)[0], SecondaryAllocationIds=given)
    secondary = [one for one in made["NatGatewayAddresses"] if not one["IsPrimary"]]
    assert [one["AllocationId"] for one in secondary] == given
    return len(secondary)


@parameter("CreateNatGateway", "SecondaryPrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def created_with_private(world, value):
    address = world.free_address() if value == "free" else "192.0.2.9"
    return code_of(world.new_nat, SubnetId=world.other_subnet["SubnetId"], SecondaryPrivateIpAddresses=[address])


@parameter("CreateNatGateway", "SecondaryPrivateIpAddressCount", (1, 7), (2, 8))
def created_with_count(world, value):
    return len(world.new_nat(SecondaryPrivateIpAddressCount=value)["NatGatewayAddresses"])


@parameter("AssociateNatGatewayAddress", "AllocationId", (1, 2))
def associated(world, value):
    nat_id, _ = world.public_nat()
    given = elastic(world, value)
    answer = world.ec2.associate_nat_gateway_address(NatGatewayId=nat_id, AllocationIds=given)
    assert [one["AllocationId"] for one in answer["NatGatewayAddresses"]] == given
    assert [one["AllocationId"] for one in world.secondary_of(nat_id)] == given
    return len(answer["NatGatewayAddresses"])


@parameter("AssociateNatGatewayAddress", "PrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def associated_with_private(world, value):
    nat_id, _ = world.settled_nat(AllocationId=elastic(world, 1)[0])
    primary = world.ec2.describe_nat_gateways(NatGatewayIds=[nat_id])["NatGateways"][0]["NatGatewayAddresses"][0]["PrivateIp"]
    # Next to it; another interface of the subnet might have that, which is another code.
    first, last = primary.rsplit(".", 1)
    address = f"{first}.{int(last) - 1 if int(last) > 100 else int(last) + 1}" if value == "free" else "192.0.2.9"
    code = code_of(world.ec2.associate_nat_gateway_address, NatGatewayId=nat_id, AllocationIds=elastic(world, 1), PrivateIpAddresses=[address])
    assert [one["PrivateIp"] for one in world.secondary_of(nat_id)] == ([address] if code == "done" else [])
    return code


@parameter("DisassociateNatGatewayAddress", "AssociationId", (0, 1), ([1], [0]))
def disassociated(world, value):
    nat_id, both = world.public_nat(2)
    answer = world.ec2.disassociate_nat_gateway_address(NatGatewayId=nat_id, AssociationIds=[both[value]["AssociationId"]])
    assert [one["AllocationId"] for one in answer["NatGatewayAddresses"]] == [both[value]["AllocationId"]]
    wait_until("the address is given back", lambda: len(world.secondary_of(nat_id)) == 1)
    (left,) = world.secondary_of(nat_id)
    return [at for at, one in enumerate(both) if one["AllocationId"] == left["AllocationId"]]


@parameter("DisassociateNatGatewayAddress", "MaxDrainDurationSeconds", (4000, 4001), ("done", "InvalidParameterValue"))
def drained(world, value):
    return code_of(world.ec2.disassociate_nat_gateway_address, **world.associated_nat(), MaxDrainDurationSeconds=value)


@parameter("UnassignPrivateNatGatewayAddress", "MaxDrainDurationSeconds", (1, 0), ("done", "InvalidParameterValue"))
def drained_private(world, value):
    return code_of(world.ec2.unassign_private_nat_gateway_address, **world.assigned_nat(), MaxDrainDurationSeconds=value)


@parameter("AssignPrivateNatGatewayAddress", "PrivateIpAddressCount", (1, 7))
def assigned_by_count(world, value):
    nat_id, _ = world.settled_nat()
    answer = world.ec2.assign_private_nat_gateway_address(NatGatewayId=nat_id, PrivateIpAddressCount=value)
    assert len(world.secondary_of(nat_id)) == value
    return len(answer["NatGatewayAddresses"])


@parameter("AssignPrivateNatGatewayAddress", "PrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def assigned_by_name(world, value):
    nat_id, _ = world.settled_nat(SubnetId=world.other_subnet["SubnetId"])
    address = world.free_address() if value == "free" else "192.0.2.9"
    code = code_of(world.ec2.assign_private_nat_gateway_address, NatGatewayId=nat_id, PrivateIpAddresses=[address])
    assert [one["PrivateIp"] for one in world.secondary_of(nat_id)] == ([address] if code == "done" else [])
    return code


@parameter("UnassignPrivateNatGatewayAddress", "PrivateIpAddress", ("own", "another's"), ("done", "InvalidParameterValue"))
def unassigned_by_name(world, value):
    one, other = world.assigned_nat(), world.assigned_nat()
    gone = (one if value == "own" else other)["PrivateIpAddresses"]
    return code_of(world.ec2.unassign_private_nat_gateway_address, NatGatewayId=one["NatGatewayId"], PrivateIpAddresses=gone)
