"""Clouds for tests. `cloud` is shared by all tests of a run that only use its API; who kills parts of a cloud takes one of their own."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cloud import BINARY, Cloud  # noqa: E402


def pytest_configure():
    # botocore must not find the machine's own account, proxy or metadata service, whatever the environment says.
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


@pytest.fixture(scope="session", autouse=True)
def binary():
    assert BINARY.is_file(), f"{BINARY} is not there: cargo build --workspace, or set FREEHOLD_BIN"
    return BINARY


def _closed(cloud):
    left = cloud.close()
    assert not left, "left on the machine:\n" + "\n".join(left)


@pytest.fixture(scope="session")
def cloud(binary):
    """A cloud with simulated guests and an AMI. Tests share it and mind their own resources."""
    cloud = Cloud("simulated")
    try:
        cloud.up()
        yield cloud
    finally:
        _closed(cloud)


@pytest.fixture
def own_cloud(binary):
    """A cloud with simulated guests for one test, which may do with it what it likes."""
    cloud = Cloud("simulated")
    try:
        cloud.up()
        yield cloud
    finally:
        _closed(cloud)


@pytest.fixture(scope="module")
def quick_cloud(binary):
    """A cloud with simulated guests, whose checks are *ok* as soon as it is known that they are."""
    cloud = Cloud("simulated", extra="\n[scheduler]\nstatus_initializing_seconds = 0\n")
    try:
        cloud.up()
        yield cloud
    finally:
        _closed(cloud)


@pytest.fixture(scope="session")
def account(cloud):
    return cloud.accounts[0]


@pytest.fixture(scope="session")
def other_account(cloud):
    return cloud.accounts[1]


@pytest.fixture(scope="session")
def ec2(account):
    return account.client("ec2")


@pytest.fixture(scope="session")
def other_ec2(other_account):
    return other_account.client("ec2")


@pytest.fixture(scope="session")
def ami(cloud):
    return cloud.ami()


@pytest.fixture
def instances(ec2):
    """Remembers what a test launches and terminates it afterwards: `instances(ec2.run_instances(...))` answers the ids."""
    launched = []

    def remember(answer):
        ids = [instance["InstanceId"] for instance in answer["Instances"]]
        launched.extend(ids)
        return ids

    yield remember
    if launched:
        ec2.terminate_instances(InstanceIds=launched)
        ec2.get_waiter("instance_terminated").wait(InstanceIds=launched, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
