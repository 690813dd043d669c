"""Entries of Elastic IPs."""

from networks import declare_subject, declare_tags
from table import code_of, parameter

NO_ALLOCATION = ("AllocationId", "eipalloc-00000000000000000", "InvalidAllocationID.NotFound")


def made(world, **parameters):
    address = world.new_address(**parameters)
    return {"Tags": world.address(address["AllocationId"])["Tags"]}


declare_tags("AllocateAddress", "elastic-ip", made)
for _action, _parameters in [
    ("AssociateAddress", lambda w: w.address_and_interface()),
    ("ModifyAddressAttribute", lambda w: {"AllocationId": w.new_address()["AllocationId"], "DomainName": "example.com"}),
    ("ResetAddressAttribute", lambda w: {"AllocationId": w.addresses[0]["AllocationId"], "Attribute": "domain-name"}),
    ("ReleaseAddress", lambda w: {"AllocationId": w.new_address()["AllocationId"]}),
]:
    declare_subject(_action, *NO_ALLOCATION, _parameters)


@parameter("AllocateAddress", "Address", ("198.19.250.1", "198.19.250.2"))
def particular(world, value):
    return world.new_address(Address=value)["PublicIp"]


@parameter("AllocateAddress", "NetworkBorderGroup", ("us-east-1", "us-east-1-wl1"), ("done", "InvalidParameterValue"))
def border_group(world, value):
    return code_of(world.new_address, NetworkBorderGroup=value)


@parameter("ModifyAddressAttribute", "DomainName", ("one.example.com", "two.example.com"), ("one.example.com.", "two.example.com."))
def called(world, value):
    allocation = world.new_address()["AllocationId"]
    world.ec2.modify_address_attribute(AllocationId=allocation, DomainName=value)
    return world.ec2.describe_addresses_attribute(AllocationIds=[allocation], Attribute="domain-name")["Addresses"][0]["PtrRecord"]


@parameter("DescribeAddressesAttribute", "Attribute", ("domain-name", None), (0, 1))
def with_name(world, value):
    asked = {"AllocationIds": [world.new_address()["AllocationId"]]} | ({"Attribute": value} if value else {})
    return len(world.ec2.describe_addresses_attribute(**asked)["Addresses"])


@parameter("ResetAddressAttribute", "Attribute", ("domain-name", "colour"), ("done", "InvalidParameterValue"))
def reset(world, value):
    return code_of(world.ec2.reset_address_attribute, AllocationId=world.addresses[0]["AllocationId"], Attribute=value)


@parameter("ReleaseAddress", "NetworkBorderGroup", ("us-east-1", "us-east-1-wl1"), ("done", "InvalidAddress.NotFound"))
def border_group_of_released(world, value):
    return code_of(world.ec2.release_address, AllocationId=world.new_address()["AllocationId"], NetworkBorderGroup=value)


@parameter("ReleaseAddress", "PublicIp", (0, 1), ([1], [0]))
def released(world, value):
    both = [world.new_address(), world.new_address()]
    world.ec2.release_address(PublicIp=both[value]["PublicIp"])
    left = {address["AllocationId"] for address in world.ec2.describe_addresses()["Addresses"]}
    return [at for at, address in enumerate(both) if address["AllocationId"] in left]


@parameter("AssociateAddress", "InstanceId", (0, 1), lambda world, value: world.pair[value]["InstanceId"])
def on_instance(world, value):
    allocation = world.new_address()["AllocationId"]
    association = world.ec2.associate_address(AllocationId=allocation, InstanceId=world.pair[value]["InstanceId"])["AssociationId"]
    seen = world.address(allocation)["InstanceId"]
    world.ec2.disassociate_address(AssociationId=association)
    return seen


@parameter("AssociateAddress", "NetworkInterfaceId", (0, 1), lambda world, value: world.interfaces()[value])
def on_interface(world, value):
    allocation = world.new_address()["AllocationId"]
    association = world.ec2.associate_address(AllocationId=allocation, NetworkInterfaceId=world.interfaces()[value])["AssociationId"]
    seen = world.address(allocation)["NetworkInterfaceId"]
    world.ec2.disassociate_address(AssociationId=association)
    return seen


@parameter("AssociateAddress", "PublicIp", (0, 1), lambda world, value: world.addresses[value]["PublicIp"])
def by_itself(world, value):
    address, instance_id = world.addresses[value]["PublicIp"], world.launch()["InstanceId"]
    world.ec2.associate_address(PublicIp=address, InstanceId=instance_id)
    seen = world.instance(instance_id)["PublicIpAddress"]
    world.ec2.disassociate_address(PublicIp=address)
    return seen


@parameter("AssociateAddress", "PrivateIpAddress", (0, 1), lambda world, value: [value == 0, value == 1])
def for_private_address(world, value):
    interface = world.launch()["NetworkInterfaces"][0]["NetworkInterfaceId"]
    world.ec2.assign_private_ip_addresses(NetworkInterfaceId=interface, SecondaryPrivateIpAddressCount=1)
    of_interface = lambda: world.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]["PrivateIpAddresses"]  # noqa: E731
    address = world.new_address()
    world.ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface, PrivateIpAddress=of_interface()[value]["PrivateIpAddress"])
    return [one.get("Association", {}).get("PublicIp") == address["PublicIp"] for one in of_interface()]


@parameter("AssociateAddress", "AllowReassociation", (True, False), ("done", "Resource.AlreadyAssociated"))
def moved(world, value):
    allocation, _ = world.associated_address()
    asked = {"AllocationId": allocation, "InstanceId": world.launch()["InstanceId"]}
    return code_of(world.ec2.associate_address, **asked, AllowReassociation=value)


@parameter("DisassociateAddress", "AssociationId", ("present", "absent"), ("done", "InvalidAssociationID.NotFound"))
def parted(world, value):
    _, association = world.associated_address()
    return code_of(world.ec2.disassociate_address, AssociationId=association if value == "present" else "eipassoc-00000000000000000")


@parameter("DisassociateAddress", "PublicIp", (0, 1), ([1], [0]))
def which_is_parted(world, value):
    both = [world.address(world.associated_address()[0]) for _ in range(2)]
    world.ec2.disassociate_address(PublicIp=both[value]["PublicIp"])
    return [at for at, address in enumerate(both) if "AssociationId" in world.address(address["AllocationId"])]


for _action, _method in (("DescribeAddresses", "describe_addresses"), ("DescribeAddressesAttribute", "describe_addresses_attribute")):

    def declare_found(action, method):
        @parameter(action, "AllocationId", (0, 1), lambda world, value: [world.addresses[value]["PublicIp"]])
        def found(world, value):
            answer = getattr(world.ec2, method)(AllocationIds=[world.addresses[value]["AllocationId"]])
            return [address["PublicIp"] for address in answer["Addresses"]]

    declare_found(_action, _method)


@parameter("DescribeAddresses", "PublicIp", (0, 1), lambda world, value: [world.addresses[value]["AllocationId"]])
def found_by_itself(world, value):
    answer = world.ec2.describe_addresses(PublicIps=[world.addresses[value]["PublicIp"]])
    return [address["AllocationId"] for address in answer["Addresses"]]
