"""Machines for tests: network namespaces, each with one address, joined by a router in the middle. Whoever made them removes them.

    hub ── 10.209.N.1/30 ── veth ── 10.209.N.2/30 ── machine N

One of them may be the machine that the tests run on: real guests want no namespace around them.
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
        ip("netns", "add", self.namespace)
        self.ip("link", "set", "lo", "up")
        self.wire("eth0", "default", "netns", self.namespace)

    def wire(self, end, beyond, *where):
        gateway, at_hub = f"10.209.{self.number}.1", ("-n", self.wires.hub)
        ip("link", "add", f"v{self.number}", "netns", self.wires.hub, "type", "veth", "peer", "name", end, *where)
        ip(*at_hub, "addr", "add", f"{gateway}/30", "dev", f"v{self.number}")
        ip(*at_hub, "link", "set", f"v{self.number}", "up")
        self.ip("addr", "add", f"{self.address}/30", "dev", end)
        self.ip("link", "set", end, "up")
        self.ip("route", "add", beyond, "via", gateway)

    def ip(self, *words):
        return ip("-n", self.namespace, *words)

    def command(self, *words):
        """The command line that runs `words` on this machine."""
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def cut(self):
        """Nothing gets in or out, and nobody is told: packets are lost on the way, as in a partition."""
        ip("-n", self.wires.hub, "link", "set", f"v{self.number}", "down")

    def lose(self, other):
        """Packets to one other machine are lost on the way, nobody is told."""
        ip("-n", self.wires.hub, "rule", "add", "iif", f"v{self.number}", "to", other.address, "blackhole")

    def find(self, other):
        ip("-n", self.wires.hub, "rule", "del", "iif", f"v{self.number}", "to", other.address, "blackhole")

    def mend(self):
        ip("-n", self.wires.hub, "link", "set", f"v{self.number}", "up")

    def close(self):
        ip("netns", "delete", self.namespace, check=False)


class Lasting(Machine):
    """One whose files are this machine's, names of namespaces too: what an agent leaves there the next one finds. (`ip netns exec` makes mounts of
    its own for each process.)"""

    def command(self, *words):
        return ["nsenter", f"--net=/run/netns/{self.namespace}", *map(str, words)]


class Here(Machine):
    """The machine that the tests run on, wired to the others. Its end of the wire goes with the other."""

    def __init__(self, wires, name, number):
        self.wires, self.name, self.number = wires, name, number
        self.address = f"10.209.{number}.2"
        self.wire(f"{PREFIX}{os.getpid()}", "10.209.0.0/16")

    def ip(self, *words):
        return ip(*words)

    def command(self, *words):
        return [*map(str, words)]

    def close(self):
        pass


class Wires:
    def __init__(self):
        self.mark = f"{PREFIX}{os.getpid()}"
        self.hub = f"{self.mark}-hub"
        self.machines = {}
        ip("netns", "add", self.hub)
        ip("-n", self.hub, "link", "set", "lo", "up")
        subprocess.run(["ip", "netns", "exec", self.hub, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True, timeout=30)

    def machine(self, name, kind=Machine):
        self.machines[name] = machine = kind(self, name, len(self.machines) + 1)
        return machine

    def close(self):
        for machine in self.machines.values():
            machine.close()
        ip("netns", "delete", self.hub, check=False)
        left = [line for line in printed("ip", "netns", "list").splitlines() if self.mark in line]
        assert not left, left
