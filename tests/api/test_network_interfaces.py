"""Network interfaces by themselves and of instances, as boto3 sees them."""

import pytest
from botocore.exceptions import ClientError
from cloud import wait_until

QUICK = {"Delay": 0.2, "MaxAttempts": 300}


def code_of(call, **parameters):
    with pytest.raises(ClientError) as refused:
        call(**parameters)
    return refused.value.response["Error"]["Code"]


def addresses(ec2, interface_id):
    (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"]
    return {address["PrivateIpAddress"]: address["Primary"] for address in shown["PrivateIpAddresses"]}


def test_an_interface_is_made_changed_and_deleted(ec2):
    subnet = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    tags = [{"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "spare"}]}]
    made = ec2.create_network_interface(SubnetId=subnet, Description="spare", SecondaryPrivateIpAddressCount=1, TagSpecifications=tags)["NetworkInterface"]
    interface_id = made["NetworkInterfaceId"]
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[interface_id], WaiterConfig=QUICK)
    (shown,) = ec2.describe_network_interfaces(Filters=[{"Name": "tag:Name", "Values": ["spare"]}])["NetworkInterfaces"]
    assert shown["NetworkInterfaceId"] == interface_id
    assert (shown["Status"], shown["InterfaceType"], shown["SourceDestCheck"], "Attachment" in shown) == ("available", "interface", True, False)
    assert sorted(addresses(ec2, interface_id).values()) == [False, True]
    assert [group["GroupName"] for group in shown["Groups"]] == ["default"]
    # A subnet with an interface stays.
    assert code_of(ec2.delete_subnet, SubnetId=subnet) == "DependencyViolation"

    secondary = next(address for address, primary in addresses(ec2, interface_id).items() if not primary)
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=interface_id, PrivateIpAddresses=[secondary])
    other = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.assign_private_ip_addresses(NetworkInterfaceId=other, PrivateIpAddresses=[secondary])
    assert code_of(ec2.assign_private_ip_addresses, NetworkInterfaceId=interface_id, PrivateIpAddresses=[secondary]) == "InvalidIPAddress.InUse"
    ec2.assign_private_ip_addresses(NetworkInterfaceId=interface_id, PrivateIpAddresses=[secondary], AllowReassignment=True)
    assert (addresses(ec2, interface_id)[secondary], len(addresses(ec2, other))) == (False, 1)
    for one in (interface_id, other):
        ec2.delete_network_interface(NetworkInterfaceId=one)
    assert code_of(ec2.describe_network_interfaces, NetworkInterfaceIds=[interface_id]) == "InvalidNetworkInterfaceID.NotFound"
    assert ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [interface_id]}])["Tags"] == []


def test_an_instances_interface_outlives_it_where_it_is_to(cloud, ec2):
    (launched,) = ec2.run_instances(ImageId=cloud.ami(), InstanceType="t3.nano", MinCount=1, MaxCount=1)["Instances"]
    instance_id = launched["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    (interface,) = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])["NetworkInterfaces"]
    interface_id = interface["NetworkInterfaceId"]
    assert code_of(ec2.delete_network_interface, NetworkInterfaceId=interface_id) == "InvalidParameterValue"
    # A t3.nano's interface has two addresses, and no third one.
    ec2.assign_private_ip_addresses(NetworkInterfaceId=interface_id, SecondaryPrivateIpAddressCount=1)
    assert code_of(ec2.assign_private_ip_addresses, NetworkInterfaceId=interface_id, SecondaryPrivateIpAddressCount=1) == "PrivateIpAddressLimitExceeded"
    (shown,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    assert len(shown["NetworkInterfaces"][0]["PrivateIpAddresses"]) == 2
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface_id, SourceDestCheck={"Value": False})
    (shown,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    assert shown["SourceDestCheck"] is False
    keep = {"AttachmentId": interface["Attachment"]["AttachmentId"], "DeleteOnTermination": False}
    ec2.modify_network_interface_attribute(NetworkInterfaceId=interface_id, Attachment=keep)
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[interface_id], WaiterConfig=QUICK)
    assert len(addresses(ec2, interface_id)) == 2
    ec2.delete_network_interface(NetworkInterfaceId=interface_id)


def test_an_interface_comes_to_a_running_instance_and_goes_again(cloud, ec2):
    (launched,) = ec2.run_instances(ImageId=cloud.ami(), InstanceType="t3.micro", MinCount=1, MaxCount=1)["Instances"]
    instance_id = launched["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    interface_id = ec2.create_network_interface(SubnetId=launched["SubnetId"])["NetworkInterface"]["NetworkInterfaceId"]

    def status():
        (shown,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"]
        return shown["Status"], shown.get("Attachment", {}).get("Status")

    attachment = ec2.attach_network_interface(NetworkInterfaceId=interface_id, InstanceId=instance_id, DeviceIndex=1)["AttachmentId"]
    wait_until("it is attached", lambda: status() == ("in-use", "attached"))
    (shown,) = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"]
    assert [one["Attachment"]["DeviceIndex"] for one in shown["NetworkInterfaces"]] == [0, 1]
    # A guest that hangs lets go of nothing, until it need not be asked.
    (cloud.folder / "data/agent/simulated/control" / instance_id).write_text("hang")
    wait_until("it hangs", lambda: not (cloud.folder / "data/agent/simulated/control" / instance_id).exists())
    ec2.detach_network_interface(AttachmentId=attachment)
    assert status() == ("in-use", "detaching")
    ec2.detach_network_interface(AttachmentId=attachment, Force=True)
    assert status() == ("available", None)
    ec2.delete_network_interface(NetworkInterfaceId=interface_id)
    ec2.terminate_instances(InstanceIds=[instance_id])
