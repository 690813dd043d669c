"""Two schedulers whose PostgreSQL is on a third machine, over TCP. One that does not reach it any more is in nobody's way."""

import contextlib

import postgres
import pytest
from cloud import wait_until
from conftest import DATABASE_ADDRESS, Apart

PATIENCE = 90


@pytest.fixture(scope="module")
def pair(binary, tmp_path_factory):
    apart = Apart(f"postgres://freehold@{DATABASE_ADDRESS}/postgres", elsewhere=True)
    with contextlib.ExitStack() as ending:
        ending.callback(apart.close)
        folder = tmp_path_factory.mktemp("postgres")
        for each in (folder, *folder.parents[:2]):
            each.chmod(0o755)
        admits = folder / "pg_hba.conf"
        admits.write_text("local all all trust\nhost all all 10.209.0.0/16 trust\n")
        ending.enter_context(postgres.server(f"-c listen_addresses={DATABASE_ADDRESS} -c hba_file={admits} -c fsync=off"))
        apart.begin()
        yield apart


def connected(scheduler):
    """Whether each host is connected, as a scheduler sees it."""
    return [host["connected"] for host in scheduler.json("host", "ls")]


def answers(pair):
    return pair.aws("ec2", "describe-instances", check=False).returncode == 0


def test_who_can_not_reach_the_store_is_left_by_hosts_and_gateways_and_comes_back(pair):
    one, two = pair.schedulers
    image = pair.ami()
    launch = ["ec2", "run-instances", "--image-id", image, "--instance-type", "t3.nano", "--count", "2"]
    ids = [i["InstanceId"] for i in pair.aws(*launch)["Instances"]]
    for lonely, other in ((one, two), (two, one)):
        lonely.machine.lose(pair.store)
        try:
            wait_until("the other one has both hosts", lambda other=other: connected(other) == [True, True] and answers(pair), PATIENCE)
            wait_until("the gateway asks the other one", lambda: all(answers(pair) for _ in range(3)), PATIENCE)
            ids += [i["InstanceId"] for i in pair.aws(*launch)["Instances"]]
            running = "Name=instance-state-name,Values=running"
            shown = ["ec2", "describe-instances", "--filters", running, "--query", "Reservations[].Instances[].InstanceId"]
            wait_until("all run", lambda shown=shown: sorted(pair.aws(*shown)) == sorted(ids), PATIENCE)
        finally:
            lonely.machine.find(pair.store)
        wait_until("it answers again", lambda lonely=lonely: lonely.freehold("account", "ls", check=False).returncode == 0, 300)
        wait_until("it sees what the other one did", lambda lonely=lonely: connected(lonely) == [True, True], PATIENCE)
