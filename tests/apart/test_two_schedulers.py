"""Two schedulers on one PostgreSQL: either answers for both, one reconciles, and when one dies the other goes on."""

import json
import signal
import subprocess

import postgres
import pytest
from cloud import wait_until
from conftest import Apart

PATIENCE = 90


@pytest.fixture(scope="module")
def database():
    with postgres.server() as address:
        yield address


@pytest.fixture(scope="module")
def pair(binary, database):
    apart = Apart(database)
    try:
        apart.begin()
        apart.database = database
        yield apart
    finally:
        apart.close()


def rows(pair, query):
    """What the store itself says."""
    done = subprocess.run(["psql", "-AtX", "-c", query, pair.database], capture_output=True, text=True, timeout=60, check=True)
    return [line.split("|") for line in done.stdout.splitlines()]


def attended(pair):
    """By which scheduler each host is attended, by the scheduler's id."""
    return dict(rows(pair, "SELECT host_id, attended_by FROM host WHERE connected ORDER BY host_id"))


def both_attend(pair, of):
    wait_until("both hosts attend", lambda: [h["connected"] for h in pair.hosts(of)] == [True, True], PATIENCE)


def run(pair, count):
    launched = pair.aws("ec2", "run-instances", "--image-id", pair.image, "--instance-type", "t3.nano", "--count", str(count))
    return [i["InstanceId"] for i in launched["Instances"]]


def states(pair, ids):
    found = pair.aws("ec2", "describe-instances", "--instance-ids", *ids)["Reservations"]
    return {i["State"]["Name"] for r in found for i in r["Instances"]}


def until(pair, ids, state):
    wait_until(f"all are {state}", lambda: states(pair, ids) == {state}, PATIENCE)


def answers(pair):
    return pair.aws("sts", "get-caller-identity", check=False).returncode == 0


def restarted(place):
    place.kill()
    place.start()
    wait_until("it answers operators", lambda: place.freehold("account", "ls", check=False).returncode == 0, PATIENCE)


def test_a_scheduler_that_starts_or_stops_beside_another_takes_no_host_from_it(pair):
    one, two = pair.schedulers
    both_attend(pair, two)
    before = attended(pair)
    assert len(set(before.values())) == 1, "both dialled the first address that answered"
    gone = one.log().count("a host has gone")
    restarted(two)
    two.process.terminate()
    assert two.process.wait(timeout=60) == 0
    two.start()
    wait_until("it answers operators", lambda: two.freehold("account", "ls", check=False).returncode == 0, PATIENCE)
    assert attended(pair) == before
    assert one.log().count("a host has gone") == gone
    wait_until("who was killed is buried", lambda: len(rows(pair, "SELECT 1 FROM scheduler")) == 2)
    pair.image = pair.ami()
    ids = run(pair, 4)
    until(pair, ids, "running")
    assert len(set(attended(pair))) == 2


def listed(place):
    return json.loads(place.freehold("status", "--output", "json", check=False).stdout)["schedulers"]


def test_status_lists_them_and_says_which_reconciles_and_which_answers(pair):
    one, two = map(listed, pair.schedulers)
    hosts = attended(pair)
    assert [s["scheduler_id"] for s in one] == [s["scheduler_id"] for s in two], "the longest there first"
    assert {s["scheduler_id"]: s["hosts"] for s in one} == {s["scheduler_id"]: list(hosts.values()).count(s["scheduler_id"]) for s in one}
    leader = rows(pair, "SELECT holder FROM lease WHERE name = 'reconcile'")[0]
    for each in (one, two):
        assert [s["scheduler_id"] for s in each if s["reconciles"]] == leader
        assert sum(s["answers"] for s in each) == 1
    assert [s["answers"] for s in one] != [s["answers"] for s in two]
    shown = pair.schedulers[0].freehold("status", check=False).stdout
    assert "answers here" in shown and "reconciles" in shown


def test_when_one_is_killed_the_other_goes_on(pair):
    one, two = pair.schedulers
    ids = run(pair, 3)
    one.kill()
    wait_until("the API answers", lambda: answers(pair), PATIENCE)
    both_attend(pair, two)
    until(pair, ids, "running")
    ids += run(pair, 2)
    until(pair, ids, "running")
    wait_until("the other one reconciles", lambda: "this scheduler reconciles" in two.log(), PATIENCE)
    pair.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    until(pair, ids, "terminated")
    one.start()
    wait_until("it answers operators", lambda: one.freehold("account", "ls", check=False).returncode == 0, PATIENCE)
    assert [h["connected"] for h in pair.hosts(one)] == [True, True]


def test_one_that_stood_still_is_not_believed_when_it_goes_on(pair):
    one, two = pair.schedulers
    both_attend(pair, two)
    held = attended(pair)
    two.signal(signal.SIGSTOP)
    try:
        wait_until("the other takes its hosts and its work", lambda: set(attended(pair).values()).isdisjoint(held.values()), PATIENCE)
        wait_until("the API answers", lambda: answers(pair), PATIENCE)
        both_attend(pair, one)
        ids = run(pair, 2)
        until(pair, ids, "running")
    finally:
        two.signal(signal.SIGCONT)
    wait_until("it learns of it", lambda: "stood still" in two.log(), PATIENCE)
    both_attend(pair, two)
    pair.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    until(pair, ids, "terminated")


def test_a_host_is_asked_through_the_scheduler_that_it_attends(pair):
    one, two = pair.schedulers
    restarted(two)
    both_attend(pair, one)
    ids = run(pair, 2)
    until(pair, ids, "running")
    # The gateway reaches one of them, the hosts the other.
    pair.gateway.machine.lose(one.machine)
    for host in (pair.a, pair.b):
        host.machine.lose(two.machine)
    try:
        restarted_gateway(pair)
        both_attend(pair, one)
        for id in ids:
            shown = pair.aws("ec2", "get-console-output", "--instance-id", id)
            assert shown["InstanceId"] == id and shown.get("Output"), shown
        ids += run(pair, 2)
        until(pair, ids, "running")
    finally:
        pair.gateway.machine.find(one.machine)
        for host in (pair.a, pair.b):
            host.machine.find(two.machine)
    pair.aws("ec2", "terminate-instances", "--instance-ids", *ids)
    until(pair, ids, "terminated")
    assert rows(pair, "SELECT * FROM console_question") == []


def restarted_gateway(pair):
    pair.gateway.kill()
    pair.gateway.start()
    wait_until("the API answers", lambda: answers(pair), PATIENCE)


def test_a_key_disabled_at_one_scheduler_is_refused_by_the_gateway_of_the_other(pair):
    one, two = pair.schedulers
    key = one.json("account", "key", "create", pair.account["account_id"])
    credentials, config = pair.folder / "aws/credentials", pair.folder / "aws/config"
    credentials.write_text(
        credentials.read_text() + f"\n[second]\naws_access_key_id = {key['access_key_id']}\naws_secret_access_key = {key['secret_access_key']}\n"
    )
    config.write_text(config.read_text() + "\n" + config.read_text().replace("profile apart", "profile second"))

    def ask():
        return pair.aws("--profile", "second", "sts", "get-caller-identity", check=False)

    for scheduler in (one, two, one, two):
        assert ask().returncode == 0
        scheduler.freehold("account", "key", "disable", key["access_key_id"])
        refused = ask()
        assert refused.returncode != 0 and "InvalidClientTokenId" in refused.stderr, refused.stderr
        scheduler.freehold("account", "key", "enable", key["access_key_id"])
