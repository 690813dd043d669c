"""Entries of reservations in subnets."""

from networks import NO_SUBNET, declare_subject, declare_tags
from table import parameter

declare_tags("CreateSubnetCidrReservation", "subnet-cidr-reservation", lambda world, **parameters: world.new_reservation(**parameters))
declare_subject("CreateSubnetCidrReservation", *NO_SUBNET, lambda w: w.to_reserve())
declare_subject("GetSubnetCidrReservations", *NO_SUBNET, lambda w: {"SubnetId": w.other_subnet["SubnetId"]})
declare_subject(
    "DeleteSubnetCidrReservation", "SubnetCidrReservationId", "scr-00000000000000000", "InvalidSubnetCidrReservationID.NotFound",
    lambda w: {"SubnetCidrReservationId": w.new_reservation()["SubnetCidrReservationId"]},
)


def shown(world, **parameters):
    made = world.new_reservation(**parameters)
    answer = world.ec2.get_subnet_cidr_reservations(SubnetId=made["SubnetId"], MaxResults=1000)["SubnetIpv4CidrReservations"]
    return next(one for one in answer if one["SubnetCidrReservationId"] == made["SubnetCidrReservationId"])


@parameter("CreateSubnetCidrReservation", "Cidr", ("10.80.250.0/28", "10.80.251.0/30"))
def block(world, value):
    return shown(world, Cidr=value)["Cidr"]


@parameter("CreateSubnetCidrReservation", "Description", ("one", "two"))
def description(world, value):
    return shown(world, Description=value)["Description"]


@parameter("CreateSubnetCidrReservation", "ReservationType", ("prefix", "explicit"))
def kind(world, value):
    return shown(world, ReservationType=value)["ReservationType"]


def found(world, **parameters):
    return world.ec2.get_subnet_cidr_reservations(SubnetId=world.six_reservations, **parameters)


@parameter("GetSubnetCidrReservations", "Filter.Name", ("reservationType", "subnet-id"), (1, 0))
def filter_name(world, value):
    return len(found(world, Filters=[{"Name": value, "Values": ["prefix"]}])["SubnetIpv4CidrReservations"])


@parameter("GetSubnetCidrReservations", "Filter.Value", ("prefix", "explicit"), (1, 5))
def filter_value(world, value):
    return len(found(world, Filters=[{"Name": "reservationType", "Values": [value]}])["SubnetIpv4CidrReservations"])


@parameter("GetSubnetCidrReservations", "MaxResults", (5, 100), (5, 6))
def page(world, value):
    return len(found(world, MaxResults=value)["SubnetIpv4CidrReservations"])


@parameter("GetSubnetCidrReservations", "NextToken", ("first", "second"), (5, 1))
def next_page(world, value):
    token = found(world, MaxResults=5)["NextToken"]
    return len(found(world, MaxResults=5, **({"NextToken": token} if value == "second" else {}))["SubnetIpv4CidrReservations"])
