"""What must hold among the rows of the store, whatever the indexes enforce: each rule counts for itself."""

import ipaddress
from collections import Counter, defaultdict

SETTLED = {"running", "stopped", "terminated"}
OVERCOMMIT = {"vcpus": 8.0, "memory_mib": 1.0, "disk_mib": 4.0}


def doubles(what, keys):
    return [f"{what} {key} is there {count} times" for key, count in Counter(keys).items() if count > 1]


def by(rows, column):
    found = defaultdict(list)
    for row in rows:
        found[row[column]].append(row)
    return found


def sound(evidence):
    return [f"the database says of itself: {line}" for line in evidence.integrity]


def owned_once(evidence):
    """No address, MAC, volume, attachment, device name, token or default twice."""
    rows = evidence.rows
    return [
        *doubles("private address", ((r["subnet_id"], r["address"]) for r in rows["private_address"])),
        *doubles("public address", (r["address"] for r in rows["public_address"])),
        *doubles("interface with a public address", (r["network_interface_id"] for r in rows["public_address"])),
        *doubles("MAC address", (r["mac_address"] for r in rows["network_interface"])),
        *doubles("attachment of interface", (r["network_interface_id"] for r in rows["network_interface_attachment"])),
        *doubles("device index", ((r["instance_id"], r["device_index"]) for r in rows["network_interface_attachment"])),
        *doubles("attachment of volume", (r["volume_id"] for r in rows["volume_attachment"])),
        *doubles("device name", ((r["instance_id"], r["device_name"]) for r in rows["volume_attachment"])),
        *doubles("client token", ((r["account_id"], r["action"], r["token"]) for r in rows["client_token"])),
        *doubles("tag", ((r["account_id"], r["resource_id"], r["key"]) for r in rows["tag"])),
        *doubles("key pair", ((r["account_id"], r["key_name"]) for r in rows["key_pair"])),
        *doubles("network number", (r["vni"] for r in rows["vpc"])),
        *doubles("default VPC", (r["account_id"] for r in rows["vpc"] if r["is_default"])),
        *doubles("launch index", ((r["reservation_id"], r["ami_launch_index"]) for r in rows["instance"])),
    ]


def alive(evidence):
    return {r["instance_id"]: r for r in evidence.rows["instance"] if r["state"] != "terminated"}


def settled(evidence):
    """At rest: every instance is what it should be, and its host has said so."""
    found = []
    for row in evidence.rows["instance"]:
        name, state = row["instance_id"], row["state"]
        if state not in SETTLED:
            found.append(f"{name} is still {state} ({row['observed_fault_code']} {row['observed_fault_message']})")
        elif state != "terminated":
            if row["desired_power"] != state:
                found.append(f"{name} is {state} and should be {row['desired_power']}")
            if (row["observed_state"], row["observed_generation"]) != (state, row["generation"]):
                found.append(f"{name} is {state} at generation {row['generation']}; its host says {row['observed_state']} at {row['observed_generation']}")
    return found


def whole(evidence):
    """An instance that is there has its interface, address and root volume; what is there has an instance that is."""
    rows, there = evidence.rows, alive(evidence)
    interfaces = by(rows["network_interface_attachment"], "instance_id")
    roots = by([r for r in rows["volume_attachment"] if r["is_root"]], "instance_id")
    addresses = by(rows["private_address"], "network_interface_id")
    subnets = {r["subnet_id"]: ipaddress.ip_network(r["cidr_block"]) for r in rows["subnet"]}
    found = []
    for name, row in there.items():
        if len(roots[name]) != 1:
            found.append(f"{name} has {len(roots[name])} root volumes")
        if [a["device_index"] for a in interfaces[name]] != [0]:
            found.append(f"{name} has {len(interfaces[name])} interfaces")
            continue
        held = [a["address"] for a in addresses[interfaces[name][0]["network_interface_id"]] if a["is_primary"]]
        if held != [row["private_ip_address"]]:
            found.append(f"{name} is at {row['private_ip_address']} and holds {held}")
        elif ipaddress.ip_address(held[0]) not in subnets[row["subnet_id"]]:
            found.append(f"{name} is at {held[0]}, which is not in its subnet")
    return found + without_owner(evidence, there)


