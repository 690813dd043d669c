"""Entries of an instance's names, of its maintenance options, and of its security groups."""

from table import code_of, parameter


def names(world, instance_id):
    return world.instance(instance_id)["PrivateDnsNameOptions"]


def hostname_type(world, instance_id):
    """As the options say it, and as the name shows it."""
    instance = world.instance(instance_id)
    by_id = instance["PrivateDnsName"].split(".")[0] == instance_id
    assert by_id == (instance["PrivateDnsNameOptions"]["HostnameType"] == "resource-name")
    return instance["PrivateDnsNameOptions"]["HostnameType"]


def recovery(world, instance_id):
    return world.instance(instance_id)["MaintenanceOptions"]["AutoRecovery"]


@parameter("RunInstances", "PrivateDnsNameOptions.HostnameType", ("ip-name", "resource-name"))
def launched_with_a_name(world, value):
    return hostname_type(world, world.launch(PrivateDnsNameOptions={"HostnameType": value})["InstanceId"])


@parameter("RunInstances", "PrivateDnsNameOptions.EnableResourceNameDnsARecord", (True, False))
def launched_with_a_record(world, value):
    instance_id = world.launch(PrivateDnsNameOptions={"EnableResourceNameDnsARecord": value})["InstanceId"]
    return names(world, instance_id)["EnableResourceNameDnsARecord"]


@parameter("RunInstances", "MaintenanceOptions.AutoRecovery", ("default", "disabled"))
def launched_with_recovery(world, value):
    return recovery(world, world.launch(MaintenanceOptions={"AutoRecovery": value})["InstanceId"])


@parameter("ModifyPrivateDnsNameOptions", "PrivateDnsHostnameType", ("ip-name", "resource-name"))
def renamed(world, value):
    instance_id = world.stopped()
    for kind in ("resource-name", value):
        assert world.ec2.modify_private_dns_name_options(InstanceId=instance_id, PrivateDnsHostnameType=kind)["Return"] is True
    return hostname_type(world, instance_id)


@parameter("ModifyPrivateDnsNameOptions", "EnableResourceNameDnsARecord", (True, False))
def record(world, value):
    instance_id = world.launch()["InstanceId"]
    for on in (not value, value):
        world.ec2.modify_private_dns_name_options(InstanceId=instance_id, EnableResourceNameDnsARecord=on)
    return names(world, instance_id)["EnableResourceNameDnsARecord"]


@parameter("ModifyPrivateDnsNameOptions", "InstanceId", (0, 1), ([True, False], [False, True]))
def record_of_which(world, value):
    both = [world.launch()["InstanceId"] for _ in range(2)]
    world.ec2.modify_private_dns_name_options(InstanceId=both[value], EnableResourceNameDnsARecord=True)
    return [names(world, one)["EnableResourceNameDnsARecord"] for one in both]


@parameter("ModifyInstanceMaintenanceOptions", "AutoRecovery", ("default", "disabled"))
def recovery_changed(world, value):
    instance_id = world.launch()["InstanceId"]
    for word in ("disabled", value):
        answer = world.ec2.modify_instance_maintenance_options(InstanceId=instance_id, AutoRecovery=word)
        assert (answer["InstanceId"], answer["AutoRecovery"]) == (instance_id, word)
    return recovery(world, instance_id)


@parameter("ModifyInstanceMaintenanceOptions", "InstanceId", (0, 1), (["disabled", "default"], ["default", "disabled"]))
def recovery_of_which(world, value):
    both = [world.launch()["InstanceId"] for _ in range(2)]
    world.ec2.modify_instance_maintenance_options(InstanceId=both[value], AutoRecovery="disabled")
    return [recovery(world, one) for one in both]


@parameter("ModifyInstanceAttribute", "GroupId", ("own", "absent"), ("done", "InvalidGroup.NotFound"))
def groups(world, value):
    group_id = world.group["GroupId"] if value == "own" else "sg-00000000000000000"
    return code_of(world.ec2.modify_instance_attribute, InstanceId=world.launch()["InstanceId"], Groups=[group_id])
