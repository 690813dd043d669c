"""Two guests of one VPC on two hosts, as boots and packets have it: they reach each other, also while no part of the cloud is left."""

import os
import socket
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


class Guests:
    """A guest on each host, of one VPC: `near`, which the tests log into, and `far`, which sends back whatever it is told on port 7000."""

    def __init__(self, apart):
        self.aws = apart.aws
        image = apart.tiny_ami()
        key = apart.folder / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
        self.aws("ec2", "import-key-pair", "--key-name", "mine", "--public-key-material", f"fileb://{key}.pub")
        self.outside = self.aws("ec2", "describe-security-groups", "--group-names", "default")["SecurityGroups"][0]["GroupId"]
        self.authorize(self.outside, 22, "--cidr", "0.0.0.0/0")
        # What only the other guest can reach: its rule names the other's group.
        self.inside = self.aws("ec2", "create-security-group", "--group-name", "inside", "--description", "of one another")["GroupId"]
        self.authorize(self.inside, 22, "--source-group", self.outside)
        words = ["--image-id", image, "--key-name", "mine"]
        near = launch_on(apart, apart.a, apart.b, *words)
        echo = "#!/bin/sh\nnc -ll -p 7000 -e /bin/cat < /dev/null > /dev/null 2>&1 &\n"
        far = launch_on(apart, apart.b, apart.a, *words, "--security-group-ids", self.inside, "--user-data", echo)
        self.near = until(apart, near, "running")
        self.far = until(apart, far, "running")
        self.ssh = Ssh("ec2-user", self.near["PublicIpAddress"], key).wait()

    def authorize(self, group, port, *source):
        self.aws("ec2", "authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", str(port), *source)

    def revoke(self, group, port, *source):
        self.aws("ec2", "revoke-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", str(port), *source)

    def greeted(self, address):
        """True if the SSH server at an address answers a new connection from the near guest."""
        return "SSH" in self.ssh.run(f"nc -w 3 {address} 22 < /dev/null | head -c 3").stdout

    def echoed(self, address):
        """True if what is said in a new connection from the near guest to an address comes back."""
        return self.ssh.run(f"echo hello | timeout 4 nc -w 3 {address} 7000 | head -n 1").stdout == "hello\n"

    def hold(self, name, address):
        """Opens a connection from the near guest that stays."""
        self.ssh(f"mkfifo /tmp/{name}.in; (sleep 3600 > /tmp/{name}.in & nc {address} 7000 < /tmp/{name}.in > /tmp/{name}.out) > /dev/null 2>&1 &")
        assert self.held(name, "first")

    def held(self, name, word):
        """True if a word that is said in such a connection comes back, soon."""
        said = f"echo {word} > /tmp/{name}.in; for n in 1 2 3 4 5 6; do grep -qx {word} /tmp/{name}.out && echo back && break; sleep 1; done"
        return self.ssh.run(said).stdout == "back\n"


@pytest.fixture(scope="module")
def guests(apart):
    return Guests(apart)


def test_guests_reach_each_other_across_hosts(guests):
    wait_until("the other guest answers", lambda: guests.greeted(guests.far["PrivateIpAddress"]), PATIENCE)
    assert "mtu 1450" in guests.ssh("ip link show eth0"), "it heard by DHCP how much gets through"


def test_a_rule_is_what_packets_do_and_an_open_connection_outlives_it(guests):
    address, source = guests.far["PrivateIpAddress"], ["--source-group", guests.outside]
    assert not guests.echoed(address), "no rule names the port"
    guests.authorize(guests.inside, 7000, *source)
    wait_until("the rule lets a connection through", lambda: guests.echoed(address), PATIENCE)
    guests.hold("tracked", address)
    guests.revoke(guests.inside, 7000, *source)
    wait_until("no new connection comes through", lambda: not guests.echoed(address), PATIENCE)
    assert guests.held("tracked", "still"), "what is tracked lasts until it ends"
    # By its address, as a rule that names no group says it.
    block = ["--cidr", f"{guests.near['PrivateIpAddress']}/32"]
    guests.authorize(guests.inside, 7000, *block)
    wait_until("a block lets it through as well", lambda: guests.echoed(address), PATIENCE)
    assert guests.held("tracked", "on")
    guests.revoke(guests.inside, 7000, *block)
    wait_until("nor does it any more", lambda: not guests.echoed(address), PATIENCE)
    assert guests.greeted(address), "the other rule has stayed"


