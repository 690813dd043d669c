"""Real guests: QEMU, a network, SSH. As root only, and never more than two at a time."""

import os
import subprocess

import pytest
from cloud import Cloud, wait_until


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="guests need root, for their network"))


class Ssh:
    """Runs commands in a guest, with one key."""

    def __init__(self, user, address, key_file):
        self.words = [
            "ssh", "-i", str(key_file), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
            "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", "-F", "none", f"{user}@{address}",
        ]

    def run(self, command, seconds=60):
        return subprocess.run([*self.words, command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)

    def __call__(self, command):
        done = self.run(command)
        assert done.returncode == 0, f"{command}: exit {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def answers(self):
        try:
            return self.run("true", seconds=30).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def wait(self, seconds=300):
        wait_until(f"SSH as {self.words[-1]}", self.answers, seconds)
        return self


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
