"""A cloud whose store is in PostgreSQL: the same to its clients, and what was answered is there after a kill."""

import postgres
import pytest
from cloud import Cloud, wait_until

QUICK = {"Delay": 1, "MaxAttempts": 90}


@pytest.fixture
def database():
    with postgres.server() as address:
        yield address


@pytest.fixture
def on_postgres(binary, database):
    cloud = Cloud("simulated")
    try:
        cloud.config.write_text(f'{cloud.config.read_text()}\n[scheduler]\ndatabase = "{database}&password=hush"\n')
        cloud.up()
        yield cloud
    finally:
        left = cloud.close()
        assert not left, left


def test_it_is_the_same_cloud_and_loses_nothing(on_postgres):
    cloud = on_postgres
    ec2 = cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})
    answer = ec2.run_instances(ImageId=cloud.ami(), InstanceType="t3.nano", MinCount=5, MaxCount=5)
    ids = [i["InstanceId"] for i in answer["Instances"]]
    before = cloud.kill("control-plane")
    wait_until("it is started again", lambda: (p := cloud.process("control-plane")) and p != before)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICK)
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=QUICK)
    assert not (cloud.folder / "data/scheduler/freehold.db").exists()

    refused = cloud.freehold("backup", cloud.folder / "backup", check=False)
    assert refused.returncode != 0 and "pg_dump" in refused.stderr
    assert "hush" not in cloud.freehold("config").stdout + refused.stderr + cloud.logs(100_000)
