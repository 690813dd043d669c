"""Placement groups as a client sees them: found by every filter, tagged, shown with the instances that are in them, kept while in use."""

import uuid

import pytest
from botocore.exceptions import ClientError

QUICK = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture
def group(ec2):
    made = []

    def make(**parameters):
        asked = {"GroupName": f"group {uuid.uuid4().hex[:8]}", "Strategy": "spread"} | parameters
        made.append(ec2.create_placement_group(**asked)["PlacementGroup"])
        return made[-1]

    yield make
    for one in made:
        try:
            ec2.delete_placement_group(GroupName=one["GroupName"])
        except ClientError as error:
            assert error.response["Error"]["Code"] == "InvalidPlacementGroup.Unknown", error


def refused(call, **parameters):
    with pytest.raises(ClientError) as failure:
        call(**parameters)
    return failure.value.response["Error"]["Code"]


def test_a_group_is_found_by_every_filter_and_by_its_tags(ec2, account, group):
    tag = uuid.uuid4().hex
    spread = group(TagSpecifications=[{"ResourceType": "placement-group", "Tags": [{"Key": "mark", "Value": tag}]}])
    parts = group(Strategy="partition", PartitionCount=3)
    ec2.create_tags(Resources=[parts["GroupId"]], Tags=[{"Key": "mark", "Value": tag}])
    assert spread["GroupArn"] == f"arn:aws:ec2:us-east-1:{account.account_id}:placement-group/{spread['GroupName']}"
    assert (spread["State"], spread["SpreadLevel"]) == ("available", "rack")
    assert (parts["PartitionCount"], "SpreadLevel" in parts) == (3, False)
    marked = {"Name": "tag:mark", "Values": [tag]}
    for name, value, expected in [
        ("group-arn", spread["GroupArn"], [spread]), ("group-name", parts["GroupName"], [parts]), ("spread-level", "rack", [spread]),
        ("state", "available", [spread, parts]), ("strategy", "part*", [parts]), ("tag-key", "mark", [spread, parts]),
    ]:
        found = ec2.describe_placement_groups(Filters=[marked, {"Name": name, "Values": [value]}])["PlacementGroups"]
        assert {one["GroupId"] for one in found} == {one["GroupId"] for one in expected}, name
    tags = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["placement-group"]}, {"Name": "value", "Values": [tag]}])["Tags"]
    assert {one["ResourceId"] for one in tags} == {spread["GroupId"], parts["GroupId"]}
    ec2.delete_placement_group(GroupName=spread["GroupName"])
    assert refused(ec2.describe_placement_groups, GroupNames=[spread["GroupName"]]) == "InvalidPlacementGroup.Unknown"
    left = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [spread["GroupId"]]}])["Tags"]
    assert left == []


def test_instances_are_found_by_their_group_and_keep_it(ec2, ami, group, instances):
    parts = group(Strategy="partition")
    placement = {"GroupId": parts["GroupId"], "PartitionNumber": 2}
    (instance_id,) = instances(ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=1, MaxCount=1, Placement=placement))
    for name, value in [("placement-group-name", parts["GroupName"]), ("placement-partition-number", "2")]:
        ids = {"Name": "instance-id", "Values": [instance_id]}
        found = ec2.describe_instances(Filters=[ids, {"Name": name, "Values": [value]}])["Reservations"]
        placement = found[0]["Instances"][0]["Placement"]
        assert (placement["GroupName"], placement["GroupId"], placement["PartitionNumber"]) == (parts["GroupName"], parts["GroupId"], 2)
        assert ec2.describe_instances(Filters=[ids, {"Name": name, "Values": ["3"]}])["Reservations"] == []
    assert refused(ec2.delete_placement_group, GroupName=parts["GroupName"]) == "InvalidPlacementGroup.InUse"
    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    ec2.delete_placement_group(GroupName=parts["GroupName"])
