"""The Describe family: images, types, zones, networks, interfaces and volumes."""

import pytest
from botocore.exceptions import ClientError

QUICK = {"Delay": 1, "MaxAttempts": 60}


def code_of(failure):
    return failure.value.response["Error"]["Code"]


def where(**wanted):
    return [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in wanted.items()]


@pytest.fixture
def running(ec2, ami, instances):
    (instance_id,) = instances(
        ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    )
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


# Images

def test_a_public_image_is_seen_by_both_accounts_and_owned_by_one(ec2, other_ec2, account, ami):
    for client in [ec2, other_ec2]:
        (image,) = client.describe_images(ImageIds=[ami])["Images"]
        assert (image["OwnerId"], image["Public"], image["State"]) == (account.account_id, True, "available")
        assert image["BlockDeviceMappings"][0]["DeviceName"] == image["RootDeviceName"]
        assert image["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"].startswith("snap-")

    def seen(client, **parameters):
        return ami in [image["ImageId"] for image in client.describe_images(**parameters)["Images"]]

    assert seen(ec2, Owners=["self"]) and not seen(other_ec2, Owners=["self"])
    assert seen(other_ec2, Owners=[account.account_id]) and seen(other_ec2, ExecutableUsers=["all"])
    assert seen(ec2, Filters=where(is_public="true")) and not seen(ec2, Filters=where(is_public="false"))


def test_the_image_waiter_ends_and_a_foreign_image_can_not_be_deregistered(ec2, other_ec2, ami):
    ec2.get_waiter("image_available").wait(ImageIds=[ami], WaiterConfig=QUICK)
    with pytest.raises(ClientError) as failure:
        other_ec2.deregister_image(ImageId=ami)
    assert code_of(failure) == "AuthFailure"


def test_a_deregistered_image_is_gone(cloud, ec2):
    image_id = cloud.ami()
    assert ec2.deregister_image(ImageId=image_id)["Return"]
    with pytest.raises(ClientError) as failure:
        ec2.describe_images(ImageIds=[image_id])
    assert code_of(failure) == "InvalidAMIID.NotFound"


# Types, zones, the account

def test_instance_types_have_their_figures(ec2):
    (micro,) = ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"]
    assert (micro["VCpuInfo"]["DefaultVCpus"], micro["MemoryInfo"]["SizeInMiB"]) == (2, 1024)
    assert micro["BurstablePerformanceSupported"] is True
    (large,) = ec2.describe_instance_types(InstanceTypes=["m5.large"])["InstanceTypes"]
    assert (large["MemoryInfo"]["SizeInMiB"], large["BurstablePerformanceSupported"]) == (8192, False)
    assert large["PlacementGroupInfo"]["SupportedStrategies"] == ["cluster", "partition", "spread"]
    (many,) = ec2.describe_instance_types(InstanceTypes=["m5a.12xlarge"])["InstanceTypes"]
    assert many["VCpuInfo"] == {
        "DefaultVCpus": 48, "DefaultCores": 24, "DefaultThreadsPerCore": 2, "ValidCores": [6, 12, 18, 24], "ValidThreadsPerCore": [1, 2],
    }
    assert many["EbsInfo"]["EbsOptimizedInfo"]["BaselineBandwidthInMbps"] == 6780
    assert many["NetworkInfo"]["NetworkCards"][0]["BaselineBandwidthInGbps"] == 10.0
    with pytest.raises(ClientError) as failure:
        ec2.describe_instance_types(InstanceTypes=["t3.enormous"])
    assert code_of(failure) == "InvalidInstanceType"


def test_the_paginator_visits_every_instance_type_once(ec2):
    pages = list(ec2.get_paginator("describe_instance_types").paginate(PaginationConfig={"PageSize": 10}))
    names = [entry["InstanceType"] for page in pages for entry in page["InstanceTypes"]]
    assert len(pages) > 1 and len(names) == len(set(names))
    # Nobody who asks for no size of a page is given more than a hundred.
    others = list(ec2.get_paginator("describe_instance_types").paginate())
    assert [len(page["InstanceTypes"]) for page in others[:-1]] == [100] * (len(others) - 1) and len(others) > 1
    assert names == [entry["InstanceType"] for page in others for entry in page["InstanceTypes"]]


def test_the_region_and_its_zones(ec2):
    assert [region["RegionName"] for region in ec2.describe_regions()["Regions"]] == ["us-east-1"]
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert zones[0]["ZoneName"] == "us-east-1a" and zones[0]["ZoneId"] == "use1-az1" and zones[0]["State"] == "available"
    (one,) = ec2.describe_availability_zones(ZoneIds=["use1-az2"])["AvailabilityZones"]
    assert one["ZoneName"] == "us-east-1b"
    with pytest.raises(ClientError) as failure:
        ec2.describe_availability_zones(ZoneNames=["us-east-1z"])
    assert code_of(failure) == "InvalidParameterValue"


