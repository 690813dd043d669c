"""A planted bug per rule proves that the checker sees it. Each is planted from outside, in a copy of what a sound cloud left behind: a row
is deleted, a disk taken away, an address given twice. The sound cloud itself is found sound, before and after."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import answer_rules
import host_rules
import pytest
import store_rules
from cloud import wait_until
from evidence import Evidence, record, seal, sealed
from parts import Parts
from plan import Step
from suite import Suite

# One client's life: launches of one and two, something stopped, something terminated, tags, keys, rules.
LIFE = [
    Step(0, 1, "run", 1, value=1), Step(0, 2, "run", 2, value=2), Step(0, 3, "run", 3, value=1), Step(0, 4, "create-key", value=4),
    Step(0, 5, "tag", 1, value=0), Step(0, 6, "authorize", value=1030), Step(0, 7, "import-image"), Step(0, 8, "import-key", value=8),
]
LATER = [Step(0, 9, "stop", 2, 1), Step(0, 10, "terminate", 3), Step(0, 11, "delete-key", value=8)]


@dataclass
class Cloud:
    """What is left of a cloud that has been at rest, and what its clients were answered."""

    folder: Path
    hosts: list
    checker: object
    journal: object

    @property
    def database(self):
        return self.folder / "data/scheduler/freehold.db"

    def evidence(self, **changed):
        logs = {path.name: path.read_text(errors="replace") for path in (self.folder / "log").glob("*.log")}
        evidence = Evidence.gather(self.database, self.hosts, self.folder, logs)
        return Evidence(**{**evidence.__dict__, **changed})

    def copy(self, to):
        shutil.copytree(self.folder, to, ignore=shutil.ignore_patterns("*.sock"))
        return Cloud(to, [to / host.relative_to(self.folder) for host in self.hosts], self.checker, self.journal)

    # For those who plant

    def sql(self, *statements):
        with sqlite3.connect(self.database) as database:
            database.execute("PRAGMA foreign_keys = OFF")
            for statement in statements:
                database.execute(statement)
        database.close()

    def twice(self, table):
        """Takes the table's constraints away and doubles a row."""
        self.sql(
            f"CREATE TABLE loose AS SELECT * FROM {table}", f"DROP TABLE {table}", "PRAGMA legacy_alter_table = ON",
            f"ALTER TABLE loose RENAME TO {table}", f"INSERT INTO {table} SELECT * FROM {table} LIMIT 1",
        )

    def one(self, query):
        with sqlite3.connect(self.database) as database:
            (value,) = database.execute(query).fetchone()
        database.close()
        return value

    def instance(self, state="running"):
        return self.one(f"SELECT instance_id FROM instance WHERE state = '{state}' ORDER BY launch_time, instance_id")

    def host_of(self, instance_id):
        (host,) = [host for host in self.hosts if (host / "plan/instances" / instance_id).exists()]
        return host

    def guest(self, instance_id, change):
        path = self.host_of(instance_id) / "simulated/guests" / instance_id
        path.write_bytes(seal(json.dumps(change(record(path))).encode()))


@pytest.fixture(scope="module")
def sound(binary):
    parts = Parts(hosts=2)
    try:
        parts.up()
        suite = Suite(parts, 0, "it has no seed", clients=1)
        for steps in (LIFE, LATER):
            for step in steps:
                suite.workers[0].take(step)
            suite.rest()
        wait_until("the networks of what was terminated are buried", lambda: not suite.gather().rows["tombstone"])
        for name in ["scheduler", *parts.parts]:
            parts.kill(name)
        yield Cloud(parts.folder, list(parts.agents.values()), suite.checker, suite.journal)
    finally:
        left = parts.close()
        assert not left, left


@pytest.fixture
def cloud(sound, tmp_path):
    return sound.copy(tmp_path / "copy")


def test_a_sound_cloud_is_found_sound(sound, cloud):
    assert sound.checker.at_rest(sound.evidence(), pids={}) == []
    assert cloud.checker.at_rest(cloud.evidence(), pids={}) == []


def without_networks(cloud):
    for host in cloud.hosts:
        for path in (host / "plan/vpcs").iterdir():
            path.unlink()


