"""Parts killed with -9 while work is under way: every accepted instance reaches its state, nothing is orphaned, nothing runs twice."""

import pytest
from cloud import wait_until

QUICK = {"Delay": 1, "MaxAttempts": 90}


@pytest.fixture
def ec2(own_cloud):
    # botocore's own retries: what every client does when a control plane is just being started again.
    return own_cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})


def run(ec2, ami, count):
    answer = ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=count, MaxCount=count)
    return [i["InstanceId"] for i in answer["Instances"]]


def wait(ec2, state, ids):
    ec2.get_waiter(f"instance_{state}").wait(InstanceIds=ids, WaiterConfig=QUICK)


def states(ec2, ids):
    found = ec2.describe_instances(InstanceIds=ids)["Reservations"]
    return {i["InstanceId"]: i["State"]["Name"] for r in found for i in r["Instances"]}


def kill_and_see_restarted(cloud, part):
    before = cloud.kill(part)
    return wait_until(f"{part} is started again", lambda: (p := cloud.process(part)) and p != before and p)


@pytest.mark.parametrize("part", ["agent", "control-plane"])
def test_running_instances_stay_running(own_cloud, ec2, part):
    ids = run(ec2, own_cloud.ami(), 3)
    wait(ec2, "running", ids)
    kill_and_see_restarted(own_cloud, part)
    wait_until("the agent is connected", own_cloud.host_is_connected)
    assert set(states(ec2, ids).values()) == {"running"}


@pytest.mark.parametrize("part", ["agent", "control-plane"])
def test_a_kill_in_the_middle_of_a_launch_loses_and_doubles_nothing(own_cloud, ec2, part):
    ids = run(ec2, own_cloud.ami(), 8)
    kill_and_see_restarted(own_cloud, part)
    wait(ec2, "running", ids)
    found = ec2.describe_instances()["Reservations"]
    assert sorted(i["InstanceId"] for r in found for i in r["Instances"]) == sorted(ids)


@pytest.mark.parametrize("part", ["agent", "control-plane"])
def test_a_kill_in_the_middle_of_a_terminate_leaves_nothing(own_cloud, ec2, part):
    ids = run(ec2, own_cloud.ami(), 8)
    wait(ec2, "running", ids)
    ec2.terminate_instances(InstanceIds=ids)
    kill_and_see_restarted(own_cloud, part)
    wait(ec2, "terminated", ids)
    wait_until("the host holds nothing", lambda: own_cloud.host()["instances"] == 0)
    assert ec2.describe_volumes()["Volumes"] == []
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    assert own_cloud.host()["quarantined"] == []


def test_what_was_answered_survives_a_kill_of_the_control_plane(own_cloud, ec2):
    ids = run(ec2, own_cloud.ami(), 1)
    ec2.create_tags(Resources=ids, Tags=[{"Key": "kept", "Value": "yes"}])
    kill_and_see_restarted(own_cloud, "control-plane")
    (tag,) = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": ids}])["Tags"]
    assert (tag["Key"], tag["Value"]) == ("kept", "yes")


def test_commands_given_while_the_agent_is_away_are_carried_out_when_it_is_back(own_cloud, ec2):
    ids = run(ec2, own_cloud.ami(), 2)
    wait(ec2, "running", ids)
    own_cloud.kill("supervisor")
    own_cloud.kill("agent")
    ec2.stop_instances(InstanceIds=ids[:1])
    ec2.terminate_instances(InstanceIds=ids[1:])
    # A host that does not answer never makes its instances vanish.
    assert states(ec2, ids) == {ids[0]: "stopping", ids[1]: "shutting-down"}
    own_cloud.freehold("up")
    wait(ec2, "stopped", ids[:1])
    wait(ec2, "terminated", ids[1:])


def test_a_killed_supervisor_is_replaced_and_adopts_what_runs(own_cloud):
    before = {part: own_cloud.process(part) for part in ("agent", "control-plane")}
    supervisor = own_cloud.kill("supervisor")
    own_cloud.freehold("up")
    assert own_cloud.process("supervisor") not in (None, supervisor)
    assert {part: own_cloud.process(part) for part in before} == before, "the parts were adopted, not started again"
    kill_and_see_restarted(own_cloud, "agent")
