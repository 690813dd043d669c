"""Entries of network interfaces."""

from cloud import wait_until
from networks import with_secondary
from table import code_of, parameter


def shown(world, made):
    return world.ec2.describe_network_interfaces(NetworkInterfaceIds=[made["NetworkInterfaceId"]])["NetworkInterfaces"][0]


def addresses(world, made):
    """Its private addresses, the primary one first."""
    return [address["PrivateIpAddress"] for address in sorted(shown(world, made)["PrivateIpAddresses"], key=lambda one: not one["Primary"])]


@parameter("CreateNetworkInterface", "ClientToken", ("same", "another"), (1, 2))
def token(world, value):
    token = world.unique("token")
    made = [world.new_interface(ClientToken=token), world.new_interface(ClientToken=token if value == "same" else world.unique("token"))]
    return len({one["NetworkInterfaceId"] for one in made})


@parameter("CreateNetworkInterface", "Description", ("one", "other"))
def description(world, value):
    return shown(world, world.new_interface(Description=value))["Description"]


@parameter("CreateNetworkInterface", "PrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def address(world, value):
    wanted = world.free_address() if value == "free" else "192.0.2.9"
    code = code_of(world.new_interface, PrivateIpAddress=wanted)
    found = world.ec2.describe_network_interfaces(Filters=[{"Name": "private-ip-address", "Values": [wanted]}])["NetworkInterfaces"]
    assert len(found) == (1 if code == "done" else 0)
    return code


@parameter("CreateNetworkInterface", "PrivateIpAddresses.PrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def named_address(world, value):
    address = world.free_address() if value == "free" else "192.0.2.9"
    return code_of(world.new_interface, PrivateIpAddresses=[{"PrivateIpAddress": address}])


@parameter("CreateNetworkInterface", "PrivateIpAddresses.Primary", (True, False), (0, 1))
def primary(world, value):
    wanted = world.free_address()
    return addresses(world, world.new_interface(PrivateIpAddresses=[{"PrivateIpAddress": wanted, "Primary": value}])).index(wanted)


@parameter("CreateNetworkInterface", "SecondaryPrivateIpAddressCount", (1, 3), (2, 4))
def count(world, value):
    return len(addresses(world, world.new_interface(SecondaryPrivateIpAddressCount=value)))


def group_of(world, value):
    own = world.ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [world.other_vpc["VpcId"]]}])["SecurityGroups"][0]
    return own["GroupId"] if value == "own" else world.group["GroupId"]


@parameter("CreateNetworkInterface", "SecurityGroupId", ("own", "another VPC's"), ("done", "InvalidParameter"))
def groups(world, value):
    return code_of(world.new_interface, Groups=[group_of(world, value)])


@parameter("ModifyNetworkInterfaceAttribute", "SecurityGroupId", ("own", "another VPC's"), ("done", "InvalidParameter"))
def other_groups(world, value):
    made = world.new_interface()
    return code_of(world.ec2.modify_network_interface_attribute, NetworkInterfaceId=made["NetworkInterfaceId"], Groups=[group_of(world, value)])


def modified(world, **attribute):
    made = world.new_interface()
    world.ec2.modify_network_interface_attribute(NetworkInterfaceId=made["NetworkInterfaceId"], **attribute)
    return shown(world, made)


@parameter("ModifyNetworkInterfaceAttribute", "Description.Value", ("one", "other"))
def other_description(world, value):
    return modified(world, Description={"Value": value})["Description"]


@parameter("ModifyNetworkInterfaceAttribute", "SourceDestCheck.Value", (True, False))
def check(world, value):
    return modified(world, SourceDestCheck={"Value": value})["SourceDestCheck"]


def attached(world):
    return shown(world, {"NetworkInterfaceId": world.launch()["NetworkInterfaces"][0]["NetworkInterfaceId"]})


@parameter("ModifyNetworkInterfaceAttribute", "Attachment.DeleteOnTermination", (True, False))
def deleted(world, value):
    one = attached(world)
    change = {"AttachmentId": one["Attachment"]["AttachmentId"], "DeleteOnTermination": value}
    world.ec2.modify_network_interface_attribute(NetworkInterfaceId=one["NetworkInterfaceId"], Attachment=change)
    seen = shown(world, one)["Attachment"]["DeleteOnTermination"]
    change["DeleteOnTermination"] = True
    world.ec2.modify_network_interface_attribute(NetworkInterfaceId=one["NetworkInterfaceId"], Attachment=change)
    return seen


