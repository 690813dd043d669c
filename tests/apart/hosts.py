"""Machines for tests: network namespaces, each with one address, joined by a router in the middle. Whoever made them removes them.

    hub ── 10.209.N.1/30 ── veth ── 10.209.N.2/30 ── machine N
"""

import os
import subprocess

from cloud import printed

PREFIX = "fhap"


def ip(*words, check=True):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, timeout=30)
    assert not check or done.returncode == 0, f"ip {' '.join(map(str, words))}: {done.stderr}"
    return done


class Machine:
    def __init__(self, wires, name, number):
        self.wires, self.name, self.number = wires, name, number
        self.address = f"10.209.{number}.2"
        self.namespace = f"{wires.mark}-{name}"

    def command(self, *words):
        """The command line that runs `words` on this machine."""
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def cut(self):
        """Nothing gets in or out, and nobody is told: packets are lost on the way, as in a partition."""
        ip("-n", self.wires.hub, "link", "set", f"v{self.number}", "down")

    def lose(self, other):
        """Packets to one other machine are lost, nobody is told."""
        ip("-n", self.namespace, "route", "add", "blackhole", f"{other.address}/32")

    def find(self, other):
        ip("-n", self.namespace, "route", "del", "blackhole", f"{other.address}/32")

    def mend(self):
        ip("-n", self.wires.hub, "link", "set", f"v{self.number}", "up")


class Wires:
    def __init__(self):
        self.mark = f"{PREFIX}{os.getpid()}"
        self.hub = f"{self.mark}-hub"
        self.machines = {}
        ip("netns", "add", self.hub)
        ip("-n", self.hub, "link", "set", "lo", "up")
        subprocess.run(["ip", "netns", "exec", self.hub, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True, timeout=30)

    def machine(self, name):
        number = len(self.machines) + 1
        machine = Machine(self, name, number)
        ip("netns", "add", machine.namespace)
        self.machines[name] = machine
        ip("-n", machine.namespace, "link", "set", "lo", "up")
        ip("link", "add", f"v{number}", "netns", self.hub, "type", "veth", "peer", "name", "eth0", "netns", machine.namespace)
        ip("-n", self.hub, "addr", "add", f"10.209.{number}.1/30", "dev", f"v{number}")
        ip("-n", self.hub, "link", "set", f"v{number}", "up")
        ip("-n", machine.namespace, "addr", "add", f"{machine.address}/30", "dev", "eth0")
        ip("-n", machine.namespace, "link", "set", "eth0", "up")
        ip("-n", machine.namespace, "route", "add", "default", "via", f"10.209.{number}.1")
        return machine

    def close(self):
        for namespace in [machine.namespace for machine in self.machines.values()] + [self.hub]:
            ip("netns", "delete", namespace, check=False)
        left = [line for line in printed("ip", "netns", "list").splitlines() if self.mark in line]
        assert not left, left
