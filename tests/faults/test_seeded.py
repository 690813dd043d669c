"""Slices of the fault suite: random work and random faults on every part, the same for the same seed, judged by the independent checker."""

import pytest
from parts import Parts
from plan import kills, mixed
from suite import Suite, announce
from supervised import Supervised

CLIENTS = 4
REPLAY = "FREEHOLD_FAULT_SEED={seed} target/test-python/bin/python -m pytest tests/faults/test_seeded.py -k '{test}'"


@pytest.fixture
def parts(binary):
    parts = Parts(hosts=2)
    try:
        yield parts.up()
    finally:
        left = parts.close()
        assert not left, left


def test_the_same_seed_gives_the_same_plan():
    def plan(seed):
        return list(mixed(seed, 50, CLIENTS, ["gateway", "scheduler", "agent-1"], ["hosts-1"])), kills(seed, 200, CLIENTS, ["scheduler", "agent-1"], 20)

    assert plan(7) == plan(7)
    assert plan(7) != plan(8)
    assert sum(len(one.faults) for one in plan(7)[1]) == 40


def run(parts, seed, plan, test):
    replay = REPLAY.format(seed=seed, test=test)
    announce(seed, replay)
    suite = Suite(parts, seed, replay, CLIENTS)
    suite.run(plan)
    print(suite.summary())


def test_everything_that_can_go_wrong(parts, seed):
    run(parts, seed, mixed(seed, 60, CLIENTS, sorted(parts.parts), sorted(parts.lines)), "everything")


def test_kills_of_what_a_supervisor_keeps(binary, seed):
    cloud = Supervised()
    try:
        run(cloud.up(), seed, kills(seed, 80, CLIENTS, sorted(cloud.parts), 10), "supervisor")
    finally:
        left = cloud.close()
    assert not left, left


def test_kills(parts, seed):
    run(parts, seed, kills(seed, 320, CLIENTS, sorted(parts.parts), 30), "test_kills and not supervisor")
