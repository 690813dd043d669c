"""An instance's life by way of the API, with unmodified clients, on simulated guests."""

import base64
import datetime
import uuid

import pytest
from botocore.exceptions import ClientError

QUICK = {"Delay": 1, "MaxAttempts": 60}


def code_of(failure):
    return failure.value.response["Error"]["Code"]


def run(ec2, ami, **parameters):
    return ec2.run_instances(**{"ImageId": ami, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1} | parameters)


def wait(ec2, state, ids):
    ec2.get_waiter(f"instance_{state}").wait(InstanceIds=ids, WaiterConfig=QUICK)


def describe(ec2, instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def state(ec2, instance_id):
    return describe(ec2, instance_id)["State"]["Name"]


def volumes(instance):
    return [disk["Ebs"]["VolumeId"] for disk in instance["BlockDeviceMappings"]]


def test_the_signed_identity_is_the_first_accounts_root(account):
    identity = account.client("sts").get_caller_identity()
    assert identity["Account"] == account.account_id
    assert identity["Arn"] == f"arn:aws:iam::{account.account_id}:root"


def test_the_aws_cli_with_the_profile_that_up_wrote_runs_and_ends_an_instance(cloud, ami):
    ran = cloud.aws("ec2", "run-instances", "--image-id", ami, "--instance-type", "t3.micro",
                    "--tag-specifications", "ResourceType=instance,Tags=[{Key=Name,Value=by-cli}]")
    instance_id = ran["Instances"][0]["InstanceId"]
    assert ran["Instances"][0]["State"] == {"Code": 0, "Name": "pending"}
    cloud.aws("ec2", "wait", "instance-running", "--instance-ids", instance_id)
    found = cloud.aws("ec2", "describe-instances", "--filters", "Name=tag:Name,Values=by-cli")
    assert [i["InstanceId"] for r in found["Reservations"] for i in r["Instances"]] == [instance_id]
    cloud.aws("ec2", "terminate-instances", "--instance-ids", instance_id)
    cloud.aws("ec2", "wait", "instance-terminated", "--instance-ids", instance_id)


def test_a_running_instance_says_what_it_is(ec2, account, ami, instances):
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    (instance_id,) = instances(run(ec2, ami))
    wait(ec2, "running", [instance_id])
    reservation = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]
    instance = reservation["Instances"][0]
    assert reservation["OwnerId"] == account.account_id
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert (instance["ImageId"], instance["InstanceType"], instance["Architecture"]) == (ami, "t3.micro", "x86_64")
    assert instance["LaunchTime"] > before
    assert instance["AmiLaunchIndex"] == 0
    (interface,) = instance["NetworkInterfaces"]
    assert interface["PrivateIpAddress"] == instance["PrivateIpAddress"]
    assert (interface["VpcId"], interface["SubnetId"]) == (instance["VpcId"], instance["SubnetId"])
    (disk,) = instance["BlockDeviceMappings"]
    assert disk["DeviceName"] == instance["RootDeviceName"]
    assert [group["GroupName"] for group in instance["SecurityGroups"]] == ["default"]


def test_stop_and_start_keep_private_address_and_root_volume(ec2, ami, instances):
    (instance_id,) = instances(run(ec2, ami))
    wait(ec2, "running", [instance_id])
    first = describe(ec2, instance_id)
    stopping = ec2.stop_instances(InstanceIds=[instance_id])["StoppingInstances"][0]
    assert (stopping["PreviousState"]["Name"], stopping["CurrentState"]["Name"]) == ("running", "stopping")
    wait(ec2, "stopped", [instance_id])
    assert "PublicIpAddress" not in describe(ec2, instance_id)
    starting = ec2.start_instances(InstanceIds=[instance_id])["StartingInstances"][0]
    assert (starting["PreviousState"]["Name"], starting["CurrentState"]["Name"]) == ("stopped", "pending")
    wait(ec2, "running", [instance_id])
    again = describe(ec2, instance_id)
    assert again["PrivateIpAddress"] == first["PrivateIpAddress"]
    assert volumes(again) == volumes(first)