def without_groups(cloud):
    for host in cloud.hosts:
        for path in (host / "plan/security-groups").iterdir():
            path.unlink()


def with_a_rule_less(cloud):
    """A group's plan on one host, cut before the first of its rules."""
    path = next((cloud.host_of(cloud.instance()) / "plan/security-groups").iterdir())
    message = sealed(path)
    # `rules` is field 4, of bytes: that is key 34.
    path.write_bytes(seal(message[: message.index(bytes([34]))]))


def damaged(cloud):
    """A bit of a plan is another than was written."""
    name = cloud.instance()
    path = cloud.host_of(name) / "plan/instances" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def moved(cloud):
    """A guest is on two hosts."""
    name = cloud.instance()
    here = cloud.host_of(name)
    (other,) = [host for host in cloud.hosts if host != here]
    for below in ("plan/instances", "records", "simulated/guests"):
        shutil.copy(here / below / name, other / below / name)


def lost(cloud):
    """An answered launch is in the store no more, and with it all that was its own."""
    name = cloud.instance()
    interface = cloud.one(f"SELECT network_interface_id FROM network_interface_attachment WHERE instance_id = '{name}'")
    volume = cloud.one(f"SELECT volume_id FROM volume_attachment WHERE instance_id = '{name}'")
    cloud.sql(
        f"DELETE FROM instance WHERE instance_id = '{name}'", f"DELETE FROM tag WHERE resource_id = '{name}'",
        f"DELETE FROM network_interface_attachment WHERE instance_id = '{name}'", f"DELETE FROM volume_attachment WHERE instance_id = '{name}'",
        *(f"DELETE FROM {t} WHERE network_interface_id = '{interface}'"
          for t in ("private_address", "public_address", "interface_security_group", "network_interface")),
        f"DELETE FROM volume WHERE volume_id = '{volume}'",
    )


def sql(*statements):
    return lambda cloud: cloud.sql(*statements)


def row_of(column, value, state="running"):
    return lambda cloud: cloud.sql(f"UPDATE instance SET {column} = {value} WHERE instance_id = '{cloud.instance(state)}'")


def doubled(table, **changed):
    """Another row like one that is there, but for what is changed."""

    def plant(cloud):
        row = cloud.evidence().rows[table][0] | changed
        with sqlite3.connect(cloud.database) as database:
            database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", [*row.values()])
        database.close()

    return plant


def twice(table):
    return lambda cloud: cloud.twice(table)


def taken_away(below, state="running"):
    def plant(cloud):
        name = cloud.instance(state)
        (cloud.host_of(name) / below / name).unlink()

    return plant


def interfaceless(cloud):
    cloud.sql(f"DELETE FROM network_interface_attachment WHERE instance_id = '{cloud.instance()}'")


def orphan(cloud):
    cloud.sql(f"DELETE FROM volume_attachment WHERE instance_id = '{cloud.instance('stopped')}'")


def tombstone(kind, id_of):
    def plant(cloud):
        host, account = cloud.one("SELECT host_id FROM instance WHERE state = 'running'"), cloud.one("SELECT account_id FROM account")
        cloud.sql("INSERT INTO tombstone (host_id, kind, id, account_id, generation, created) "
                  f"VALUES ('{host}', '{kind}', '{id_of(cloud)}', '{account}', 1, 0)")

    return plant


def vpc_in_use(cloud):
    return cloud.one(f"SELECT vpc_id FROM instance WHERE host_id = '{cloud.one('SELECT host_id FROM instance WHERE state = ' + repr('running'))}'")


def group_in_use(cloud):
    return cloud.one(f"SELECT group_id FROM security_group WHERE vpc_id = '{vpc_in_use(cloud)}'")


