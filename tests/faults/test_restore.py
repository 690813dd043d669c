"""A store of yesterday under a host of today: nothing is destroyed, nothing is made anew, and the operator is shown what is not known."""

from cloud import wait_until

QUICK = {"Delay": 1, "MaxAttempts": 90}


def run(ec2, ami, count):
    answer = ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=count, MaxCount=count)
    ids = [i["InstanceId"] for i in answer["Instances"]]
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICK)
    return ids


def known(ec2):
    return {i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]}


def test_a_restored_store_destroys_nothing_that_it_does_not_know(own_cloud):
    ec2 = own_cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})
    ami, backup = own_cloud.ami(), own_cloud.folder / "backup"
    kept, ended = run(ec2, ami, 2)
    own_cloud.freehold("backup", backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    assert own_cloud.freehold("backup", backup, check=False).returncode != 0, "a backup never overwrites"

    (new,) = run(ec2, ami, 1)
    ec2.terminate_instances(InstanceIds=[ended])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[ended], WaiterConfig=QUICK)

    refused = own_cloud.freehold("restore", backup, check=False)
    assert refused.returncode != 0 and "runs" in refused.stderr, refused.stderr
    own_cloud.down()
    own_cloud.freehold("restore", backup)
    own_cloud.up()

    wait_until("the guest of today is shown", lambda: new in own_cloud.host().get("quarantined", []))
    assert known(ec2) == {kept, ended}, "the keys of yesterday open the cloud of yesterday"
    assert any((own_cloud.folder / "data/agent").rglob(f"*{new}*")), "what it does not know is still on the host"
    wait_until("the instance runs on", lambda: status(ec2, kept) in [("running", "initializing"), ("running", "ok")])
    # Its disk went with its termination, and is not made anew because an old store says that it should be there.
    wait_until("the instance that is gone is impaired", lambda: status(ec2, ended) == ("running", "impaired"))

    # What is ordered from now on counts, under the newer epoch and generations.
    ec2.stop_instances(InstanceIds=[kept])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[kept], WaiterConfig=QUICK)
    ec2.terminate_instances(InstanceIds=[ended])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[ended], WaiterConfig=QUICK)
    assert new in own_cloud.host()["quarantined"]


def status(ec2, instance_id):
    shown = ec2.describe_instance_status(InstanceIds=[instance_id], IncludeAllInstances=True)["InstanceStatuses"][0]
    return shown["InstanceState"]["Name"], shown["InstanceStatus"]["Status"]