def test_the_account_is_vpc_only_and_names_its_default_vpc(ec2):
    attributes = ec2.describe_account_attributes()["AccountAttributes"]
    values = {a["AttributeName"]: a["AttributeValues"][0]["AttributeValue"] for a in attributes}
    (vpc,) = ec2.describe_vpcs(Filters=where(is_default="true"))["Vpcs"]
    assert values == {"supported-platforms": "VPC", "default-vpc": vpc["VpcId"]}


# Networks

def test_a_vpc_has_a_subnet_in_each_zone_and_the_waiters_end(ec2):
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc["VpcId"]], WaiterConfig=QUICK)
    subnets = ec2.describe_subnets(Filters=where(vpc_id=vpc["VpcId"]))["Subnets"]
    ec2.get_waiter("subnet_available").wait(SubnetIds=[s["SubnetId"] for s in subnets], WaiterConfig=QUICK)
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert sorted(s["AvailabilityZone"] for s in subnets) == sorted(zone["ZoneName"] for zone in zones)
    (first,) = ec2.describe_subnets(Filters=where(availabilityZone="us-east-1a", defaultForAz="true"))["Subnets"]
    assert first["CidrBlock"] == "172.31.0.0/20"


def test_an_instance_takes_an_address_of_its_subnet(ec2, ami, instances):
    subnet_id = ec2.describe_subnets(Filters=where(availability_zone="us-east-1a"))["Subnets"][0]["SubnetId"]

    def available():
        return ec2.describe_subnets(SubnetIds=[subnet_id])["Subnets"][0]["AvailableIpAddressCount"]

    before = available()
    instances(ec2.run_instances(ImageId=ami, InstanceType="t3.micro", MinCount=2, MaxCount=2, SubnetId=subnet_id))
    assert available() == before - 2


def test_an_instances_interface_and_volume_say_what_the_instance_says(ec2, running):
    (interface,) = ec2.describe_network_interfaces(Filters=where(**{"attachment.instance_id": running["InstanceId"]}))["NetworkInterfaces"]
    shown = running["NetworkInterfaces"][0]
    for member in ["NetworkInterfaceId", "MacAddress", "PrivateIpAddress", "SubnetId", "VpcId", "OwnerId"]:
        assert interface[member] == shown[member], member
    assert interface["Association"]["PublicIp"] == running["PublicIpAddress"]
    assert interface["Attachment"]["InstanceId"] == running["InstanceId"]
    assert interface["Groups"] == running["SecurityGroups"]
    ec2.get_waiter("volume_in_use").wait(VolumeIds=[running["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]], WaiterConfig=QUICK)
    (volume,) = ec2.describe_volumes(Filters=where(**{"attachment.instance_id": running["InstanceId"]}))["Volumes"]
    assert volume["VolumeId"] == running["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert (volume["AvailabilityZone"], volume["State"]) == (running["Placement"]["AvailabilityZone"], "in-use")
    assert volume["Attachments"][0]["Device"] == running["RootDeviceName"]


def test_what_one_account_runs_is_absent_for_the_other(ec2, other_ec2, running):
    interface = running["NetworkInterfaces"][0]["NetworkInterfaceId"]
    volume = running["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]
    assert other_ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert other_ec2.describe_volumes()["Volumes"] == []
    for call, foreign, absent in [
        (lambda i: other_ec2.describe_network_interfaces(NetworkInterfaceIds=[i]), interface, "eni-0123456789abcdef0"),
        (lambda i: other_ec2.describe_volumes(VolumeIds=[i]), volume, "vol-0123456789abcdef0"),
        (lambda i: other_ec2.describe_vpcs(VpcIds=[i]), running["VpcId"], "vpc-0123456789abcdef0"),
        (lambda i: other_ec2.describe_subnets(SubnetIds=[i]), running["SubnetId"], "subnet-0123456789abcdef0"),
    ]:
        answers = []
        for resource_id in [foreign, absent]:
            with pytest.raises(ClientError) as failure:
                call(resource_id)
            error = failure.value.response["Error"]
            answers.append((error["Code"], error["Message"].replace(resource_id, "ID")))
        assert answers[0] == answers[1]


@pytest.mark.parametrize("operation", ["describe_vpcs", "describe_subnets", "describe_volumes", "describe_images", "describe_tags",
                                       "describe_network_interfaces", "describe_security_groups", "describe_instance_types"])
def test_a_forged_token_and_a_filter_that_is_not_there_are_refused(ec2, operation):
    call = getattr(ec2, operation)
    with pytest.raises(ClientError) as failure:
        call(NextToken="forged")
    assert code_of(failure) == "InvalidNextToken"
    with pytest.raises(ClientError) as failure:
        call(Filters=where(no_such_filter="x"))
    assert code_of(failure) == "InvalidParameterValue"
    assert failure.value.response["Error"]["Message"] == "The filter 'no-such-filter' is invalid"
