"""Every filter that EC2 documents is understood, and those of an instance find it by what is shown of it and by nothing else."""

import re
import tomllib
from pathlib import Path

import botocore.session
import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = botocore.session.get_session().get_service_model("ec2")


# What a request can not do without.
NEEDED = {
    "DescribeLaunchTemplateVersions": lambda ec2: {"Versions": ["$Latest"]},
    "GetSecurityGroupsForVpc": lambda ec2: {"VpcId": ec2.describe_vpcs()["Vpcs"][0]["VpcId"]},
    "GetSubnetCidrReservations": lambda ec2: {"SubnetId": ec2.describe_subnets()["Subnets"][0]["SubnetId"]},
}


def filtering():
    """The served actions that filter, with the member that does."""
    families = tomllib.loads((ROOT / "proto/actions.toml").read_text())["ec2"].values()
    served = [name for family in families for name, action in family.items() if action["status"] == "served"]
    members = {name: MODEL.operation_model(name).input_shape.members for name in served if MODEL.operation_model(name).input_shape}
    return {name: next(one for one in ("Filters", "Filter") if one in shape) for name, shape in members.items() if {"Filters", "Filter"} & set(shape)}


def documented(action, member):
    """The names in the list of the member's documentation."""
    text = MODEL.operation_model(action).input_shape.members[member].documentation
    return [name for name in re.findall(r"<li>\s*<p>\s*<code>([^<]+)</code>", text) if "<" not in name and name.split(":")[0] != "tag"]


@pytest.mark.parametrize(("action", "member"), sorted(filtering().items()))
def test_every_documented_filter_is_understood(ec2, action, member):
    call = getattr(ec2, "_".join(re.findall("[A-Z][a-z]+", action)).lower())
    names = documented(action, member)
    assert names, "none are documented"
    needed = NEEDED[action](ec2) if action in NEEDED else {}
    for name in names:
        call(**needed | {member: [{"Name": name, "Values": ["no such value"]}]})


def at(shown, path):
    """All values at a path, through lists."""
    values = [shown]
    for member in path.split("."):
        values = [inner for value in values for inner in (value if isinstance(value, list) else [value])]
        values = [value[member] for value in values if member in value]
    return values