# Rule: what is planted, and a word of the sentence that has to be found.
PLANTED = {
    store_rules.sound: [(sql("DELETE FROM vpc"), "database says")],
    store_rules.owned_once: [
        (twice("private_address"), "private address"), (twice("public_address"), "public address"), (twice("network_interface"), "MAC"),
        (twice("volume_attachment"), "attachment of volume"), (twice("network_interface_attachment"), "attachment of interface"),
        (twice("client_token"), "client token"), (twice("tag"), "tag"), (twice("key_pair"), "key pair"),
    ],
    store_rules.accounts: [(sql("UPDATE tag SET account_id = '999999999999' WHERE key = 'launch'"), "another account's")],
    store_rules.capacity: [
        (sql("UPDATE host SET memory_mib = 1"), "promised"), (sql("UPDATE host SET vcpus = 0"), "promised"),
        (sql("UPDATE host SET disk_mib = 1"), "disk_mib"), (sql("UPDATE instance SET memory_mib = 1048576 WHERE state = 'running'"), "memory_mib"),
        (sql("UPDATE volume SET size_gib = 1048576"), "disk_mib"),
    ],
    store_rules.sums: [
        (sql("UPDATE host SET instances = instances + 1"), " instances"), (sql("UPDATE host SET vcpus_used = vcpus_used - 1"), "vcpus"),
        (sql("UPDATE host SET memory_mib_used = 0"), "memory_mib"), (sql("UPDATE host SET disk_mib_used = disk_mib_used + 1024"), "disk_mib"),
    ],
    store_rules.settled: [
        (row_of("state", "'pending'"), "still pending"), (row_of("desired_power", "'stopped'"), "should be"),
        (row_of("observed_state", "'impaired'"), "its host says"), (row_of("observed_generation", "0"), "its host says"),
    ],
    store_rules.whole: [
        (interfaceless, "interfaces"), (orphan, "root volumes"), (orphan, "belongs to nothing"), (sql("DELETE FROM private_address"), "holds []"),
        (row_of("private_ip_address", "'10.0.0.1'"), "and holds"),
        (doubled("reservation", reservation_id="r-1"), "without instances"), (sql("DELETE FROM instance"), "not there"),
    ],
    store_rules.buried: [
        (tombstone("instance", lambda cloud: cloud.instance("terminated")), "tombstone"), (tombstone("vpc", vpc_in_use), "is to be buried"),
        (tombstone("security-group", group_in_use), "is to be buried"),
    ],
    host_rules.owned_by_the_store: [
        (lost, "does not place there"), (moved, "does not place there"), (moved, "is on"), (taken_away("simulated/guests"), "has no guest"),
        (taken_away("simulated/guests", "stopped"), "has no guest"),
        (taken_away("plan/instances", "stopped"), "has no plan"), (taken_away("records"), "has no record"),
    ],
    host_rules.told: [(row_of("generation", "generation + 1"), "has been told"), (row_of("desired_start_count", "9"), "has been told")],
    host_rules.networks: [
        (without_networks, "does not know"), (without_groups, "does not know"), (with_a_rule_less, "has been told"),
        (sql("UPDATE security_group SET generation = generation + 1"), "has been told"), (sql("UPDATE vpc SET generation = generation + 1"), "has been told"),
    ],
    host_rules.power: [
        (lambda cloud: cloud.guest(cloud.instance(), lambda guest: guest | {"power": "Off"}), "is off"),
        (lambda cloud: cloud.guest(cloud.instance("stopped"), lambda guest: guest | {"power": {"On": {}}}), "is on"),
    ],
    host_rules.attending: [
        (sql("UPDATE host SET connected = 0"), "does not attend"), (sql("UPDATE host SET quarantined = '[\"i-1\"]'"), "quarantine"),
        (sql("UPDATE cluster SET epoch = epoch + 1"), "follows"), (doubled("host", host_id="host-1"), "nobody made"),
    ],
    host_rules.tidy: [(lambda cloud: (cloud.hosts[0] / "plan/instances/i-1.damaged").touch(), "damaged"), (damaged, "its checksum")],
    host_rules.no_panic: [(lambda cloud: (cloud.folder / "log/scheduler.log").write_text("thread 'main' panicked at src/x.rs:1"), "panicked")],
    answer_rules.lost: [(lost, "is lost")],
    answer_rules.instances: [
        (row_of("state", "'stopped'"), "commands lead to"), (row_of("state", "'running'", "stopped"), "commands lead to"),
        (row_of("state", "'running'", "terminated"), "commands lead to"), (row_of("account_id", "'999999999999'"), "belongs to"),
    ],
    answer_rules.launches: [
        (sql("UPDATE tag SET value = 'fault-0-1' WHERE key = 'launch'"), "was answered with"),
        (sql("UPDATE tag SET value = 'fault-9-9' WHERE key = 'launch'"), "nobody asked"),
        (sql("DELETE FROM tag WHERE key = 'launch'"), "is of no launch"),
    ],
    answer_rules.tags: [(sql("UPDATE tag SET value = 'other' WHERE key = 'k0'"), "its owner wrote"), (sql("DELETE FROM tag WHERE key = 'k0'"), "its owner wrote")],
    answer_rules.key_pairs: [
        (sql("DELETE FROM key_pair"), "is lost"), (sql("UPDATE key_pair SET key_name = 'key-0-8'"), "is there"), (sql("UPDATE key_pair SET key_name = 'x'"), "nobody"),
    ],
    answer_rules.rules: [(sql("DELETE FROM security_group_rule"), "is lost"), (sql("UPDATE security_group_rule SET from_port = 1 WHERE from_port = 1030"), "nobody")],
    answer_rules.images: [(sql("DELETE FROM image"), "is lost")],
    answer_rules.History: [
        (sql("UPDATE cluster SET epoch = epoch - 1"), "epoch"), (row_of("generation", "generation - 1"), "generation"),
        (sql("UPDATE security_group SET generation = generation - 1"), "generation"), (row_of("observed_generation", "0", "stopped"), "observed_generation"),
        (row_of("state", "'stopped'", "terminated"), "was terminated"),
        (lambda cloud: cloud.guest(cloud.instance(), lambda guest: guest | {"boots": [1]}), "made anew"),
        (lambda cloud: cloud.guest(cloud.instance("stopped"), lambda guest: guest | {"boots": [1]}), "made anew"),
        (lambda cloud: cloud.guest(cloud.instance(), lambda guest: guest | {"boots": [*guest["boots"], 1]}), "was restarted"),
    ],
}
RULES = [*store_rules.ALWAYS, *store_rules.AT_REST, *host_rules.ALWAYS, *host_rules.AT_REST, *answer_rules.AT_REST, answer_rules.History]
CASES = [pytest.param(rule, plant, word, id=f"{rule.__name__}-{number}") for rule, cases in PLANTED.items() for number, (plant, word) in enumerate(cases)]


