"""Entries of what is set of an instance after its launch, and of the protections that a launch can give."""

import base64

from table import code_of, parameter


def attribute(world, instance_id, name):
    """As DescribeInstanceAttribute shows it."""
    shown = world.ec2.describe_instance_attribute(InstanceId=instance_id, Attribute=name)
    return shown[name[0].upper() + name[1:]]


def modify(world, instance_id, **change):
    world.ec2.modify_instance_attribute(InstanceId=instance_id, **change)


def unprotected(world, instance_id, seen):
    """`seen`, once nothing keeps the instance from being ended."""
    modify(world, instance_id, DisableApiTermination={"Value": False})
    return seen


@parameter("RunInstances", "DisableApiTermination", (True, False), ("OperationNotPermitted", "done"))
def launched_protected(world, value):
    instance_id = world.launch(DisableApiTermination=value)["InstanceId"]
    seen = code_of(world.ec2.terminate_instances, InstanceIds=[instance_id])
    return unprotected(world, instance_id, seen) if value else seen


@parameter("RunInstances", "DisableApiStop", (True, False), ("OperationNotPermitted", "done"))
def launched_unstoppable(world, value):
    return code_of(world.ec2.stop_instances, InstanceIds=[world.launch(DisableApiStop=value)["InstanceId"]])


@parameter("RunInstances", "Monitoring.Enabled", (True, False), ("enabled", "disabled"))
def launched_monitored(world, value):
    return world.launch(Monitoring={"Enabled": value})["Monitoring"]["State"]


# Reading


@parameter("DescribeInstanceAttribute", "Attribute", ("instanceType", "rootDeviceName"), ({"Value": "t3.nano"}, {"Value": "/dev/xvda"}))
def attribute_of(world, value):
    return attribute(world, world.pair[0]["InstanceId"], value)


@parameter("DescribeInstanceAttribute", "InstanceId", (0, 1), lambda world, value: world.pair[value]["InstanceId"])
def attribute_of_which(world, value):
    return world.ec2.describe_instance_attribute(InstanceId=world.pair[value]["InstanceId"], Attribute="userData")["InstanceId"]


# Changing one attribute


@parameter("ModifyInstanceAttribute", "InstanceId", (0, 1), ([True, False], [False, True]))
def modified_which(world, value):
    both = [world.launch()["InstanceId"], world.launch()["InstanceId"]]
    modify(world, both[value], DisableApiStop={"Value": True})
    return [attribute(world, one, "disableApiStop")["Value"] for one in both]


def declare_flag(path, member, name):
    @parameter("ModifyInstanceAttribute", path, (True, False))
    def flag(world, value):
        instance_id = world.launch(**{member: not value})["InstanceId"]
        modify(world, instance_id, **{member: {"Value": value}})
        seen = attribute(world, instance_id, name)["Value"]
        return unprotected(world, instance_id, seen)


declare_flag("DisableApiStop.Value", "DisableApiStop", "disableApiStop")
declare_flag("DisableApiTermination.Value", "DisableApiTermination", "disableApiTermination")


@parameter("ModifyInstanceAttribute", "SourceDestCheck.Value", (True, False))
def source_dest_check(world, value):
    instance_id = world.launch()["InstanceId"]
    modify(world, instance_id, SourceDestCheck={"Value": not value})
    modify(world, instance_id, SourceDestCheck={"Value": value})
    (interface,) = world.instance(instance_id)["NetworkInterfaces"]
    assert interface["SourceDestCheck"] == world.instance(instance_id)["SourceDestCheck"]
    return attribute(world, instance_id, "sourceDestCheck")["Value"]


@parameter("ResetInstanceAttribute", "InstanceId", (0, 1), ([True, False], [False, True]))
def reset_which(world, value):
    both = [world.launch()["InstanceId"], world.launch()["InstanceId"]]
    for one in both:
        modify(world, one, SourceDestCheck={"Value": False})
    world.ec2.reset_instance_attribute(InstanceId=both[value], Attribute="sourceDestCheck")
    return [attribute(world, one, "sourceDestCheck")["Value"] for one in both]


@parameter("ResetInstanceAttribute", "Attribute", ("sourceDestCheck", "kernel"), ("done", "IncorrectInstanceState"))
def reset_what(world, value):
    return code_of(world.ec2.reset_instance_attribute, InstanceId=world.launch()["InstanceId"], Attribute=value)