@parameter("ModifyNetworkInterfaceAttribute", "Attachment.AttachmentId", ("own", "absent"), ("done", "InvalidAttachmentID.NotFound"))
def attachment(world, value):
    one = attached(world)
    change = {"AttachmentId": one["Attachment"]["AttachmentId"] if value == "own" else "eni-attach-00000000000000000", "DeleteOnTermination": True}
    return code_of(world.ec2.modify_network_interface_attribute, NetworkInterfaceId=one["NetworkInterfaceId"], Attachment=change)


@parameter("DescribeNetworkInterfaceAttribute", "Attribute", ("attachment", "sourceDestCheck"), ({"Attachment"}, {"SourceDestCheck"}))
def attribute(world, value):
    answer = world.ec2.describe_network_interface_attribute(NetworkInterfaceId=world.interfaces()[0], Attribute=value)
    return {name for name, shown in answer.items() if shown} - {"NetworkInterfaceId", "ResponseMetadata"}


@parameter("ResetNetworkInterfaceAttribute", "SourceDestCheck", ("true", None), (True, "MissingParameter"))
def reset(world, value):
    made = world.new_interface()
    world.ec2.modify_network_interface_attribute(NetworkInterfaceId=made["NetworkInterfaceId"], SourceDestCheck={"Value": False})
    given = {"SourceDestCheck": value} if value else {}
    code = code_of(world.ec2.reset_network_interface_attribute, NetworkInterfaceId=made["NetworkInterfaceId"], **given)
    return shown(world, made)["SourceDestCheck"] if code == "done" else code


@parameter("AssignPrivateIpAddresses", "SecondaryPrivateIpAddressCount", (1, 3))
def assigned_count(world, value):
    made = world.new_interface()
    answer = world.ec2.assign_private_ip_addresses(NetworkInterfaceId=made["NetworkInterfaceId"], SecondaryPrivateIpAddressCount=value)
    drawn = [one["PrivateIpAddress"] for one in answer["AssignedPrivateIpAddresses"]]
    assert addresses(world, made)[1:] == sorted(drawn)
    return len(drawn)


@parameter("AssignPrivateIpAddresses", "PrivateIpAddress", ("free", "outside"), ("done", "InvalidParameterValue"))
def assigned_address(world, value):
    made, address = world.new_interface(), world.free_address() if value == "free" else "192.0.2.9"
    code = code_of(world.ec2.assign_private_ip_addresses, NetworkInterfaceId=made["NetworkInterfaceId"], PrivateIpAddresses=[address])
    assert addresses(world, made)[1:] == ([address] if code == "done" else [])
    return code


@parameter("AssignPrivateIpAddresses", "AllowReassignment", (True, False), ("done", "InvalidIPAddress.InUse"))
def reassigned(world, value):
    taken, made = with_secondary(world), world.new_interface()
    given = {"PrivateIpAddresses": taken["PrivateIpAddresses"], "AllowReassignment": value}
    code = code_of(world.ec2.assign_private_ip_addresses, NetworkInterfaceId=made["NetworkInterfaceId"], **given)
    owner = made if code == "done" else taken
    assert taken["PrivateIpAddresses"][0] in addresses(world, owner)
    return code


@parameter("UnassignPrivateIpAddresses", "PrivateIpAddress", ("own", "another's"), ("done", "InvalidParameterValue"))
def unassigned(world, value):
    one, other = with_secondary(world), with_secondary(world)
    gone = (one if value == "own" else other)["PrivateIpAddresses"]
    code = code_of(world.ec2.unassign_private_ip_addresses, NetworkInterfaceId=one["NetworkInterfaceId"], PrivateIpAddresses=gone)
    assert len(addresses(world, one)) == (1 if code == "done" else 2)
    return code


@parameter("AttachNetworkInterface", "DeviceIndex", (1, 2))
def device_index(world, value):
    return attachment(world, world.ec2.attach_network_interface(**world.unattached(DeviceIndex=value))["AttachmentId"])["DeviceIndex"]


def attachment(world, attachment_id):
    found = world.ec2.describe_network_interfaces(Filters=[{"Name": "attachment.attachment-id", "Values": [attachment_id]}])["NetworkInterfaces"]
    return found[0]["Attachment"] if found else None


@parameter("DetachNetworkInterface", "Force", (True, False), (None, "detaching"))
def force(world, value):
    attachment_id = world.new_attachment()
    # A guest that hangs lets go of nothing.
    control = world.cloud.folder / "data/agent/simulated/control" / attachment(world, attachment_id)["InstanceId"]
    control.write_text("hang")
    wait_until("it hangs", lambda: not control.exists())
    world.ec2.detach_network_interface(AttachmentId=attachment_id, Force=value)
    left = attachment(world, attachment_id)
    return left and left["Status"]
