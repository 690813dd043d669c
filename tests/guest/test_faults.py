"""Parts killed with -9 around real guests: in the middle of a launch and of a terminate."""

import pytest
from cloud import says, wait_until

PATIENT = {"Delay": 1, "MaxAttempts": 300}


@pytest.fixture(scope="module")
def ami(cloud):
    return cloud.json("image", "build", "tiny", seconds=300)["image_id"]


def kill_and_see_restarted(cloud, part):
    before = cloud.kill(part)
    wait_until(f"{part} is started again", lambda: (now := cloud.process(part)) and now != before)


def console_of(ec2, instance_id):
    return ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")


@pytest.mark.parametrize("part", ["agent", "control-plane"])
def test_a_killed_part_loses_no_launch_and_no_terminate(cloud, ec2, ami, part):
    answer = ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=2, MaxCount=2)
    ids = [instance["InstanceId"] for instance in answer["Instances"]]
    kill_and_see_restarted(cloud, part)

    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=PATIENT)
    wait_until("a guest for each instance", lambda: len(cloud.guests()) == 2)
    for instance_id in ids:
        wait_until(f"{instance_id} booted", lambda: says(console_of(ec2, instance_id), "freehold-tiny: ready"), 300)
    assert len(cloud.guests()) == 2, "none was started twice"

    ec2.terminate_instances(InstanceIds=ids)
    kill_and_see_restarted(cloud, part)

    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=PATIENT)
    assert cloud.guests() == {}
    wait_until("the host is connected", cloud.host_is_connected)
    wait_until("the host holds nothing", lambda: cloud.host()["instances"] == 0)
    assert cloud.host()["quarantined"] == []
    traces = [path for path in (cloud.folder / "data/agent").rglob("*") if any(instance_id in str(path) for instance_id in ids)]
    assert traces == []
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
