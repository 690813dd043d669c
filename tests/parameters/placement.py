"""Entries of placement groups: their making, and who is in them. The cloud of these tests has one host."""

from resources import declare_tags_on_create
from table import code_of, parameter


def shown(world, name):
    return world.ec2.describe_placement_groups(GroupNames=[name])["PlacementGroups"][0]


@parameter("CreatePlacementGroup", "GroupName", ("one group", "another"))
def created_name(world, value):
    return world.placement_group(GroupName=value)["GroupName"]


@parameter("CreatePlacementGroup", "Strategy", ("cluster", "partition"), (("cluster", None), ("partition", 2)))
def created_strategy(world, value):
    group = shown(world, world.placement_group(Strategy=value)["GroupName"])
    return group["Strategy"], group.get("PartitionCount")


@parameter("CreatePlacementGroup", "PartitionCount", (1, 7))
def created_partitions(world, value):
    return shown(world, world.placement_group(Strategy="partition", PartitionCount=value)["GroupName"])["PartitionCount"]


@parameter("CreatePlacementGroup", "SpreadLevel", ("host", "rack"))
def created_level(world, value):
    return shown(world, world.placement_group(SpreadLevel=value)["GroupName"])["SpreadLevel"]


declare_tags_on_create("CreatePlacementGroup", "placement-group", lambda world, specification: world.placement_group(TagSpecifications=[specification])["GroupId"])


@parameter("DeletePlacementGroup", "GroupName", (0, 1), ([False, True], [True, False]))
def deleted(world, value):
    both = [world.placement_group()["GroupName"], world.placement_group()["GroupName"]]
    world.ec2.delete_placement_group(GroupName=both[value])
    left = {group["GroupName"] for group in world.ec2.describe_placement_groups()["PlacementGroups"]}
    return [name in left for name in both]


def declare_describe(path, member, field):
    @parameter("DescribePlacementGroups", path, (0, 1), lambda world, value: [world.placement_groups[value][field]])
    def described(world, value):
        found = world.ec2.describe_placement_groups(**{member: [world.placement_groups[value][field]]})["PlacementGroups"]
        return [group[field] for group in found]


declare_describe("GroupName", "GroupNames", "GroupName")
declare_describe("GroupId", "GroupIds", "GroupId")


# Launching into one


def placement(instance):
    return {key: value for key, value in instance["Placement"].items() if key in ("GroupName", "PartitionNumber")}


@parameter("RunInstances", "Placement.GroupName", ("one", "none"), lambda world, value: value)
def launched_by_name(world, value):
    name = world.placement_group()["GroupName"] if value == "one" else ""
    return "one" if placement(world.launch(Placement={"GroupName": name})) == {"GroupName": name} != {"GroupName": ""} else "none"


@parameter("RunInstances", "Placement.GroupId", (0, 1), (True, False))
def launched_by_id(world, value):
    both = [world.placement_group(), world.placement_group()]
    group = world.launch(Placement={"GroupId": both[value]["GroupId"]})["Placement"]["GroupName"]
    return group == both[0]["GroupName"]


@parameter("RunInstances", "Placement.PartitionNumber", (1, 3))
def launched_in_partition(world, value):
    name = world.placement_group(Strategy="partition", PartitionCount=3)["GroupName"]
    return world.launch(Placement={"GroupName": name, "PartitionNumber": value})["Placement"]["PartitionNumber"]


@parameter("RunInstances", "Placement.AvailabilityZoneId", ("own", "use1-az99"), ("done", "InvalidParameterValue"))
def launched_in_zone(world, value):
    zone = world.subnet["AvailabilityZoneId"] if value == "own" else value
    return code_of(world.run, Placement={"AvailabilityZoneId": zone})


# Moving


def modify(world, instance_id, **change):
    world.ec2.modify_instance_placement(InstanceId=instance_id, **change)
    return placement(world.instance(instance_id))


@parameter("ModifyInstancePlacement", "GroupName", ("in", "out"), lambda world, value: value)
def moved_by_name(world, value):
    name, instance_id = world.placement_group()["GroupName"], world.stopped()
    inside = modify(world, instance_id, GroupName=name)
    assert inside == {"GroupName": name}
    return "in" if (inside if value == "in" else modify(world, instance_id, GroupName="")) == inside else "out"


@parameter("ModifyInstancePlacement", "GroupId", (0, 1), (True, False))
def moved_by_id(world, value):
    both = [world.placement_group(), world.placement_group()]
    return modify(world, world.stopped(), GroupId=both[value]["GroupId"])["GroupName"] == both[0]["GroupName"]


@parameter("ModifyInstancePlacement", "InstanceId", (0, 1), ([True, False], [False, True]))
def moved_which(world, value):
    name, both = world.placement_group()["GroupName"], [world.stopped(), world.stopped()]
    modify(world, both[value], GroupName=name)
    return [placement(world.instance(one))["GroupName"] == name for one in both]


@parameter("ModifyInstancePlacement", "PartitionNumber", (1, 2))
def moved_to_partition(world, value):
    name = world.placement_group(Strategy="partition")["GroupName"]
    return modify(world, world.stopped(), GroupName=name, PartitionNumber=value)["PartitionNumber"]
