"""A guest on a host that has joined: its scheduler, its gateway and its AMI are on other machines, and it lives without any of them."""

import os
import subprocess

import pytest
from cloud import host_id_in, printed, wait_until
from conftest import Apart
from ssh import Ssh

PATIENCE = 300


@pytest.fixture(scope="module")
def apart(binary):
    if os.geteuid() != 0:
        pytest.skip("guests need root, for their network")
    apart = Apart(real=True)
    # A guest's process is another user's.
    apart.folder.chmod(0o711)
    apart.a.folder.chmod(0o711)
    try:
        apart.begin()
        # The other host has no real guests.
        (simulated,) = (host["host_id"] for host in apart.hosts() if host["host_id"] == host_id_in(apart.b.folder / "data/agent"))
        apart.scheduler.freehold("host", "drain", simulated)
        yield apart
    finally:
        apart.a.kill()
        down = apart.a.freehold("down", "--guests", check=False)
        host_id = host_id_in(apart.a.folder / "data/agent")
        apart.close()
    assert down.returncode == 0, down.stderr
    assert host_id not in printed("ip", "netns", "list") + printed("nft", "list", "tables")


def describe(apart, instance_id):
    return apart.aws("ec2", "describe-instances", "--instance-ids", instance_id)["Reservations"][0]["Instances"][0]


def until(apart, instance_id, state):
    return wait_until(f"it is {state}", lambda: (i := describe(apart, instance_id))["State"]["Name"] == state and i, PATIENCE)


def test_it_boots_from_an_image_store_elsewhere_and_outlives_every_part(apart):
    image = apart.tiny_ami()
    key = apart.folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    apart.aws("ec2", "import-key-pair", "--key-name", "mine", "--public-key-material", f"fileb://{key}.pub")
    port_22 = ["--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0"]
    apart.aws("ec2", "authorize-security-group-ingress", "--group-name", "default", *port_22)
    launched = apart.aws("ec2", "run-instances", "--image-id", image, "--instance-type", "t3.nano", "--key-name", "mine")
    instance_id = launched["Instances"][0]["InstanceId"]
    ssh = Ssh("ec2-user", until(apart, instance_id, "running")["PublicIpAddress"], key).wait()
    assert ssh.metadata("meta-data/instance-id") == instance_id
    boot = ssh("cat /proc/sys/kernel/random/boot_id")

    for place in apart.places:
        place.kill()
    assert ssh("cat /proc/sys/kernel/random/boot_id") == boot, "it answers where no part is left"
    for place in apart.places:
        place.start()
    wait_until("the API answers", lambda: apart.aws("sts", "get-caller-identity", check=False).returncode == 0, PATIENCE)
    wait_until("its host attends", lambda: all(host["connected"] for host in apart.hosts()), PATIENCE)
    assert ssh("cat /proc/sys/kernel/random/boot_id") == boot, "nobody has started it anew"
    assert ssh.metadata("meta-data/instance-id") == instance_id

    apart.aws("ec2", "reboot-instances", "--instance-ids", instance_id)
    wait_until("another boot", lambda: ssh.answers() and ssh("cat /proc/sys/kernel/random/boot_id") != boot, PATIENCE)
    apart.aws("ec2", "terminate-instances", "--instance-ids", instance_id)
    until(apart, instance_id, "terminated")
    wait_until("nothing of it is left", lambda: instance_id not in " ".join(map(str, apart.a.folder.rglob("*"))), PATIENCE)
