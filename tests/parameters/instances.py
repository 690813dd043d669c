"""Entries of instances. Where no answer shows a value, the store's row does."""

import base64

from resources import declare_tags_on_create
from table import code_of, parameter

PROBE = b"#!/bin/sh\necho "


def declare_shown(path, values, send, shown):
    """A value of RunInstances that DescribeInstances gives back."""

    @parameter("RunInstances", path, values)
    def show(world, value):
        return shown(world.launch(**send(world, value)))


for _path, _values, _send, _shown in [
    ("InstanceType", ("t3.micro", "t3.small"), lambda w, v: {"InstanceType": v}, lambda i: i["InstanceType"]),
    ("BlockDeviceMapping.Ebs.DeleteOnTermination", (True, False), lambda w, v: root(DeleteOnTermination=v), lambda i: disk(i)["DeleteOnTermination"]),
    ("MetadataOptions.HttpEndpoint", ("enabled", "disabled"), lambda w, v: options(HttpEndpoint=v), lambda i: i["MetadataOptions"]["HttpEndpoint"]),
    ("MetadataOptions.HttpPutResponseHopLimit", (1, 3), lambda w, v: options(HttpPutResponseHopLimit=v), lambda i: i["MetadataOptions"]["HttpPutResponseHopLimit"]),
    ("MetadataOptions.HttpTokens", ("optional", "required"), lambda w, v: options(HttpTokens=v), lambda i: i["MetadataOptions"]["HttpTokens"]),
    ("MetadataOptions.InstanceMetadataTags", ("enabled", "disabled"), lambda w, v: options(InstanceMetadataTags=v), lambda i: i["MetadataOptions"]["InstanceMetadataTags"]),
    ("NetworkInterface.AssociatePublicIpAddress", (True, False), lambda w, v: interface(w, AssociatePublicIpAddress=v), lambda i: "PublicIpAddress" in i),
]:
    declare_shown(_path, _values, _send, _shown)


def root(**ebs):
    return {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}]}


def disk(instance):
    return instance["BlockDeviceMappings"][0]["Ebs"]


def options(**given):
    return {"MetadataOptions": given}


def interface(world, **given):
    return {"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": world.subnet["SubnetId"]} | given]}


def second(world, **given):
    """A launch with a second interface."""
    both = [{"DeviceIndex": 0, "SubnetId": world.subnet["SubnetId"]}, {"DeviceIndex": 1} | given]
    return world.launch(InstanceType="t3.micro", NetworkInterfaces=both)["NetworkInterfaces"][1]


for _path, _values, _send, _shown in [
    ("NetworkInterface.DeleteOnTermination", (True, False), lambda w, v: {"DeleteOnTermination": v}, lambda one: one["Attachment"]["DeleteOnTermination"]),
    ("NetworkInterface.Description", ("one", "other"), lambda w, v: {"Description": v}, lambda one: one["Description"]),
    ("NetworkInterface.DeviceIndex", (1, 2), lambda w, v: {"DeviceIndex": v}, lambda one: one["Attachment"]["DeviceIndex"]),
]:

    def declare_second(path, values, send, shown):
        @parameter("RunInstances", path, values)
        def second_interface(world, value):
            return shown(second(world, **send(world, value)))

    declare_second(_path, _values, _send, _shown)


