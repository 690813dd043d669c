"""Real guests: QEMU, a network, SSH. As root only, and never more than two at a time."""

import os

import pytest
from cloud import Cloud
from ssh import Ssh


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="guests need root, for their network"))


@pytest.fixture(scope="session")
def ssh():
    return Ssh


@pytest.fixture(scope="module")
def cloud(binary):
    """A cloud with real guests, for the tests of one file."""
    cloud = Cloud("qemu")
    try:
        cloud.up()
        yield cloud
    finally:
        left = cloud.close()
        assert not left, "left on the machine:\n" + "\n".join(left)


@pytest.fixture(scope="module")
def ec2(cloud):
    return cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})


@pytest.fixture(scope="module")
def open_port_22(ec2):
    """Call it to let SSH in from outside, as EC2's default group does not by itself."""

    def authorize():
        (group,) = ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")

    return authorize
