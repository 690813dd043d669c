"""Wall clocks that are set ahead and back under a part that runs: nobody waits for as long as the clock was off."""

import pytest
from cloud import wait_until
from evidence import record
from parts import Parts

TWO_HOURS = 2 * 60 * 60 * 1000


@pytest.fixture
def parts(binary):
    parts = Parts(hosts=1)
    try:
        if not parts.clock_library:
            pytest.skip("a shifted clock needs a C compiler")
        yield parts.up()
    finally:
        left = parts.close()
        assert not left, left


@pytest.fixture
def ec2(parts):
    return parts.cloud.accounts[0].client("ec2")


def run(parts, ec2):
    answer = ec2.run_instances(ImageId=parts.ami, InstanceType="t3.nano", MinCount=1, MaxCount=1)
    return answer["Instances"][0]["InstanceId"]


def wait(ec2, state, instance_id):
    def so():
        found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return found["State"]["Name"] == state

    wait_until(f"{instance_id} is {state}", so)


def test_a_guest_that_was_started_under_a_clock_ahead_of_time_is_seen_running_under_the_right_one(parts, ec2):
    clock = parts.parts["agent-1"].clock
    clock.shift(TWO_HOURS)
    instance_id = run(parts, ec2)
    wait(ec2, "running", instance_id)
    clock.shift(0)
    parts.kill_and_start("agent-1")
    ec2.reboot_instances(InstanceIds=[instance_id])
    guest = parts.state_folder("agent-1") / "simulated/guests" / instance_id
    wait_until("it was rebooted, for which it must have been seen running", lambda: len(record(guest)["boots"]) == 2)


def test_a_guest_that_does_not_obey_loses_its_power_although_the_clock_was_set_back(parts, ec2):
    instance_id = run(parts, ec2)
    wait(ec2, "running", instance_id)
    word = parts.state_folder("agent-1") / "simulated/control" / instance_id
    word.write_text("hang")
    wait_until("the guest hangs", lambda: not word.exists())
    clock = parts.parts["agent-1"].clock
    clock.shift(TWO_HOURS)
    ec2.stop_instances(InstanceIds=[instance_id])
    asked = parts.state_folder("agent-1") / "records" / instance_id
    wait_until("it is asked to shut down", lambda: record(asked)["stopping_since"])
    clock.shift(0)
    wait(ec2, "stopped", instance_id)


def test_a_scheduler_whose_clock_jumps_goes_on_and_forgets_what_is_past_its_hour(parts, ec2):
    instance_id, gone = run(parts, ec2), run(parts, ec2)
    wait(ec2, "running", instance_id)
    ec2.terminate_instances(InstanceIds=[gone])
    wait(ec2, "terminated", gone)
    parts.parts["scheduler"].clock.shift(TWO_HOURS)
    ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "any", "Value": "change"}])

    def shown():
        return {i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}

    wait_until("what was terminated is forgotten", lambda: shown() == {instance_id})
    parts.parts["scheduler"].clock.shift(-TWO_HOURS)
    ec2.stop_instances(InstanceIds=[instance_id])
    wait(ec2, "stopped", instance_id)