@parameter("RunInstances", "NetworkInterface.NetworkInterfaceId", ("present", "absent"), ("done", "InvalidNetworkInterfaceID.NotFound"))
def existing_interface(world, value):
    made = world.ec2.create_network_interface(SubnetId=world.subnet["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]
    asked = made if value == "present" else "eni-00000000000000000"
    return code_of(world.run, NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": asked}])


@parameter("RunInstances", "NetworkInterface.SecondaryPrivateIpAddressCount", (0, 1))
def secondary_count(world, value):
    return len(world.launch(**interface(world, SecondaryPrivateIpAddressCount=value))["NetworkInterfaces"][0]["PrivateIpAddresses"]) - 1


@parameter("RunInstances", "NetworkInterface.PrivateIpAddresses.PrivateIpAddress", (205, 206), lambda world, value: address(world, value))
def listed_address(world, value):
    asked = [{"PrivateIpAddress": address(world, value), "Primary": True}]
    return world.launch(**interface(world, PrivateIpAddresses=asked))["PrivateIpAddress"]


@parameter("RunInstances", "NetworkInterface.PrivateIpAddresses.Primary", (True, False), (True, False))
def listed_as_primary(world, value):
    wanted = address(world, 207 if value else 208)
    return world.launch(**interface(world, PrivateIpAddresses=[{"PrivateIpAddress": wanted, "Primary": value}]))["PrivateIpAddress"] == wanted


@parameter("RunInstances", "ClientToken", ("same", "other"), (True, False))
def client_token(world, value):
    token = world.unique("token")
    (first,) = world.run(ClientToken=token)
    (second,) = world.run(ClientToken=token if value == "same" else world.unique("token"))
    return second["InstanceId"] == first["InstanceId"]


@parameter("RunInstances", "BlockDeviceMapping.Ebs.VolumeSize", (2, 3))
def volume_size(world, value):
    volume_id = disk(world.launch(**root(VolumeSize=value)))["VolumeId"]
    return world.ec2.describe_volumes(VolumeIds=[volume_id])["Volumes"][0]["Size"]


@parameter("RunInstances", "BlockDeviceMapping.DeviceName", ("/dev/xvda", "/dev/sdz"), (["/dev/xvda"], ["/dev/xvda", "/dev/sdz"]))
def device_name(world, value):
    mapping = [{"DeviceName": value, "Ebs": {"VolumeSize": 2}}]
    return [one["DeviceName"] for one in world.launch(BlockDeviceMappings=mapping)["BlockDeviceMappings"]]


@parameter("RunInstances", "ImageId", (0, 1), lambda world, value: world.images()[value])
def image_id(world, value):
    return world.launch(ImageId=world.images()[value])["ImageId"]


@parameter("RunInstances", "KeyName", (0, 1), lambda world, value: world.keys[value]["KeyName"])
def key_name(world, value):
    return world.launch(KeyName=world.keys[value]["KeyName"])["KeyName"]


@parameter("RunInstances", "MaxCount", (1, 2))
def max_count(world, value):
    return len(world.run(MinCount=1, MaxCount=value))


@parameter("RunInstances", "MinCount", (1, 3), ("done", "InvalidParameterValue"))
def min_count(world, value):
    return code_of(world.run, MinCount=value, MaxCount=2)


@parameter("RunInstances", "InstanceInitiatedShutdownBehavior", ("stop", "terminate"))
def shutdown_behaviour(world, value):
    instance_id = world.launch(InstanceInitiatedShutdownBehavior=value)["InstanceId"]
    return world.row("instance", "instance_initiated_shutdown_behavior", instance_id=instance_id)


@parameter("RunInstances", "UserData", (b"one", b"two"))
def user_data(world, value):
    instance_id = world.launch(UserData=value)["InstanceId"]
    return base64.b64decode(world.row("instance", "user_data", instance_id=instance_id))


def address(world, last):
    network = world.subnet["CidrBlock"].split("/")[0].split(".")
    return ".".join([*network[:3], str(last)])


@parameter("RunInstances", "PrivateIpAddress", (201, 202), lambda world, value: address(world, value))
def private_ip_address(world, value):
    return world.launch(SubnetId=world.subnet["SubnetId"], PrivateIpAddress=address(world, value))["PrivateIpAddress"]


@parameter("RunInstances", "NetworkInterface.PrivateIpAddress", (203, 204), lambda world, value: address(world, value))
def interface_address(world, value):
    return world.launch(**interface(world, PrivateIpAddress=address(world, value)))["PrivateIpAddress"]


def declare_subnet(path, send):
    @parameter("RunInstances", path, ("own", "absent"), ("done", "InvalidSubnetID.NotFound"))
    def subnet(world, value):
        subnet_id = world.subnet["SubnetId"] if value == "own" else "subnet-00000000000000000"
        return code_of(world.run, **send(subnet_id))


declare_subnet("SubnetId", lambda subnet_id: {"SubnetId": subnet_id})
declare_subnet("NetworkInterface.SubnetId", lambda subnet_id: {"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": subnet_id}]})


def declare_group(path, absent, send):
    @parameter("RunInstances", path, ("own", "absent"), ("done", "InvalidGroup.NotFound"))
    def group(world, value):
        return code_of(world.run, **send(world, None if value == "own" else absent))


declare_group("SecurityGroup", "nobody", lambda w, other: {"SecurityGroups": [other or "default"]})
declare_group("SecurityGroupId", "sg-00000000000000000", lambda w, other: {"SecurityGroupIds": [other or w.group["GroupId"]]})
declare_group("NetworkInterface.SecurityGroupId", "sg-00000000000000000", lambda w, other: interface(w, Groups=[other or w.group["GroupId"]]))


@parameter("RunInstances", "Placement.AvailabilityZone", ("own", "us-east-1z"), ("done", "refused"))
def availability_zone(world, value):
    zone = world.subnet["AvailabilityZone"] if value == "own" else value
    return "done" if code_of(world.run, Placement={"AvailabilityZone": zone}) == "done" else "refused"


declare_tags_on_create("RunInstances", "instance", lambda world, given: world.run(TagSpecifications=[given])[0]["InstanceId"])


# Finding them


def declare_instance_id(action, find):
    @parameter(action, "InstanceId", (0, 1), lambda world, value: [world.pair[value]["InstanceId"]])
    def instance_id(world, value):
        return find(world, world.pair[value]["InstanceId"])


def described(world, instance_id):
    found = world.ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    return [instance["InstanceId"] for reservation in found for instance in reservation["Instances"]]


def status(world, instance_id):
    return [one["InstanceId"] for one in world.ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]]


