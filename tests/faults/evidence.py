"""What is, read without any of the product's views: rows from the database's file, messages and records from the hosts' files, /proc, ip, nft.

Nothing here decides whether what is there should be.
"""

import json
import os
import sqlite3
import struct
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3
from cloud import network_lines

# A sealed file: format word, BLAKE3 of the payload, payload.
SEAL, SEAL_BYTES = b"FHA1", 36
TABLES = (
    "cluster account host tombstone snapshot image vpc subnet security_group security_group_rule network_interface private_address public_address "
    "interface_security_group key_pair reservation instance network_interface_attachment volume volume_attachment tag client_token"
).split()


class Damaged(Exception):
    pass


def sealed(path):
    """A sealed file's payload; None where there is no file (any more)."""
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    if text[:4] != SEAL or len(text) < SEAL_BYTES:
        raise Damaged(f"{path} is not a sealed file")
    payload = text[SEAL_BYTES:]
    if blake3(payload).digest() != text[4:SEAL_BYTES]:
        raise Damaged(f"{path} is damaged: its checksum is another's")
    return payload


def seal(payload):
    """A sealed file of this."""
    return SEAL + blake3(payload).digest() + payload


def record(path):
    payload = sealed(path)
    return None if payload is None else json.loads(payload)


def fields(message):
    """A protobuf message's values by field number, in order: numbers, and bytes of what has a length."""
    found, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        kind = key & 7
        if kind == 0:
            value = number()
        elif kind == 2:
            length = number()
            value, at = message[at : at + length], at + length
        else:
            width = {1: 8, 5: 4}[kind]
            value, at = struct.unpack("<Q" if width == 8 else "<I", message[at : at + width])[0], at + width
        found.setdefault(key >> 3, []).append(value)
    return found


def text(message, number):
    return message.get(number, [b""])[-1].decode()


@dataclass
class Planned:
    """An InstanceDesired in a host's plan."""

    instance_id: str
    generation: int
    power: str
    start_count: int
    volumes: list
    interfaces: list
    addresses: list

    @classmethod
    def read(cls, payload):
        message = fields(payload)
        interfaces = [fields(one) for one in message.get(21, [])]
        return cls(
            text(message, 1), message.get(3, [0])[-1], {1: "running", 2: "stopped"}.get(message.get(4, [0])[-1], "unknown"), message.get(7, [0])[-1],
            [text(fields(one), 1) for one in message.get(20, [])], [text(one, 1) for one in interfaces],
            [text(one, 6) for one in interfaces],
        )


@dataclass
class Host:
    """A host's state folder."""

    folder: Path
    host_id: str = ""
    cluster_id: str = ""
    epoch: int = 0
    plan: dict = field(default_factory=dict)
    # Everything else by kind of file: "vpcs", "security-groups", "tombstones".
    planned: dict = field(default_factory=dict)
    records: dict = field(default_factory=dict)
    guests: dict = field(default_factory=dict)
    # Per guest of QEMU's: its folder's files with the number of each, its process, what its monitor says.
    machines: dict = field(default_factory=dict)
    # Set aside, half written or not readable.
    odd: list = field(default_factory=list)

    @classmethod
    def read(cls, folder):
        host = cls(Path(folder))
        identity = record(host.folder / "host")
        if identity:
            host.host_id, host.cluster_id, host.epoch = identity["host_id"], identity["cluster_id"], identity["epoch"]
        for payload in host._files("plan/instances", sealed).values():
            planned = Planned.read(payload)
            host.plan[planned.instance_id] = planned
        for kind in ("vpcs", "security-groups", "tombstones"):
            host.planned[kind] = host._files(f"plan/{kind}", sealed)
        host.records = host._files("records", record)
        host.guests = host._files("simulated/guests", record)
        return host

    def _files(self, below, read):
        found = {}
        folder = self.folder / below
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix:
                self.odd.append(f"{below}/{path.name}")
                continue
            try:
                content = read(path)
            except (Damaged, ValueError, IndexError) as error:
                self.odd.append(f"{below}/{path.name}: {error}")
                continue
            if content is not None:
                found[path.name] = content
        return found


@dataclass
class Evidence:
    """One look at everything."""

    rows: dict
    integrity: list
    hosts: list
    # pid: command line, of every process that names the cloud's folder.
    processes: dict
    # Namespaces, links, tables and routes on this machine that name one of the hosts.
    network: list
    logs: dict

    @classmethod
    def gather(cls, database, hosts, folder, logs=None):
        rows, integrity = read_database(database)
        hosts = [Host.read(host) for host in hosts]
        marks = [host.host_id for host in hosts if host.host_id]
        network = [line for line in network_lines() if any(mark in line for mark in marks)]
        return cls(rows, integrity, hosts, processes_of(folder), network, logs or {})


def read_database(path):
    """Every table in one transaction, and what SQLite itself finds wrong."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10, isolation_level=None)
    try:
        database.row_factory = sqlite3.Row
        database.execute("BEGIN")
        rows = {table: [dict(row) for row in database.execute(f"SELECT * FROM {table}")] for table in TABLES}
        return rows, [*own_checks(database)]
    finally:
        database.close()


def own_checks(database):
    try:
        yield from (f"a foreign key of {row[0]} leads nowhere" for row in database.execute("PRAGMA foreign_key_check"))
        yield from (row[0] for row in database.execute("PRAGMA integrity_check") if row[0] != "ok")
    except sqlite3.DatabaseError as error:
        yield str(error)


def processes_of(folder):
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(str(folder) in word for word in words) and int(entry.name) != os.getpid():
            found[int(entry.name)] = " ".join(words).strip()
    return found