@parameter("DescribeInstanceTopology", "InstanceId", (0, 1), lambda world, value: [world.pair[value]["InstanceId"]])
def topology_of(world, value):
    found = world.ec2.describe_instance_topology(InstanceIds=[world.pair[value]["InstanceId"]])["Instances"]
    # One host: all three levels are the same.
    assert len(found[0]["NetworkNodes"]) == len(set(found[0]["NetworkNodes"])) == 3
    return [one["InstanceId"] for one in found]


@parameter("DescribeInstanceTopology", "GroupName", ("own", "nobody's"), lambda world, value: value)
def topology_of_group(world, value):
    name = world.placement_group()["GroupName"]
    instance_id = world.launch(Placement={"GroupName": name})["InstanceId"]
    found = world.ec2.describe_instance_topology(GroupNames=[name if value == "own" else value])["Instances"]
    return "own" if [(one["InstanceId"], one["GroupName"]) for one in found] == [(instance_id, name)] else "nobody's"


@parameter("ModifyInstanceAttribute", "InstanceInitiatedShutdownBehavior.Value", ("stop", "terminate"))
def behaviour(world, value):
    instance_id = world.launch()["InstanceId"]
    modify(world, instance_id, InstanceInitiatedShutdownBehavior={"Value": value})
    return attribute(world, instance_id, "instanceInitiatedShutdownBehavior")["Value"]


@parameter("ModifyInstanceAttribute", "InstanceType.Value", ("t3.micro", "t3.small"))
def instance_type(world, value):
    instance_id = world.stopped()
    modify(world, instance_id, InstanceType={"Value": value})
    return world.instance(instance_id)["InstanceType"]


@parameter("ModifyInstanceAttribute", "UserData.Value", (b"one", b"two"))
def user_data(world, value):
    instance_id = world.stopped()
    modify(world, instance_id, UserData={"Value": value})
    return base64.b64decode(attribute(world, instance_id, "userData")["Value"])


@parameter("ModifyInstanceAttribute", "Attribute", ("disableApiStop", "disableApiTermination"), ([True, False], [False, True]))
def by_name(world, value):
    instance_id = world.launch()["InstanceId"]
    modify(world, instance_id, Attribute=value, Value="true")
    seen = [attribute(world, instance_id, name)["Value"] for name in ("disableApiStop", "disableApiTermination")]
    return unprotected(world, instance_id, seen)


@parameter("ModifyInstanceAttribute", "Value", ("stop", "terminate"))
def value_by_name(world, value):
    instance_id = world.launch()["InstanceId"]
    modify(world, instance_id, Attribute="instanceInitiatedShutdownBehavior", Value=value)
    return attribute(world, instance_id, "instanceInitiatedShutdownBehavior")["Value"]


def mapped(world, instance_id):
    (mapping,) = world.instance(instance_id)["BlockDeviceMappings"]
    return mapping


@parameter("ModifyInstanceAttribute", "BlockDeviceMapping.DeviceName", ("/dev/xvda", "/dev/sdz"), ("done", "InvalidInstanceAttributeValue"))
def device_name(world, value):
    instance_id = world.launch()["InstanceId"]
    mapping = {"DeviceName": value, "Ebs": {"DeleteOnTermination": True}}
    return code_of(modify, world, instance_id, BlockDeviceMappings=[mapping])