def by(rule, cloud):
    evidence = cloud.evidence()
    if rule is answer_rules.History:
        return cloud.checker.history.compare(evidence, cloud.journal)
    return rule(evidence, cloud.journal) if rule in answer_rules.AT_REST else rule(evidence)


@pytest.mark.parametrize(("rule", "plant", "word"), CASES)
def test_a_planted_bug_is_seen(cloud, rule, plant, word):
    assert by(rule, cloud) == []
    plant(cloud)
    assert any(word in sentence for sentence in by(rule, cloud)), by(rule, cloud)
    assert cloud.checker.at_rest(cloud.evidence()) != []


def test_every_rule_has_a_planted_bug():
    elsewhere = {host_rules.no_network}
    assert set(RULES) - set(PLANTED) == elsewhere


def test_a_stray_process_and_a_missing_part_are_seen(sound):
    stray = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(sound.folder)])
    try:
        wait_until("it runs", lambda: stray.pid in sound.evidence().processes)
        assert host_rules.processes(sound.evidence(), {"agent-1": stray.pid}) == []
        (unknown,) = host_rules.processes(sound.evidence(), {})
        assert f"process {stray.pid}" in unknown
        (gone,) = host_rules.processes(sound.evidence(processes={}), {"agent-1": stray.pid})
        assert "is gone" in gone
    finally:
        stray.kill()
        stray.wait(timeout=60)


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace needs root")
def test_a_stray_namespace_is_seen(sound):
    host_id = sound.evidence().hosts[0].host_id
    assert host_rules.no_network(sound.evidence()) == []
    subprocess.run(["ip", "netns", "add", f"planted-{host_id}"], check=True)
    try:
        (found,) = host_rules.no_network(sound.evidence())
        assert host_id in found
    finally:
        subprocess.run(["ip", "netns", "delete", f"planted-{host_id}"], check=True)


def test_what_a_client_saw_is_a_finding(sound):
    sound.journal.find("a client saw something")
    try:
        assert sound.checker.at_rest(sound.evidence()) == ["a client saw something"]
    finally:
        sound.journal.findings.clear()
