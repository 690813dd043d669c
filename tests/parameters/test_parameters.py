"""No parameter is called done that makes no difference.

For each one that `proto/actions.toml` calls done of a served action, the table has two values, and a different row, guest or answer is
seen of each.
"""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import acls, addresses, attributes, endpoints, everywhere, foreign_groups, groups, instance_types, instances, interfaces, ipv6_rules, made_groups, nats, networks, options, peerings, placement, prefix_lists, reservations, resources, routes, templates  # noqa: E401, E402, F401
from made import Made  # noqa: E402
from table import ENTRIES, listed  # noqa: E402

SERVED = listed("served")


@pytest.fixture(scope="module")
def world(cloud):
    world = Made(cloud, cloud.create_account("parameters"))
    yield world
    world.close()


def test_every_parameter_that_is_called_done_has_an_entry():
    missing = sorted(SERVED - ENTRIES.keys())
    assert not missing, f"called done in proto/actions.toml and not in the table of tests/parameters: {missing}"


def test_no_entry_is_of_a_parameter_that_is_not_called_done():
    beyond = sorted(ENTRIES.keys() - SERVED - listed("planned"))
    assert not beyond, f"in the table of tests/parameters and not called done in proto/actions.toml: {beyond}"


@pytest.mark.parametrize("name", sorted(SERVED & ENTRIES.keys()))
def test_two_values_make_a_difference(world, name):
    entry = ENTRIES[name]
    world.sent.clear()
    try:
        seen = [entry.see(world, value) for value in entry.values]
        expected = [entry.expected(world, value) for value in entry.values] if callable(entry.expected) else list(entry.expected)
    finally:
        world.tidy()
    assert seen == expected
    assert seen[0] != seen[1], f"{name} makes no difference"
    assert entry.path in world.sent[entry.action], f"{name} was never sent"