declare_instance_id("DescribeInstances", described)
declare_instance_id("DescribeInstanceStatus", status)
declare_instance_id("GetConsoleOutput", lambda world, instance_id: [world.ec2.get_console_output(InstanceId=instance_id)["InstanceId"]])
declare_instance_id("GetConsoleScreenshot", lambda world, instance_id: [world.ec2.get_console_screenshot(InstanceId=instance_id)["InstanceId"]])
declare_instance_id("GetPasswordData", lambda world, instance_id: [world.ec2.get_password_data(InstanceId=instance_id)["InstanceId"]])


@parameter("GetConsoleScreenshot", "WakeUp", (True, False), ("as once woken", "asleep"))
def woken(world, value):
    def screen(wake_up):
        return world.ec2.get_console_screenshot(InstanceId=world.pair[0]["InstanceId"], WakeUp=wake_up)["ImageData"]

    assert screen(True) != screen(False)
    return "as once woken" if screen(value) == screen(True) else "asleep"


@parameter("DescribeInstanceStatus", "IncludeAllInstances", (True, False))
def include_all_instances(world, value):
    stopped = world.stopped()
    found = world.ec2.describe_instance_status(IncludeAllInstances=value)["InstanceStatuses"]
    return stopped in [one["InstanceId"] for one in found]


# Changing their state: the one that is named changes, the other does not.


def declare_change(action, method, prepare, changed):
    @parameter(action, "InstanceId", (0, 1), ([True, False], [False, True]))
    def change(world, value):
        both = [prepare(world), prepare(world)]
        getattr(world.ec2, method)(InstanceIds=[both[value]])
        return [changed(world, one) for one in both]


def running(world):
    return world.launch()["InstanceId"]


def rebooted(world, instance_id):
    return world.row("instance", "desired_reboot_count", instance_id=instance_id) > 0


declare_change("StartInstances", "start_instances", lambda world: world.stopped(), lambda world, one: world.state(one) in ("pending", "running"))
declare_change("StopInstances", "stop_instances", running, lambda world, one: world.state(one) in ("stopping", "stopped"))
declare_change("RebootInstances", "reboot_instances", running, rebooted)
declare_change("TerminateInstances", "terminate_instances", running, lambda world, one: world.state(one) in ("shutting-down", "terminated"))


@parameter("StopInstances", "Force", (True, False))
def force(world, value):
    instance_id = running(world)
    world.ec2.stop_instances(InstanceIds=[instance_id], Force=value)
    return bool(world.row("instance", "desired_force_stop", instance_id=instance_id))
