"""What an operator's instruments show: metrics at doors of their own, one line per request, one id from the client's answer to the host's log."""

import json
import re
import socket
import urllib.request

import pytest
import yaml
from cloud import ROOT, Cloud, free_port, wait_until


class Observed(Cloud):
    """Metrics of the control plane at a port, the agent's at a Unix socket, the audit log in a file."""

    def _config(self):
        self.metrics_port = free_port()
        lines = []
        for line in super()._config().splitlines():
            lines.append(line)
            if line == "[gateway]":
                lines.append(f'metrics = "127.0.0.1:{self.metrics_port}"')
            if line == "[agent]":
                lines.append(f'metrics = "{self.folder}/run/agent-metrics.sock"')
        return "\n".join(lines) + f"""
[scheduler]
metrics = "127.0.0.1:{self.metrics_port}"
audit = "{self.folder}/log/audit.log"

[image_store]
metrics = "127.0.0.1:{self.metrics_port}"
"""

    def metrics(self):
        """Of all parts, by name and labels as they stand."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20) as answer:
            assert answer.headers["content-type"].startswith("application/openmetrics-text")
            text = answer.read().decode()
        return samples(text) | samples(self.agents_metrics())

    def agents_metrics(self):
        with socket.socket(socket.AF_UNIX) as stream:
            stream.settimeout(20)
            stream.connect(str(self.folder / "run/agent-metrics.sock"))
            stream.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            whole = b"".join(iter(lambda: stream.recv(65536), b""))
        head, _, body = whole.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        return body.decode()


def samples(text):
    assert text.endswith("# EOF\n")
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))}


@pytest.fixture(scope="module")
def observed():
    cloud = Observed()
    try:
        cloud.up()
        yield cloud
    finally:
        left = cloud.close()
    assert not left, left


@pytest.fixture(scope="module")
def instance(observed):
    """One that runs, and the request that launched it."""
    ec2 = observed.accounts[0].client()
    answer = ec2.run_instances(ImageId=observed.ami(), InstanceType="t3.micro", MinCount=1, MaxCount=1)
    instance_id = answer["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return instance_id, answer["ResponseMetadata"]["RequestId"]


def test_every_part_shows_what_it_counts(observed, instance):
    found = observed.metrics()
    for name, least in {
        'freehold_gateway_request_seconds_count{action="RunInstances",code="ok"}': 1,
        'freehold_gateway_day_key_lookups_total{outcome="found"}': 1,
        "freehold_gateway_connections_limit": 1024,
        'freehold_scheduler_action_seconds_count{action="RunInstances",code="ok"}': 1,
        'freehold_scheduler_instances{state="running"}': 1,
        'freehold_scheduler_hosts{state="connected"}': 1,
        'freehold_scheduler_store_transaction_seconds_count{end="committed"}': 1,
        'freehold_scheduler_work_last_success_timestamp_seconds{work="reap-terminated"}': 1,
        'freehold_image_store_blocks_received_total{block="new"}': 1,
        "freehold_image_store_free_bytes": 1,
        "freehold_agent_attending": 1,
        'freehold_agent_guests{state="running"}': 1,
        'freehold_agent_start_seconds_count{end="started"}': 1,
        "process_resident_memory_bytes": 1 << 20,
    }.items():
        assert found.get(name, -1) >= least, f"{name}: {found.get(name)}"


def test_an_action_that_nobody_knows_makes_no_label(observed):
    client = observed.accounts[0].client()
    with pytest.raises(client.exceptions.ClientError, match="InvalidAction"):
        client.describe_fleets()
    found = observed.metrics()
    assert not any("DescribeFleets" in name for name in found)
    assert found['freehold_gateway_request_seconds_count{action="none",code="InvalidAction"}'] >= 1


def test_every_alert_is_about_metrics_that_exist_and_says_what_to_do(observed, instance):
    rules = yaml.safe_load((ROOT / "deploy/monitoring/alerts.yml").read_text())["groups"][0]["rules"]
    assert len(rules) >= 5
    shown = {name.split("{")[0] for name in observed.metrics()} | {"up"}
    for rule in rules:
        names = set(re.findall(r"\b(?:freehold_\w+|up)\b", rule["expr"]))
        assert names and names <= shown, f"{rule['alert']}: {names - shown}"
        assert rule["annotations"]["runbook"].endswith(".") and rule["labels"]["severity"] in ("page", "ticket")


def test_one_id_leads_from_the_clients_answer_to_the_hosts_log(observed, instance):
    instance_id, request_id = instance
    lines = lambda part: [line for line in (observed.folder / f"log/{part}.log").read_text().splitlines() if request_id in line]
    (answered,) = [line for line in lines("control-plane") if " answered" in line]
    for part in ("RunInstances", observed.accounts[0].account_id, "status=200", "source=127.0.0.1:", "principal="):
        assert part in answered, answered
    assert wait_until("the agent has logged what it did", lambda: [line for line in lines("agent") if instance_id in line])


def test_the_audit_log_is_followed_through_a_rotation(observed):
    audit = observed.folder / "log/audit.log"
    client = observed.accounts[0].client()
    first = client.describe_regions()["ResponseMetadata"]["RequestId"]
    moved = audit.with_suffix(".log.1")
    audit.rename(moved)
    second = client.describe_regions()["ResponseMetadata"]["RequestId"]
    ids = lambda path: [json.loads(line)["request_id"] for line in path.read_text().splitlines()]
    assert first in ids(moved) and ids(audit) == [second]
    assert audit.stat().st_mode & 0o777 == 0o600