def test_a_subnet_s_denial_stops_an_open_connection_and_both_ways_are_asked(guests):
    # The two are in one subnet, so what crosses its border is what comes from outside.
    subnet = guests.near["SubnetId"]
    acl = guests.aws("ec2", "describe-network-acls", "--filters", f"Name=association.subnet-id,Values={subnet}")["NetworkAcls"][0]["NetworkAclId"]
    entry = ["--network-acl-id", acl, "--rule-number", "50"]
    tcp = ["--protocol", "tcp", "--port-range", "From=7001,To=7001", "--cidr-block", "0.0.0.0/0"]
    guests.authorize(guests.outside, 7001, "--cidr", "0.0.0.0/0")
    guests.ssh("(nc -ll -p 7001 -e /bin/cat < /dev/null > /dev/null 2>&1 &)")

    def answers():
        with socket.socket() as caller:
            caller.settimeout(3)
            try:
                caller.connect((guests.near["PublicIpAddress"], 7001))
                return True
            except OSError:
                return False

    wait_until("the port answers from outside", answers, PATIENCE)
    with socket.create_connection((guests.near["PublicIpAddress"], 7001), timeout=10) as held:
        def back(word):
            held.sendall(word)
            try:
                return held.recv(len(word), socket.MSG_WAITALL) == word
            except OSError:
                return False

        assert back(b"first")
        guests.aws("ec2", "create-network-acl-entry", *entry, "--ingress", "--rule-action", "deny", *tcp)
        wait_until("it is denied", lambda: not answers(), PATIENCE)
        held.settimeout(2)
        assert not back(b"again"), "an ACL keeps no state"
        guests.aws("ec2", "delete-network-acl-entry", "--network-acl-id", acl, "--rule-number", "50", "--ingress")
        wait_until("it answers again", answers, PATIENCE)
    out = ["--protocol", "tcp", "--port-range", "From=1024,To=65535", "--cidr-block", "0.0.0.0/0"]
    guests.aws("ec2", "create-network-acl-entry", *entry, "--egress", "--rule-action", "deny", *out)
    wait_until("what would answer may not leave", lambda: not answers(), PATIENCE)
    guests.aws("ec2", "delete-network-acl-entry", "--network-acl-id", acl, "--rule-number", "50", "--egress")
    wait_until("it answers again", answers, PATIENCE)


def test_an_elastic_address_is_reached_on_the_other_host(guests):
    allocated = guests.aws("ec2", "allocate-address", "--domain", "vpc")
    address = allocated["PublicIp"]
    moved = guests.aws("ec2", "associate-address", "--allocation-id", allocated["AllocationId"], "--instance-id", guests.far["InstanceId"])
    # It comes from the near guest's public address, since it goes to one: its group says nothing here.
    assert not guests.echoed(address)
    guests.authorize(guests.inside, 7000, "--cidr", f"{guests.near['PublicIpAddress']}/32")
    wait_until("the other guest answers at its public address", lambda: guests.echoed(address), PATIENCE)
    assert not guests.echoed(guests.far["PrivateIpAddress"])
    guests.aws("ec2", "disassociate-address", "--association-id", moved["AssociationId"])
    wait_until("nobody answers there", lambda: not guests.echoed(address), PATIENCE)
    guests.aws("ec2", "release-address", "--allocation-id", allocated["AllocationId"])


def test_they_reach_each_other_while_no_part_of_the_cloud_is_left(apart, guests):
    # A partition from everything that is no host, and then agents that start again with what they knew.
    for place in (apart.scheduler, apart.images, apart.gateway):
        place.kill()
    assert guests.greeted(guests.far["PrivateIpAddress"])
    for place in (apart.a, apart.b):
        place.kill()
        assert guests.greeted(guests.far["PrivateIpAddress"])
        place.start()
        wait_until("it waits for its scheduler", lambda at=place: at.log().count("the node agent starts") == 2, PATIENCE)
        assert guests.greeted(guests.far["PrivateIpAddress"])
    for place in (apart.scheduler, apart.images, apart.gateway):
        place.start()
    wait_until("the API answers", lambda: apart.aws("sts", "get-caller-identity", check=False).returncode == 0, PATIENCE)
    wait_until("both hosts attend", lambda: [host["connected"] for host in apart.hosts()] == [True, True], PATIENCE)
    assert guests.greeted(guests.far["PrivateIpAddress"])


def test_who_leaves_a_group_leaves_what_names_it(apart, guests):
    address = guests.far["PrivateIpAddress"]
    visitors = guests.aws("ec2", "create-security-group", "--group-name", "visitors", "--description", "nothing")["GroupId"]
    guests.authorize(visitors, 22, "--cidr", "0.0.0.0/0")
    guests.aws("ec2", "modify-instance-attribute", "--instance-id", guests.near["InstanceId"], "--groups", visitors)
    wait_until("it has left the group that is let in", lambda: not guests.greeted(address), PATIENCE)
    assert guests.ssh.answers(), "and is there"
    ids = [guests.near["InstanceId"], guests.far["InstanceId"]]
    guests.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    for instance_id in ids:
        until(apart, instance_id, "terminated")