def test_terminate_ends_an_instance_and_its_volume_and_may_be_said_twice(ec2, ami, instances):
    (instance_id,) = instances(run(ec2, ami))
    wait(ec2, "running", [instance_id])
    (volume,) = volumes(describe(ec2, instance_id))
    ended = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert (ended["PreviousState"]["Name"], ended["CurrentState"]["Name"]) == ("running", "shutting-down")
    wait(ec2, "terminated", [instance_id])
    with pytest.raises(ClientError) as failure:
        ec2.describe_volumes(VolumeIds=[volume])
    assert code_of(failure) == "InvalidVolume.NotFound"
    again = ec2.terminate_instances(InstanceIds=[instance_id])["TerminatingInstances"][0]
    assert again["CurrentState"]["Name"] == "terminated"
    for command in (ec2.start_instances, ec2.stop_instances):
        with pytest.raises(ClientError) as failure:
            command(InstanceIds=[instance_id])
        assert code_of(failure) == "IncorrectInstanceState"


def test_reboot_leaves_a_running_instance_running(ec2, ami, instances):
    (instance_id,) = instances(run(ec2, ami))
    wait(ec2, "running", [instance_id])
    ec2.reboot_instances(InstanceIds=[instance_id])
    assert state(ec2, instance_id) == "running"


def test_a_client_token_runs_once_and_refuses_another_question(ec2, ami, instances):
    token = str(uuid.uuid4())
    first = instances(run(ec2, ami, ClientToken=token))
    assert [i["InstanceId"] for i in run(ec2, ami, ClientToken=token)["Instances"]] == first
    with pytest.raises(ClientError) as failure:
        run(ec2, ami, ClientToken=token, InstanceType="t3.small")
    assert code_of(failure) == "IdempotentParameterMismatch"


def test_a_dry_run_changes_nothing(ec2, ami):
    def ids():
        return {i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}

    before = ids()
    with pytest.raises(ClientError) as failure:
        run(ec2, ami, DryRun=True)
    assert code_of(failure) == "DryRunOperation"
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412
    assert ids() == before
    with pytest.raises(ClientError) as failure:
        run(ec2, "ami-00000000000000000", DryRun=True)
    assert code_of(failure) == "InvalidAMIID.NotFound"


def test_instances_of_one_request_share_a_reservation_and_are_numbered(ec2, ami, instances):
    answer = run(ec2, ami, MinCount=3, MaxCount=3)
    ids = instances(answer)
    assert len(set(ids)) == 3
    assert [i["AmiLaunchIndex"] for i in answer["Instances"]] == [0, 1, 2]
    (reservation,) = ec2.describe_instances(InstanceIds=ids)["Reservations"]
    assert reservation["ReservationId"] == answer["ReservationId"]


def test_describe_pages_and_visits_every_instance_once(ec2, ami, instances):
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "test", "Value": "pages"}]}]
    launched = {i for _ in range(12) for i in instances(run(ec2, ami, TagSpecifications=tags))}
    # EC2 takes no page smaller than 5.
    pages = list(ec2.get_paginator("describe_instances").paginate(
        Filters=[{"Name": "tag:test", "Values": ["pages"]}], PaginationConfig={"PageSize": 5}))
    assert len(pages) == 3
    seen = [i["InstanceId"] for page in pages for r in page["Reservations"] for i in r["Instances"]]
    assert len(seen) == 12 and set(seen) == launched
    with pytest.raises(ClientError) as failure:
        ec2.describe_instances(MaxResults=5, InstanceIds=seen[:1])
    assert code_of(failure) == "InvalidParameterCombination"


def test_tags_are_set_found_and_deleted(ec2, ami, instances):
    (instance_id,) = instances(run(ec2, ami))
    ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "stage", "Value": "one"}, {"Key": "owner", "Value": "me"}])
    ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "stage", "Value": "two"}])
    assert {t["Key"]: t["Value"] for t in describe(ec2, instance_id)["Tags"]} == {"stage": "two", "owner": "me"}
    ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": "owner"}, {"Key": "stage", "Value": "not-this"}])
    listed = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance_id]}])["Tags"]
    assert [(t["Key"], t["Value"], t["ResourceType"]) for t in listed] == [("stage", "two", "instance")]


def test_user_data_over_16_kib_is_refused_and_leaves_nothing(ec2, ami):
    before = len(ec2.describe_instances()["Reservations"])
    with pytest.raises(ClientError) as failure:
        run(ec2, ami, UserData="x" * (16 * 1024 + 1))
    assert code_of(failure) == "InvalidParameterValue"
    assert len(ec2.describe_instances()["Reservations"]) == before


