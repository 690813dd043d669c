"""Planted bugs around one real guest: what the checker sees of processes, monitors, disks and taps. The agent is dead meanwhile, so that
nobody mends them."""

import os
import shutil
import signal
import subprocess

import pytest
from cloud import wait_until
from machines import Machines, RealParts, RealSuite, guests_are_as_the_store_says, untouched
from plan import Step

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="guests need root, for their network")
# Works in the guest's folder under a hypervisor's name.
DOUBLE = ["bash", "-c", "exec -a qemu-system-of-the-test sleep 600"]


class World:
    """A cloud at rest with one running guest, and no agent."""

    def __init__(self, parts):
        self.suite = suite = RealSuite(parts, 0, "it has no seed", clients=1)
        suite.workers[0].take(Step(0, 1, "run", 1, value=1))
        suite.rest()
        parts.kill("agent-1")
        self.evidence = suite.gather()
        self.folder = parts.state_folder("agent-1") / "qemu"
        (self.name,) = [row["instance_id"] for row in self.evidence.rows["instance"]]
        (self.disk,) = (self.folder / "volumes").glob("*/disk.qcow2")

    def look(self):
        return Machines(self.folder.parent, self.evidence.hosts[0].host_id)

    def found(self):
        return guests_are_as_the_store_says(self.evidence, self.look())


@pytest.fixture(scope="module")
def world(binary):
    parts = RealParts()
    try:
        yield World(parts.up())
    finally:
        left = parts.close()
        assert not left, left


def test_a_guest_that_is_as_it_should_be_is_found_so(world):
    assert world.found() == []
    machines = world.look()
    assert machines.status == {world.name: "running"}
    assert len(machines.taps) == 1


def test_a_tap_of_nobody_is_seen(world):
    (namespace,) = world.look().namespaces
    subprocess.run(["ip", "-n", namespace, "tuntap", "add", "tapplanted", "mode", "tap"], check=True)
    assert any("tapplanted" in sentence for sentence in world.found())
    subprocess.run(["ip", "-n", namespace, "link", "delete", "tapplanted"], check=True)
    assert world.found() == []


def test_a_tap_that_is_not_there_is_seen(world):
    (namespace,) = world.look().namespaces
    (tap,) = world.look().taps
    subprocess.run(["ip", "-n", namespace, "link", "set", tap, "name", "kept0"], check=True)
    try:
        assert any(f"has no {tap}" in sentence for sentence in world.found())
    finally:
        subprocess.run(["ip", "-n", namespace, "link", "set", "kept0", "name", tap, "up"], check=True)
    assert world.found() == []


def test_a_filter_that_is_not_as_the_store_says_is_seen(world):
    (namespace,) = world.look().namespaces
    nft = ["ip", "netns", "exec", namespace, "nft"]
    kept = subprocess.run([*nft, "list", "ruleset"], check=True, capture_output=True, text=True).stdout
    (group,) = {row["group_id"] for row in world.evidence.rows["interface_security_group"]}
    try:
        subprocess.run([*nft, "flush", "chain", "inet", "freehold", f"{group}_in"], check=True)
        assert any("filters by" in sentence for sentence in world.found())
        subprocess.run([*nft, "flush", "ruleset"], check=True)
        assert any("filters by" in sentence for sentence in world.found())
    finally:
        subprocess.run([*nft, "-f", "-"], input="flush ruleset\n" + kept, check=True, text=True)
    assert world.found() == []


def test_a_namespace_of_nobody_is_seen(world):
    stray = f"freehold-{world.evidence.hosts[0].host_id}-vpc-0"
    subprocess.run(["ip", "netns", "add", stray], check=True)
    try:
        assert any(stray in sentence for sentence in world.found())
    finally:
        subprocess.run(["ip", "netns", "delete", stray], check=True)


def test_a_disk_that_was_taken_away_or_made_anew_is_seen(world):
    before, kept = world.look(), world.disk.with_suffix(".kept")
    world.disk.rename(kept)
    assert any("has no disk" in sentence for sentence in world.found())
    shutil.copy(kept, world.disk)
    assert any("made anew" in sentence for sentence in untouched(before, world.look(), world.suite.journal, set()))
    kept.rename(world.disk)
    assert world.found() == []
    assert untouched(before, world.look(), world.suite.journal, set()) == []


def test_a_folder_of_nobody_is_seen(world):
    stray = world.folder / "guests/i-00000000000000000"
    stray.mkdir()
    assert any(stray.name in sentence for sentence in world.found())
    stray.rmdir()


def test_a_guest_that_runs_twice_is_seen(world):
    double = subprocess.Popen(DOUBLE, cwd=world.folder / "guests" / world.name)
    try:
        wait_until("it runs twice", lambda: any("2 times" in sentence for sentence in world.found()))
    finally:
        double.kill()
        double.wait(timeout=60)


def test_a_guest_that_stands_still_and_one_that_was_restarted_are_seen(world):
    before = world.look()
    (pid,) = before.processes[world.name]
    os.kill(pid, signal.SIGSTOP)
    assert any("its monitor says None" in sentence for sentence in world.found())
    os.kill(pid, signal.SIGKILL)
    wait_until("it is gone", lambda: not world.look().processes)
    assert any("has no process" in sentence for sentence in world.found())
    owned = world.suite.journal.instances[world.name]
    assert not owned.touched
    assert any("was restarted" in sentence for sentence in untouched(before, world.look(), world.suite.journal, {world.name}))