# Filter: where the instance shows its value.
PATHS = {
    "affinity": None, "architecture": "Architecture", "availability-zone": "Placement.AvailabilityZone",
    "availability-zone-id": "Placement.AvailabilityZoneId", "block-device-mapping.attach-time": "BlockDeviceMappings.Ebs.AttachTime",
    "block-device-mapping.delete-on-termination": "BlockDeviceMappings.Ebs.DeleteOnTermination",
    "block-device-mapping.device-name": "BlockDeviceMappings.DeviceName", "block-device-mapping.status": "BlockDeviceMappings.Ebs.Status",
    "block-device-mapping.volume-id": "BlockDeviceMappings.Ebs.VolumeId", "boot-mode": "BootMode", "client-token": "ClientToken",
    "current-instance-boot-mode": "CurrentInstanceBootMode", "dns-name": "PublicDnsName", "ebs-optimized": "EbsOptimized",
    "ena-support": "EnaSupport", "enclave-options.enabled": "EnclaveOptions.Enabled",
    "hibernation-options.configured": "HibernationOptions.Configured", "hypervisor": "Hypervisor", "image-id": "ImageId",
    "instance-state-code": "State.Code", "instance-state-name": "State.Name", "instance-type": "InstanceType",
    "instance.group-id": "SecurityGroups.GroupId", "instance.group-name": "SecurityGroups.GroupName", "ip-address": "PublicIpAddress",
    "key-name": "KeyName", "launch-index": "AmiLaunchIndex", "launch-time": "LaunchTime",
    "maintenance-options.auto-recovery": "MaintenanceOptions.AutoRecovery", "metadata-options.http-endpoint": "MetadataOptions.HttpEndpoint",
    "metadata-options.http-protocol-ipv6": "MetadataOptions.HttpProtocolIpv6", "metadata-options.http-tokens": "MetadataOptions.HttpTokens",
    "metadata-options.http-put-response-hop-limit": "MetadataOptions.HttpPutResponseHopLimit",
    "metadata-options.instance-metadata-tags": "MetadataOptions.InstanceMetadataTags", "metadata-options.state": "MetadataOptions.State",
    "monitoring-state": "Monitoring.State", "network-interface.addresses.primary": "NetworkInterfaces.PrivateIpAddresses.Primary",
    "network-interface.addresses.association.public-ip": "NetworkInterfaces.PrivateIpAddresses.Association.PublicIp",
    "network-interface.addresses.private-dns-name": "NetworkInterfaces.PrivateIpAddresses.PrivateDnsName",
    "network-interface.addresses.private-ip-address": "NetworkInterfaces.PrivateIpAddresses.PrivateIpAddress",
    "network-interface.association.public-dns-name": "NetworkInterfaces.Association.PublicDnsName",
    "network-interface.association.public-ip": "NetworkInterfaces.Association.PublicIp",
    "network-interface.attachment.attach-time": "NetworkInterfaces.Attachment.AttachTime",
    "network-interface.attachment.attachment-id": "NetworkInterfaces.Attachment.AttachmentId",
    "network-interface.attachment.device-index": "NetworkInterfaces.Attachment.DeviceIndex",
    "network-interface.attachment.instance-id": "InstanceId", "network-interface.availability-zone": "Placement.AvailabilityZone",
    "network-interface.group-id": "NetworkInterfaces.Groups.GroupId", "network-interface.group-name": "NetworkInterfaces.Groups.GroupName",
    "network-interface.mac-address": "NetworkInterfaces.MacAddress", "network-interface.owner-id": "NetworkInterfaces.OwnerId",
    "network-interface.network-interface-id": "NetworkInterfaces.NetworkInterfaceId",
    "network-interface.private-ip-address": "NetworkInterfaces.PrivateIpAddress",
    "network-interface.source-dest-check": "NetworkInterfaces.SourceDestCheck", "network-interface.status": "NetworkInterfaces.Status",
    "network-interface.subnet-id": "NetworkInterfaces.SubnetId", "network-interface.vpc-id": "NetworkInterfaces.VpcId",
    "operator.managed": "Operator.Managed", "owner-id": "NetworkInterfaces.OwnerId", "platform-details": "PlatformDetails",
    "private-dns-name": "PrivateDnsName", "private-dns-name-options.hostname-type": "PrivateDnsNameOptions.HostnameType",
    "private-ip-address": "PrivateIpAddress", "root-device-name": "RootDeviceName", "root-device-type": "RootDeviceType",
    "source-dest-check": "SourceDestCheck", "subnet-id": "SubnetId", "tenancy": "Placement.Tenancy", "usage-operation": "UsageOperation",
    "usage-operation-update-time": "UsageOperationUpdateTime", "virtualization-type": "VirtualizationType", "vpc-id": "VpcId",
}


def word(value):
    if hasattr(value, "strftime"):
        return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03}Z"
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_an_instance_is_found_by_what_is_shown_of_it(ec2, ami, instances):
    interface = [{"ResourceType": "network-interface", "Tags": [{"Key": "role", "Value": "front"}]}]
    key = ec2.create_key_pair(KeyName="filters")["KeyName"]
    token = "filtered-by-everything"
    launch = {"ImageId": ami, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1, "KeyName": key, "ClientToken": token}
    (instance_id,) = instances(ec2.run_instances(TagSpecifications=interface, **launch))
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    shown = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    def found(name, value):
        answer = ec2.describe_instances(Filters=[{"Name": "client-token", "Values": [token]}, {"Name": name, "Values": [value]}])
        return [one["InstanceId"] for reservation in answer["Reservations"] for one in reservation["Instances"]]

    values = {name: word(value) for name, path in PATHS.items() if path for value in at(shown, path)[:1]}
    missing = [name for name, path in PATHS.items() if path and name not in values]
    assert not missing, f"not shown: {missing}"
    values |= {"network-interface.tag-key": "role", "network-interface.tag-value": "fr*t", "launch-time": word(shown["LaunchTime"])[:10] + "*"}
    for name, value in values.items():
        assert found(name, value) == [instance_id], f"{name} = {value}"
        assert found(name, "no such value") == [], name
    ec2.delete_key_pair(KeyName=key)
