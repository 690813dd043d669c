"""Unmodified clients speak to this cloud's endpoint and to nothing else: every address that they look up or connect to is written down."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Loaded by every Python that starts with this folder on its path, the AWS CLI's included.
RECORDER = """
import os, socket

def _recorded(function, address_of):
    def call(*arguments, **options):
        with open(os.environ["RECORD"], "a") as record:
            record.write(repr(address_of(arguments)) + "\\n")
        return function(*arguments, **options)
    return call

socket.socket.connect = _recorded(socket.socket.connect, lambda a: a[1])
socket.socket.connect_ex = _recorded(socket.socket.connect_ex, lambda a: a[1])
socket.getaddrinfo = _recorded(socket.getaddrinfo, lambda a: (a[0], a[1]))
"""

BOTO3 = """
import boto3
session = boto3.session.Session(profile_name="freehold")
print(session.client("sts").get_caller_identity()["Account"])
ec2 = session.client("ec2")
(made,) = ec2.run_instances(ImageId="{ami}", InstanceType="t3.nano", MinCount=1, MaxCount=1)["Instances"]
ids = [made["InstanceId"]]
ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={{"Delay": 1, "MaxAttempts": 60}})
ec2.terminate_instances(InstanceIds=ids)
ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig={{"Delay": 1, "MaxAttempts": 60}})
"""


@pytest.fixture
def recorded(cloud, tmp_path):
    """Runs a command of this Python's; returns what it printed and the addresses that it asked for."""
    (tmp_path / "sitecustomize.py").write_text(RECORDER)
    record = tmp_path / "record"

    def run(*command):
        record.write_text("")
        environment = cloud.environment | {"PYTHONPATH": str(tmp_path), "RECORD": str(record)}
        done = subprocess.run([*map(str, command)], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), set(record.read_text().splitlines())

    return run


def test_the_aws_cli_connects_to_the_endpoint_alone(cloud, account, recorded):
    aws = Path(sys.executable).parent / "aws"
    for command in (["sts", "get-caller-identity", "--query", "Account"], ["ec2", "describe-instance-types"], ["ec2", "describe-regions"]):
        printed, addresses = recorded(aws, "--output", "text", *command)
        assert printed
        assert addresses == {repr(("127.0.0.1", cloud.port))}


def test_boto3_connects_to_the_endpoint_alone_from_the_first_call_to_the_last(cloud, account, ami, recorded):
    printed, addresses = recorded(sys.executable, "-c", BOTO3.format(ami=ami))
    assert printed == account.account_id
    assert addresses == {repr(("127.0.0.1", cloud.port))}


def test_the_recorder_sees_other_addresses(recorded):
    """The two tests above can fail: a lookup and a connection elsewhere are seen."""
    elsewhere = "import socket\nsocket.getaddrinfo('localhost', 9)\nsocket.socket().connect_ex(('127.0.0.1', 9))"
    _, addresses = recorded(sys.executable, "-c", elsewhere)
    assert addresses == {repr(("localhost", 9)), repr(("127.0.0.1", 9))}
    assert os.environ.get("RECORD") is None
