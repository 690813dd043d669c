"""Real guests under the fault suite: a few tiny ones on QEMU, and what the checker sees of them: processes, monitors, disks, namespaces, taps.

A monitor speaks to one client at a time, so it is asked while the agent is dead: guests go on without it, which is looked at too.
"""

import json
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import host_rules
from cloud import BINARY, SIMULATED_CAPACITY, printed
from parts import Parts
from suite import Suite


class RealParts(Parts):
    """One agent whose guests are real, on the machine's own disk."""

    def __init__(self):
        super().__init__(hosts=1)

    def _disk(self, folder):
        folder.mkdir(parents=True, exist_ok=True)

    def _agent(self, number, run, settings):
        super()._agent(number, run, settings)
        part = self.parts[f"agent-{number}"]
        config = part.config.read_text().replace('["simulated"]', '["qemu"]').replace(SIMULATED_CAPACITY, "")
        part.config.write_text(config.replace("stop_timeout_seconds = 3", "stop_timeout_seconds = 10"))

    def up(self):
        self.folder.chmod(0o711)
        super().up()
        self.ami = self.cloud.json("image", "build", "tiny", "--public", seconds=300)["image_id"]
        return self

    def close(self):
        """Guests too, and their network."""
        for name in list(self.agents):
            self.kill(name)
            subprocess.run(
                [BINARY, "--config", self.parts[name].config, "down", "--guests"], env=self.cloud.environment, check=False,
                stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
            )
        return super().close()


