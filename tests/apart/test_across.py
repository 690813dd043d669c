"""Two guests of one VPC on two hosts, as boots and packets have it: they reach each other, also while no part of the cloud is left."""

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
    apart = Apart(real="both")
    # A guest's process is another user's.
    for folder in (apart.folder, apart.a.folder, apart.b.folder):
        folder.chmod(0o711)
    try:
        apart.begin()
        yield apart
    finally:
        downs, ids = [], []
        for host in (apart.a, apart.b):
            host.kill()
            downs.append(host.freehold("down", "--guests", check=False))
            ids.append(host_id_in(host.folder / "data/agent"))
        apart.close()
    for down, host_id in zip(downs, ids, strict=True):
        assert down.returncode == 0, down.stderr
        assert host_id not in printed("ip", "netns", "list")


def describe(apart, instance_id):
    return apart.aws("ec2", "describe-instances", "--instance-ids", instance_id)["Reservations"][0]["Instances"][0]


def until(apart, instance_id, state):
    return wait_until(f"it is {state}", lambda: (i := describe(apart, instance_id))["State"]["Name"] == state and i, PATIENCE)


def launch_on(apart, place, other, *more):
    drained = host_id_in(other.folder / "data/agent")
    apart.scheduler.freehold("host", "drain", drained)
    launched = apart.aws("ec2", "run-instances", "--instance-type", "t3.nano", *more)["Instances"][0]
    apart.scheduler.freehold("host", "undrain", drained)
    wait_until("its host has it", lambda: any(place.folder.rglob(launched["InstanceId"])), PATIENCE)
    return launched["InstanceId"]


def test_guests_reach_each_other_across_hosts_and_without_the_cloud(apart):
    image = apart.scheduler.json("image", "build", "tiny", "--public")["image_id"]
    key = apart.folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    apart.aws("ec2", "import-key-pair", "--key-name", "mine", "--public-key-material", f"fileb://{key}.pub")
    port_22 = ["--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0"]
    apart.aws("ec2", "authorize-security-group-ingress", "--group-name", "default", *port_22)
    # What only the other guest can reach: a group names itself.
    group = apart.aws("ec2", "describe-security-groups", "--group-names", "default")["SecurityGroups"][0]["GroupId"]
    inside = apart.aws("ec2", "create-security-group", "--group-name", "inside", "--description", "of one another")["GroupId"]
    apart.aws("ec2", "authorize-security-group-ingress", "--group-id", inside, "--protocol", "tcp", "--port", "22", "--source-group", group)
    words = ["--image-id", image, "--key-name", "mine"]
    near = launch_on(apart, apart.a, apart.b, *words)
    far = launch_on(apart, apart.b, apart.a, *words, "--security-group-ids", inside)
    ssh = Ssh("ec2-user", until(apart, near, "running")["PublicIpAddress"], key).wait()
    address = until(apart, far, "running")["PrivateIpAddress"]

    def reached():
        return "SSH" in ssh.run(f"nc -w 3 {address} 22 < /dev/null | head -c 3").stdout

    wait_until("the other guest answers", reached, PATIENCE)
    assert "mtu 1450" in ssh("ip link show eth0"), "it heard by DHCP how much gets through"

    # A partition from everything that is no host, and then agents that start again with what they knew.
    for place in (apart.scheduler, apart.images, apart.gateway):
        place.kill()
    assert reached()
    for place in (apart.a, apart.b):
        place.kill()
        assert reached()
        place.start()
        wait_until("it waits for its scheduler", lambda at=place: at.log().count("the node agent starts") == 2, PATIENCE)
        assert reached()
    for place in (apart.scheduler, apart.images, apart.gateway):
        place.start()
    wait_until("the API answers", lambda: apart.aws("sts", "get-caller-identity", check=False).returncode == 0, PATIENCE)
    wait_until("both hosts attend", lambda: [host["connected"] for host in apart.hosts()] == [True, True], PATIENCE)
    assert reached()

    apart.aws("ec2", "revoke-security-group-ingress", "--group-id", inside, "--protocol", "tcp", "--port", "22", "--source-group", group)
    wait_until("the other host has heard", lambda: not reached(), PATIENCE)
    assert ssh.answers(), "this one is still there"
    apart.aws("ec2", "authorize-security-group-ingress", "--group-id", inside, "--protocol", "tcp", "--port", "22", "--source-group", group)
    wait_until("and again", reached, PATIENCE)
    visitors = apart.aws("ec2", "create-security-group", "--group-name", "visitors", "--description", "nothing")["GroupId"]
    apart.aws("ec2", "authorize-security-group-ingress", "--group-id", visitors, *port_22)
    apart.aws("ec2", "modify-instance-attribute", "--instance-id", near, "--groups", visitors)
    wait_until("it has left the group that is let in", lambda: not reached(), PATIENCE)
    assert ssh.answers(), "and is there"
    apart.aws("ec2", "terminate-instances", "--instance-ids", near, far)
    until(apart, near, "terminated")
    until(apart, far, "terminated")
