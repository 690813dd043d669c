"""What must hold between the store and the hosts, and on the hosts themselves."""

import re

from evidence import fields
from store_rules import alive

PANIC = re.compile(r"panicked at|RUST_BACKTRACE|fatal runtime error")


def by_host(evidence):
    rows = {}
    for row in alive(evidence).values():
        rows.setdefault(row["host_id"], {})[row["instance_id"]] = row
    return [(host, rows.get(host.host_id, {})) for host in evidence.hosts]


def difference(name, what, found, wanted):
    extra = [f"{name} has {what} of {one}, which the store does not place there" for one in sorted(set(found) - set(wanted))]
    return extra + [f"{name} has no {what} of {one}" for one in sorted(set(wanted) - set(found))]


def owned_by_the_store(evidence):
    """On a host is what the store places there: nothing more, nothing less; and nothing is on two."""
    found, seen = [], {}
    for host, rows in by_host(evidence):
        found += difference(host.host_id, "plan", host.plan, rows)
        found += difference(host.host_id, "record", host.records, rows)
        simulated = [name for name, row in rows.items() if row["driver"] == "simulated"]
        found += difference(host.host_id, "guest", host.guests, simulated)
        found += [f"{host.host_id} still has the tombstone of {one}" for one in host.planned["tombstones"]]
        for one in {*host.plan, *host.guests, *host.machines}:
            if one in seen:
                found.append(f"{one} is on {seen[one]} and on {host.host_id}")
            seen[one] = host.host_id
    return found


def told(evidence):
    """A host's plan is what the store says now."""
    found = []
    rows = evidence.rows
    interfaces = {}
    for row in rows["network_interface_attachment"]:
        interfaces.setdefault(row["instance_id"], []).append(row["network_interface_id"])
    volumes = {}
    for row in rows["volume_attachment"]:
        volumes.setdefault(row["instance_id"], []).append(row["volume_id"])
    for host, here in by_host(evidence):
        for name, row in here.items():
            planned = host.plan.get(name)
            if not planned:
                continue
            says = (planned.generation, planned.power, planned.start_count, planned.addresses, sorted(planned.volumes), sorted(planned.interfaces))
            should = (row["generation"], row["desired_power"], row["desired_start_count"], [row["private_ip_address"]],
                      sorted(volumes.get(name, [])), sorted(interfaces.get(name, [])))
            if says != should:
                found.append(f"{host.host_id} has been told {says} of {name}; the store says {should}")
    return found


def networks(evidence):
    """A host knows the VPCs of its instances and their groups as they are: at the newest generation, with each rule."""
    found = []
    for host, rows in by_host(evidence):
        used = {row["vpc_id"] for row in rows.values()}
        for kind, table, key in (("vpcs", "vpc", "vpc_id"), ("security-groups", "security_group", "group_id")):
            for row in evidence.rows[table]:
                if row["vpc_id"] in used:
                    found += knows(evidence, host, kind, row, row[key])
    return found


def knows(evidence, host, kind, row, name):
    planned = host.planned[kind].get(name)
    if planned is None:
        return [f"{host.host_id} does not know {name}, which its instances use"]
    message = fields(planned)
    says, should = [message.get(3, [0])[-1]], [row["generation"]]
    if kind == "security-groups":
        says.append(len(message.get(4, [])))
        should.append(sum(rule["group_id"] == name for rule in evidence.rows["security_group_rule"]))
    return [f"{host.host_id} has been told {says} of {name}; the store says {should}"] if says != should else []


def power(evidence):
    """A guest runs when its instance does. A simulated guest's power stands in its file."""
    found = []
    for host, rows in by_host(evidence):
        for name, guest in host.guests.items():
            state = rows.get(name, {}).get("state")
            on = isinstance(guest["power"], dict)
            if (state == "running") != on and state:
                found.append(f"{name} is {state}; its guest on {host.host_id} is {'on' if on else 'off'}")
    return found


def attending(evidence):
    """Every host has an agent, which follows this cluster, and nothing is in quarantine."""
    rows = {row["host_id"]: row for row in evidence.rows["host"]}
    (cluster,) = evidence.rows["cluster"]
    found = []
    for host in evidence.hosts:
        row = rows.get(host.host_id)
        if not row or not row["connected"]:
            found.append(f"{host.host_id} does not attend")
            continue
        if row["quarantined"] != "[]":
            found.append(f"{host.host_id} has in quarantine: {row['quarantined']}")
        if (host.cluster_id, host.epoch) != (cluster["cluster_id"], cluster["epoch"]):
            found.append(f"{host.host_id} follows {host.cluster_id} at epoch {host.epoch}, not {cluster['cluster_id']} at {cluster['epoch']}")
    known = {host.host_id for host in evidence.hosts}
    return found + [f"the store has {host_id}, which nobody made" for host_id in set(rows) - known]


def tidy(evidence):
    """No file that is damaged, half written or set aside."""
    return [f"{host.host_id} has {odd}" for host in evidence.hosts for odd in host.odd]


def processes(evidence, pids):
    """Each part once, and nobody else."""
    found = [f"nobody knows process {pid}: {words[:160]}" for pid, words in evidence.processes.items() if pid not in pids.values()]
    return found + [f"{part} (process {pid}) is gone" for part, pid in pids.items() if pid not in evidence.processes]


def no_network(evidence):
    """Simulated guests have none."""
    return [f"left on this machine: {line}" for line in evidence.network]


def no_panic(evidence):
    return [f"{log}: {line}" for log, text in evidence.logs.items() for line in text.splitlines() if PANIC.search(line)]


ALWAYS = (no_panic,)
AT_REST = (owned_by_the_store, told, networks, power, attending, tidy, no_network)