def without_owner(evidence, there):
    rows = evidence.rows
    attached = {r["network_interface_id"] for r in rows["network_interface_attachment"]}
    interfaces = {r["network_interface_id"] for r in rows["network_interface"]}
    volumes = {r["volume_id"] for r in rows["volume"]}
    groups = {r["group_id"] for r in rows["security_group"]}
    attached_volumes = {r["volume_id"] for r in rows["volume_attachment"]}
    found = [f"interface {i} belongs to nothing" for i in interfaces - attached]
    found += [f"volume {v} belongs to nothing" for v in volumes - attached_volumes]
    for table in ("network_interface_attachment", "volume_attachment"):
        found += [f"{table} of {r['instance_id']}, which is not there" for r in rows[table] if r["instance_id"] not in there]
    for table in ("private_address", "public_address", "interface_security_group"):
        found += [f"{table} of {r['network_interface_id']}, which is not there" for r in rows[table] if r["network_interface_id"] not in interfaces]
    found += [f"attachment of volume {v}, which is not there" for v in attached_volumes - volumes]
    found += [f"rule of group {r['group_id']}, which is not there" for r in rows["security_group_rule"] if r["group_id"] not in groups]
    known = interfaces | volumes | groups | {r["instance_id"] for r in rows["instance"]} | {
        r[column] for table, column in (("image", "image_id"), ("snapshot", "snapshot_id"), ("vpc", "vpc_id"), ("subnet", "subnet_id"), ("key_pair", "key_pair_id"))
        for r in rows[table]}
    found += [f"tag of {r['resource_id']}, which is not there" for r in rows["tag"] if r["resource_id"] not in known]
    reservations = {r["reservation_id"] for r in rows["instance"]}
    return found + [f"reservation {r['reservation_id']} without instances" for r in rows["reservation"] if r["reservation_id"] not in reservations]


def accounts(evidence):
    """What is owned together is owned by the same account."""
    rows = evidence.rows
    owner = {r["instance_id"]: r["account_id"] for r in rows["instance"]}
    found = []
    for table in ("network_interface_attachment", "volume_attachment"):
        found += [f"{table} of {r['instance_id']} is another account's" for r in rows[table] if owner.get(r["instance_id"], r["account_id"]) != r["account_id"]]
    return found + [f"tag of {r['resource_id']} is another account's" for r in rows["tag"] if owner.get(r["resource_id"], r["account_id"]) != r["account_id"]]


def buried(evidence):
    """At rest no order to destroy an instance stands, and none for a network that is in use."""
    used = {(r["host_id"], r["vpc_id"]) for r in alive(evidence).values()}
    vpcs = {r["group_id"]: r["vpc_id"] for r in evidence.rows["security_group"]}
    found = []
    for row in evidence.rows["tombstone"]:
        if row["kind"] == "instance":
            found.append(f"the tombstone of {row['id']} stands")
        elif (row["host_id"], vpcs.get(row["id"], row["id"])) in used:
            found.append(f"{row['id']} is to be buried at {row['host_id']}, where an instance uses it")
    return found


def taken(rows, host_id):
    """What a host's instances and volumes add up to."""
    here = [r for r in rows["instance"] if r["host_id"] == host_id and r["state"] != "terminated"]
    # A stopped guest that is terminated is still off.
    awake = [r for r in here if "stopped" not in (r["state"], r["ended_from"])]
    disks = [r["size_gib"] * 1024 for r in rows["volume"] if r["host_id"] == host_id]
    return {"instances": len(here), "disk_mib": sum(disks), **{what: sum(r[what] for r in awake) for what in ("vcpus", "memory_mib")}}


def free(rows, host):
    """What of a host is promised to nobody."""
    held = taken(rows, host["host_id"])
    return {what: host[what] * factor - held[what] for what, factor in OVERCOMMIT.items()}


def capacity(evidence):
    """No host is promised to more than fits."""
    return [f"{host['host_id']} has {host[what]} {what}, of which {-left} too many are promised"
            for host in evidence.rows["host"] for what, left in free(evidence.rows, host).items() if left < 0]


def sums(evidence):
    """A host's own row says what its instances and volumes add up to."""
    found = []
    for host in evidence.rows["host"]:
        for what, value in taken(evidence.rows, host["host_id"]).items():
            kept = host[what if what == "instances" else f"{what}_used"]
            if kept != value:
                found.append(f"the row of {host['host_id']} says {kept} {what}, and they add up to {value}")
    return found


ALWAYS = (sound, owned_once, accounts, capacity, sums)
AT_REST = (settled, whole, buried)