def test_more_than_the_hosts_can_hold_is_refused_whole_and_leaves_nothing(ec2, ami):
    def held():
        instances = [i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]]
        interfaces = [i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces()["NetworkInterfaces"]]
        return sorted(instances), sorted(interfaces), sorted(v["VolumeId"] for v in ec2.describe_volumes()["Volumes"])

    before = held()
    with pytest.raises(ClientError) as failure:
        run(ec2, ami, InstanceType="m5.4xlarge", MinCount=100, MaxCount=100)
    assert code_of(failure) == "InsufficientInstanceCapacity"
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert held() == before


def test_blank_volumes_are_made_beside_the_root_and_go_with_the_instance(ec2, ami, instances):
    mappings = [{"DeviceName": f"/dev/sd{letter}", "Ebs": {"VolumeSize": size}} for letter, size in [("g", 3), ("f", 2)]]
    asked = mappings + [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4, "VolumeType": "gp3", "Encrypted": False}}]
    (instance_id,) = instances(run(ec2, ami, BlockDeviceMappings=asked))
    wait(ec2, "running", [instance_id])
    mapped = {one["DeviceName"]: one["Ebs"] for one in describe(ec2, instance_id)["BlockDeviceMappings"]}
    assert {name: ebs["DeleteOnTermination"] for name, ebs in mapped.items()} == {"/dev/xvda": True, "/dev/sdf": True, "/dev/sdg": True}
    shown = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])["Volumes"]
    assert {(one["Attachments"][0]["Device"], one["Size"], bool(one["SnapshotId"])) for one in shown} == {
        ("/dev/xvda", 4, True), ("/dev/sdf", 2, False), ("/dev/sdg", 3, False),
    }
    ec2.terminate_instances(InstanceIds=[instance_id])
    wait(ec2, "terminated", [instance_id])
    left = {one["VolumeId"] for one in ec2.describe_volumes()["Volumes"]} & {ebs["VolumeId"] for ebs in mapped.values()}
    assert not left


def test_the_console_of_a_guest_can_be_read(ec2, ami, instances):
    (instance_id,) = instances(run(ec2, ami, UserData=base64.b64encode(b"#!/bin/sh\n").decode()))
    wait(ec2, "running", [instance_id])
    answer = ec2.get_console_output(InstanceId=instance_id)
    assert answer["InstanceId"] == instance_id
    assert answer["Timestamp"]
    picture = base64.b64decode(ec2.get_console_screenshot(InstanceId=instance_id)["ImageData"])
    assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9"), "a JPEG"
    # Until a guest has printed one, as EC2 says it.
    assert ec2.get_password_data(InstanceId=instance_id)["PasswordData"] == ""
    ec2.stop_instances(InstanceIds=[instance_id])
    wait(ec2, "stopped", [instance_id])
    with pytest.raises(ClientError) as failure:
        ec2.get_console_screenshot(InstanceId=instance_id)
    assert code_of(failure) == "IncorrectInstanceState"


def test_another_account_sees_nothing_and_its_ids_are_absent(ec2, other_ec2, ami, instances):
    (instance_id,) = instances(run(ec2, ami))
    seen = [i["InstanceId"] for r in other_ec2.describe_instances()["Reservations"] for i in r["Instances"]]
    assert instance_id not in seen
    absent = "i-" + "0" * 17
    for command in (
        lambda i: other_ec2.describe_instances(InstanceIds=[i]),
        lambda i: other_ec2.terminate_instances(InstanceIds=[i]),
        lambda i: other_ec2.stop_instances(InstanceIds=[i]),
        lambda i: other_ec2.reboot_instances(InstanceIds=[i]),
        lambda i: other_ec2.get_console_output(InstanceId=i),
        lambda i: other_ec2.create_tags(Resources=[i], Tags=[{"Key": "a", "Value": "b"}]),
    ):
        with pytest.raises(ClientError) as theirs:
            command(instance_id)
        with pytest.raises(ClientError) as nobodys:
            command(absent)
        assert code_of(theirs) == code_of(nobodys) == "InvalidInstanceID.NotFound"
        messages = [failure.value.response["Error"]["Message"] for failure in (theirs, nobodys)]
        assert messages[0].replace(instance_id, absent) == messages[1]
    assert state(ec2, instance_id) in ("pending", "running")