def processes_in(folder):
    """QEMU processes that work in a guest's folder or below: by the folder's name."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            cwd = os.readlink(entry / "cwd")
        except OSError:
            continue
        if "qemu-system" in words and cwd.startswith(f"{folder}/"):
            found.setdefault(Path(cwd).relative_to(folder).parts[0], []).append(int(entry.name))
    return found


def monitor(path):
    """What a guest's own monitor says it is; None where nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        try:
            connection.connect(str(path))
            stream = connection.makefile("rw")
            stream.readline()
            for command in ("qmp_capabilities", "query-status"):
                stream.write(json.dumps({"execute": command}) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(stream.readline())
            return answer["return"]["status"]
        except (OSError, ValueError, KeyError):
            return None


class Filters:
    """What stands of a host in nftables and among the namespaces."""

    def __init__(self, host_id):
        self.namespaces = sorted(set(re.findall(rf"freehold-{host_id}-\S+", printed("ip", "netns", "list"))))
        self.filters = {name: filters_in(name) for name in self.namespaces}
        self.own_table = f"table inet freehold-{host_id}" in printed("nft", "list", "tables")


class Machines(Filters):
    """One look at a host's real guests. Its agent must be dead meanwhile."""

    def __init__(self, state_folder, host_id):
        folder = Path(state_folder) / "qemu"
        self.folders = sorted(path.name for path in (folder / "guests").iterdir()) if (folder / "guests").is_dir() else []
        self.processes = processes_in(folder / "guests")
        self.status = {name: monitor(folder / "guests" / name / "inside/qmp.sock") for name in self.processes}
        # A disk that is made anew is another file.
        self.disks = {disk.parent.name: disk.stat().st_ino for disk in (folder / "volumes").glob("*/disk.qcow2")}
        super().__init__(host_id)
        self.taps = [tap for name in self.namespaces for tap in re.findall(r"^(tap\w+)", printed("ip", "-n", name, "-brief", "link"), re.MULTILINE)]


def filters_in(namespace):
    """How many rules each chain of a namespace has."""
    listed = json.loads(printed("ip", "netns", "exec", namespace, "nft", "-j", "list", "ruleset"))["nftables"]
    chains = {one["chain"]["name"]: 0 for one in listed if "chain" in one}
    for one in listed:
        if "rule" in one:
            chains[one["rule"]["chain"]] += 1
    return chains


def guests_are_as_the_store_says(evidence, machines):
    """One process per running instance, which its monitor calls running; a disk per volume; a tap per interface of what is there."""
    rows = {row["instance_id"]: row for row in evidence.rows["instance"] if row["state"] != "terminated"}
    running = {name for name, row in rows.items() if row["state"] == "running"}
    found = host_rules.difference("the host", "process", machines.processes, running)
    found += [f"{name} runs {len(pids)} times: {pids}" for name, pids in machines.processes.items() if len(pids) > 1]
    found += [f"{name} runs and its monitor says {status}" for name, status in machines.status.items() if status != "running"]
    volumes = {row["volume_id"] for row in evidence.rows["volume_attachment"]}
    found += host_rules.difference("the host", "disk", machines.disks, volumes)
    found += [f"the host has a folder of {name}" for name in set(machines.folders) - set(rows)]
    interfaces = {row["network_interface_id"] for row in evidence.rows["network_interface_attachment"]}
    taps = {f"tap{interface.rsplit('-')[-1][-12:]}" for interface in interfaces}
    found += [f"the host has {tap}, which is no interface's" for tap in set(machines.taps) - taps]
    found += [f"the host has no {tap}" for tap in taps - set(machines.taps)]
    return found + filters_are_as_the_store_says(evidence, machines)


def filters_are_as_the_store_says(evidence, machines):
    """A namespace per VPC in use; in it chains of each interface and of each of its groups, with each of the group's rules."""
    rows = evidence.rows
    (host,) = evidence.hosts
    attached = {row["network_interface_id"] for row in rows["network_interface_attachment"]}
    vpcs = {row["network_interface_id"]: row["vpc_id"] for row in rows["network_interface"] if row["network_interface_id"] in attached}
    wanted = {f"freehold-{host.host_id}-{vpc}": {} for vpc in vpcs.values()}
    for interface, vpc in vpcs.items():
        chains = wanted[f"freehold-{host.host_id}-{vpc}"]
        groups = [row["group_id"] for row in rows["interface_security_group"] if row["network_interface_id"] == interface]
        for direction, egress in (("in", False), ("out", True)):
            # A jump to what each group has open to all, one to all of its rules, and a drop.
            chains[f"{interface}_{direction}"] = 2 * len(groups) + 1
            for group in groups:
                rules = [r for r in rows["security_group_rule"] if r["group_id"] == group and bool(r["is_egress"]) == egress]
                chains[f"{group}_{direction}"] = len(rules)
                # Once for TCP and once for UDP, as far as it lets either through.
                to_all = [r["ip_protocol"] for r in rules if r["cidr_ipv4"] == "0.0.0.0/0"]
                chains[f"{group}_{direction}_open"] = sum(2 if protocol == "-1" else protocol in ("tcp", "udp") for protocol in to_all)
    found = host_rules.difference("the host", "namespace", machines.filters, wanted)
    for namespace in set(wanted) & set(machines.filters):
        held = {name: count for name, count in machines.filters[namespace].items() if name.endswith(("_in", "_out", "_open"))}
        if held != wanted[namespace]:
            found.append(f"{namespace} filters by {held}; the store says {wanted[namespace]}")
    return found + ([] if machines.own_table or not wanted else ["the host has no table of its own"])


def untouched(before, after, journal, ran):
    """No disk was made anew, and no guest that nobody touched was restarted."""
    found = [f"the disk of {volume} was made anew" for volume, number in before.disks.items() if after.disks.get(volume, number) != number]
    for name in ran:
        owned = journal.instances.get(name)
        if owned and not owned.touched and before.processes.get(name) != after.processes.get(name):
            found.append(f"the guest of {name} was restarted and nobody asked for it: {before.processes.get(name)}, {after.processes.get(name)}")
    return found


class RealSuite(Suite):
    """Looks at the guests themselves whenever all is at rest: while every part is dead, so that they must live without any."""

    STRETCH = 4
    # What a host tells its instances' guests takes longer where they are emulated.
    REST_SECONDS = 300

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.before = None

    def gather(self):
        evidence = super().gather()
        # Guests have networks and processes here, which are looked at more closely below.
        evidence.network = []
        evidence.processes = {pid: words for pid, words in evidence.processes.items() if "qemu-system" not in words}
        return evidence

    def look_closer(self, evidence):
        # The data plane follows the plan that the evidence is of.
        deadline = time.monotonic() + self.REST_SECONDS
        host = evidence.hosts[0]
        while filters_are_as_the_store_says(evidence, Filters(host.host_id)) and time.monotonic() < deadline:
            time.sleep(0.2)
        for name in self.parts.parts:
            self.parts.kill(name)
        machines = Machines(host.folder, host.host_id)
        found = guests_are_as_the_store_says(evidence, machines)
        found += untouched(self.before, machines, self.journal, self.checker.history.running) if self.before else []
        self.before = machines
        self.parts.heal()
        return found