@parameter("ModifyInstanceAttribute", "BlockDeviceMapping.Ebs.DeleteOnTermination", (True, False))
def delete_on_termination(world, value):
    instance_id = world.launch()["InstanceId"]
    modify(world, instance_id, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": value}}])
    seen = mapped(world, instance_id)["Ebs"]["DeleteOnTermination"]
    modify(world, instance_id, BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": True}}])
    return seen


@parameter("ModifyInstanceAttribute", "BlockDeviceMapping.Ebs.VolumeId", ("own", "absent"), ("done", "InvalidInstanceAttributeValue"))
def by_volume(world, value):
    instance_id = world.launch()["InstanceId"]
    volume_id = mapped(world, instance_id)["Ebs"]["VolumeId"] if value == "own" else "vol-00000000000000000"
    mapping = {"Ebs": {"VolumeId": volume_id, "DeleteOnTermination": True}}
    return code_of(modify, world, instance_id, BlockDeviceMappings=[mapping])


# Monitoring and metadata


def declare_monitoring(action, method, before, after):
    @parameter(action, "InstanceId", (0, 1), ([after, before], [before, after]))
    def monitoring(world, value):
        both = [world.launch(Monitoring={"Enabled": before == "enabled"})["InstanceId"] for _ in range(2)]
        (answer,) = getattr(world.ec2, method)(InstanceIds=[both[value]])["InstanceMonitorings"]
        assert answer == {"InstanceId": both[value], "Monitoring": {"State": after}}
        return [world.instance(one)["Monitoring"]["State"] for one in both]


declare_monitoring("MonitorInstances", "monitor_instances", "disabled", "enabled")
declare_monitoring("UnmonitorInstances", "unmonitor_instances", "enabled", "disabled")


def declare_metadata(name, values):
    @parameter("ModifyInstanceMetadataOptions", name, values)
    def option(world, value):
        instance_id = world.launch()["InstanceId"]
        world.ec2.modify_instance_metadata_options(InstanceId=instance_id, **{name: value})
        return world.instance(instance_id)["MetadataOptions"][name]


for _name, _values in [
    ("HttpEndpoint", ("enabled", "disabled")), ("HttpPutResponseHopLimit", (1, 64)), ("HttpTokens", ("optional", "required")),
    ("InstanceMetadataTags", ("enabled", "disabled")),
]:
    declare_metadata(_name, _values)


@parameter("ModifyInstanceMetadataOptions", "InstanceId", (0, 1), (["required", "optional"], ["optional", "required"]))
def options_of_which(world, value):
    both = [world.launch()["InstanceId"] for _ in range(2)]
    world.ec2.modify_instance_metadata_options(InstanceId=both[value], HttpTokens="required")
    return [world.instance(one)["MetadataOptions"]["HttpTokens"] for one in both]


# CPU credits


def credits(world, *ids):
    found = world.ec2.describe_instance_credit_specifications(InstanceIds=ids)["InstanceCreditSpecifications"]
    return [one["CpuCredits"] for one in found]


@parameter("RunInstances", "CreditSpecification.CpuCredits", ("standard", "unlimited"), lambda world, value: [value])
def launched_with_credits(world, value):
    return credits(world, world.launch(CreditSpecification={"CpuCredits": value})["InstanceId"])


@parameter("DescribeInstanceCreditSpecifications", "InstanceId", (0, 1), lambda world, value: world.pair[value]["InstanceId"])
def credits_of_which(world, value):
    (found,) = world.ec2.describe_instance_credit_specifications(InstanceIds=[world.pair[value]["InstanceId"]])["InstanceCreditSpecifications"]
    return found["InstanceId"]


@parameter("DescribeInstanceCreditSpecifications", "Filter.Name", ("instance-id", "tag:Name"), ("done", "InvalidParameterValue"))
def credits_filter(world, value):
    filters = [{"Name": value, "Values": [world.pair[0]["InstanceId"]]}]
    return code_of(world.ec2.describe_instance_credit_specifications, Filters=filters)


@parameter("DescribeInstanceCreditSpecifications", "Filter.Value", (0, 1), lambda world, value: [world.pair[value]["InstanceId"]])
def credits_filter_value(world, value):
    filters = [{"Name": "instance-id", "Values": [world.pair[value]["InstanceId"]]}]
    found = world.ec2.describe_instance_credit_specifications(Filters=filters)["InstanceCreditSpecifications"]
    return [one["InstanceId"] for one in found]


@parameter("ModifyInstanceCreditSpecification", "InstanceCreditSpecification.CpuCredits", ("standard", "unlimited"))
def credits_changed(world, value):
    instance_id = world.launch()["InstanceId"]
    world.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[{"InstanceId": instance_id, "CpuCredits": value}])
    return credits(world, instance_id)[0]


@parameter("ModifyInstanceCreditSpecification", "InstanceCreditSpecification.InstanceId", (0, 1), (["standard", "unlimited"], ["unlimited", "standard"]))
def credits_changed_of_which(world, value):
    both = [world.launch()["InstanceId"] for _ in range(2)]
    world.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=[{"InstanceId": both[value], "CpuCredits": "standard"}])
    return [credits(world, one)[0] for one in both]


@parameter("ModifyInstanceCreditSpecification", "ClientToken", ("same", "other"), ("standard", "unlimited"))
def credits_changed_once(world, value):
    """The same token answers what it answered, and does nothing more."""
    instance_id, token = world.launch()["InstanceId"], world.unique("token")

    def change(word, under):
        asked = [{"InstanceId": instance_id, "CpuCredits": word}]
        world.ec2.modify_instance_credit_specification(InstanceCreditSpecifications=asked, ClientToken=under)

    change("unlimited", token)
    change("standard", world.unique("token"))
    change("unlimited", token if value == "same" else world.unique("token"))
    return credits(world, instance_id)[0]
