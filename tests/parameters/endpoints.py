"""Entries of gateway endpoints."""

import json

from networks import NO_VPC, declare_subject, declare_tags
from table import code_of, parameter

SERVICES = ("com.amazonaws.us-east-1.s3", "com.amazonaws.us-east-1.dynamodb")
NO_ENDPOINT = ("VpcEndpointId", "vpce-00000000000000000", "InvalidVpcEndpointId.NotFound")
POLICIES = [json.dumps({"Statement": [{"Effect": effect, "Principal": "*", "Action": "*", "Resource": "*"}]}) for effect in ("Allow", "Deny")]
declare_tags("CreateVpcEndpoint", "vpc-endpoint", lambda world, **parameters: world.new_endpoint(**parameters))
declare_subject("CreateVpcEndpoint", *NO_VPC, lambda w: {"VpcId": w.other_vpc["VpcId"], "ServiceName": SERVICES[0]})
declare_subject("ModifyVpcEndpoint", *NO_ENDPOINT, lambda w: {"VpcEndpointId": w.new_endpoint()["VpcEndpointId"], "ResetPolicy": True})


def shown(world, endpoint_id):
    return world.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint_id])["VpcEndpoints"][0]


@parameter("CreateVpcEndpoint", "ClientToken", ("same", "other"), (True, False))
def token(world, value):
    under = world.unique("token")
    first, second = (world.new_endpoint(ClientToken=one)["VpcEndpointId"] for one in (under, under if value == "same" else world.unique("token")))
    return first == second


@parameter("CreateVpcEndpoint", "ServiceName", SERVICES)
def service(world, value):
    return shown(world, world.new_endpoint(ServiceName=value)["VpcEndpointId"])["ServiceName"]


@parameter("CreateVpcEndpoint", "PolicyDocument", POLICIES)
def policy(world, value):
    return shown(world, world.new_endpoint(PolicyDocument=value)["VpcEndpointId"])["PolicyDocument"]


@parameter("ModifyVpcEndpoint", "PolicyDocument", POLICIES)
def changed_policy(world, value):
    endpoint_id = world.new_endpoint()["VpcEndpointId"]
    world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, PolicyDocument=value)
    return shown(world, endpoint_id)["PolicyDocument"]


@parameter("ModifyVpcEndpoint", "ResetPolicy", (True, False))
def reset_policy(world, value):
    endpoint_id = world.new_endpoint(PolicyDocument=POLICIES[1])["VpcEndpointId"]
    world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, ResetPolicy=value)
    return shown(world, endpoint_id)["PolicyDocument"] != POLICIES[1]


# Of two tables the one that is named leads to it, or does no longer.


def led(world, endpoint_id, both):
    return [both.index(table_id) for table_id in shown(world, endpoint_id)["RouteTableIds"]]


def two_tables(world):
    return [world.new_table()["RouteTableId"] for _ in range(2)]


@parameter("CreateVpcEndpoint", "RouteTableId", (0, 1), ([0], [1]))
def table(world, value):
    both = two_tables(world)
    return led(world, world.new_endpoint(RouteTableIds=[both[value]])["VpcEndpointId"], both)


@parameter("ModifyVpcEndpoint", "AddRouteTableId", (0, 1), ([0], [1]))
def added_table(world, value):
    both, endpoint_id = two_tables(world), world.new_endpoint()["VpcEndpointId"]
    world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, AddRouteTableIds=[both[value]])
    return led(world, endpoint_id, both)


@parameter("ModifyVpcEndpoint", "RemoveRouteTableId", (0, 1), ([1], [0]))
def removed_table(world, value):
    both = two_tables(world)
    endpoint_id = world.new_endpoint(RouteTableIds=both)["VpcEndpointId"]
    world.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint_id, RemoveRouteTableIds=[both[value]])
    return led(world, endpoint_id, both)


@parameter("DeleteVpcEndpoints", "VpcEndpointId", ("present", "absent"), ([], ["InvalidVpcEndpoint.NotFound"]))
def deleted(world, value):
    endpoint_id = world.new_endpoint()["VpcEndpointId"] if value == "present" else NO_ENDPOINT[1]
    return [item["Error"]["Code"] for item in world.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint_id])["Unsuccessful"]]


@parameter("DescribeVpcEndpoints", "VpcEndpointId", ("present", "absent"), ("done", NO_ENDPOINT[2]))
def described(world, value):
    endpoint_id = world.endpoints[0]["VpcEndpointId"] if value == "present" else NO_ENDPOINT[1]
    return code_of(world.ec2.describe_vpc_endpoints, VpcEndpointIds=[endpoint_id])


@parameter("DescribeVpcEndpointServices", "ServiceName", SERVICES)
def described_service(world, value):
    (found,) = world.ec2.describe_vpc_endpoint_services(ServiceNames=[value])["ServiceDetails"]
    return found["ServiceName"]
