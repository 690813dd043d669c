"""The command line: what `up`, `down`, `status` and the listings promise."""

import configparser
import json
import os
import signal
import socket
import stat
from pathlib import Path


def profile_files(cloud):
    return Path(cloud.environment["AWS_CONFIG_FILE"]), Path(cloud.environment["AWS_SHARED_CREDENTIALS_FILE"])


def test_up_again_changes_nothing_and_says_so(cloud):
    before = {part: cloud.process(part) for part in ("supervisor", "control-plane", "agent")}
    texts = [path.read_text() for path in profile_files(cloud)]
    again = cloud.freehold("up")
    assert "already runs" in again.stderr
    assert {part: cloud.process(part) for part in before} == before
    assert [path.read_text() for path in profile_files(cloud)] == texts


def test_the_profile_is_private_and_complete(cloud):
    config, credentials = (configparser.ConfigParser() for _ in range(2))
    for parser, path in zip((config, credentials), profile_files(cloud), strict=True):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        parser.read(path)
    assert dict(config["profile freehold"]) == {"region": "us-east-1", "endpoint_url": cloud.endpoint_url}
    assert set(credentials["freehold"]) == {"aws_access_key_id", "aws_secret_access_key"}


def test_up_mends_a_lost_profile_and_leaves_others_alone(own_cloud):
    config, credentials = profile_files(own_cloud)
    others = "# kept\n[default]\nregion = eu-west-1\n"
    config.write_text(others)
    credentials.write_text("")
    own_cloud.freehold("up")
    assert config.read_text().startswith(others)
    assert own_cloud.aws("sts", "get-caller-identity")["Account"] == own_cloud.accounts[0].account_id


def test_up_replaces_a_profile_whose_key_this_cloud_does_not_know(own_cloud):
    _, credentials = profile_files(own_cloud)
    credentials.write_text("[freehold]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = of-a-cloud-that-is-gone\n")
    own_cloud.freehold("up")
    assert own_cloud.aws("sts", "get-caller-identity")["Account"] == own_cloud.accounts[0].account_id


def test_status_is_0_when_all_is_well_and_says_what_to_do_when_not(own_cloud):
    well = own_cloud.freehold("status")
    assert "all is well" in well.stdout
    own_cloud.kill("supervisor")
    own_cloud.kill("agent")
    ill = own_cloud.freehold("status", check=False)
    assert ill.returncode == 3
    assert "no agent runs on this host" in ill.stdout and "freehold up" in ill.stdout
    own_cloud.down()
    down = own_cloud.freehold("status", check=False)
    assert down.returncode == 4
    assert "nothing runs here" in down.stdout


def test_status_says_whose_since_when_and_what_to_do_to_scripts_as_well(own_cloud):
    pid = own_cloud.process("agent").pid
    os.kill(pid, signal.SIGSTOP)
    try:
        ill = own_cloud.freehold("--output", "json", "status", check=False)
    finally:
        os.kill(pid, signal.SIGCONT)
    report = json.loads(ill.stdout)
    (stopped,) = [problem for problem in report["problems"] if problem["part"] == "agent"]
    assert ill.returncode == 3 and not stopped["down"]
    assert stopped["remedy"] == f"kill -CONT {pid} lets it go on"
    assert any(f"kill -CONT {pid}" in line for line in report["attention"])
    own_cloud.kill("supervisor")
    own_cloud.kill("control-plane")
    gone = own_cloud.freehold("--output", "json", "status", check=False)
    problems = {problem["part"]: problem for problem in json.loads(gone.stdout)["problems"]}
    assert gone.returncode == 4
    for part in ("API", "scheduler"):
        assert problems[part]["down"] and problems[part]["since"].endswith("Z") and "control-plane.log" in problems[part]["remedy"]


def test_down_ends_every_process_and_up_brings_back_the_same_cloud(own_cloud):
    accounts = own_cloud.json("account", "ls")
    own_cloud.down()
    assert own_cloud.processes() == {}
    assert "nothing ran" in own_cloud.down().stderr
    own_cloud.freehold("up")
    assert own_cloud.json("account", "ls") == accounts
    assert own_cloud.aws("sts", "get-caller-identity")["Account"] == accounts[0]["account_id"]


def test_accounts_and_hosts_are_listed_for_people_and_for_scripts(cloud):
    names = [account["name"] for account in cloud.json("account", "ls")]
    assert names[:2] == ["main", "second"]
    table = cloud.freehold("account", "ls").stdout
    assert table.splitlines()[0].split() == ["ACCOUNT", "NAME", "CREATED"]
    (host,) = cloud.json("host", "ls")
    assert host["connected"] and host["drivers"] == ["simulated/none"] and host["vcpus"] > 0


def test_an_account_id_is_12_digits_and_unique(cloud):
    made = cloud.json("account", "create", "--name", "third", "--account-id", "123456789012")
    assert made["account_id"] == "123456789012"
    for wrong in ("123456789012", "12", "12345678901x"):
        refused = cloud.freehold("account", "create", "--name", "again", "--account-id", wrong, check=False)
        assert refused.returncode == 1 and wrong in refused.stderr


def test_a_wrong_configuration_is_refused_with_its_place(own_cloud):
    own_cloud.config.write_text(own_cloud.config.read_text() + "\n[gateway.limits]\nbody_bites = 1\n")
    refused = own_cloud.freehold("config", check=False)
    assert refused.returncode == 1
    assert "body_bites" in refused.stderr and str(own_cloud.config) in refused.stderr
    own_cloud.config.write_text(own_cloud._config())


def test_up_where_another_process_has_the_address_fails_and_says_so(own_cloud):
    own_cloud.down()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", own_cloud.port))
        other.listen()
        refused = own_cloud.freehold("up", check=False)
    assert refused.returncode == 1
    assert "does not stay up" in refused.stderr
    assert "in use" in refused.stderr


def test_pools_of_public_addresses_are_added_closed_and_removed(cloud):
    pool = lambda *words, check=True: cloud.freehold("net", "pool", *words, check=check)  # noqa: E731
    listed = lambda: {one["cidr_block"]: one for one in cloud.json("net", "pool", "ls")}  # noqa: E731
    (configured,) = listed().values()
    assert (configured["cidr_block"], configured["configured"], configured["closed"]) == ("198.18.0.0/15", True, False)
    wrong = pool("add", "198.18.4.0/24", check=False)
    assert wrong.returncode != 0 and "overlaps with the pool 198.18.0.0/15" in wrong.stderr
    pool("add", "203.0.113.0/28", "--masquerade")
    ec2 = cloud.create_account("pools").client("ec2")
    address = ec2.allocate_address(Address="203.0.113.7")
    assert listed()["203.0.113.0/28"] == {"cidr_block": "203.0.113.0/28", "configured": False, "closed": False, "addresses": 14, "taken": 1, "masquerade": True}
    kept = pool("rm", "203.0.113.0/28", check=False)
    assert kept.returncode != 0 and "203.0.113.7 among them" in kept.stderr
    pool("close", "203.0.113.0/28")
    assert "closed" in pool("ls").stdout
    ec2.release_address(AllocationId=address["AllocationId"])
    pool("rm", "203.0.113.0/28")
    assert list(listed()) == ["198.18.0.0/15"]
