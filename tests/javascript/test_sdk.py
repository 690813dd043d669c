"""The AWS SDK for JavaScript: a second parser, which turns every member of an answer into its type and forgives less than botocore's."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import botocore.session
import pytest

HERE = Path(__file__).resolve().parent
MODEL = botocore.session.get_session().get_service_model("ec2")
JAVASCRIPT = {"string": "string", "integer": "number", "long": "number", "double": "number", "float": "number", "boolean": "boolean", "timestamp": "Date"}


@pytest.fixture(scope="module")
def sdk():
    """A folder with the SDK as the registry has it, in the versions of package-lock.json."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("NOT RUN: node and npm are not installed")
    folder = HERE.parents[1] / "target/javascript"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", "scenario.mjs"):
        shutil.copy(HERE / name, folder)
    done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip("NOT RUN: the SDK can not be had: " + " ".join(done.stderr.split())[-300:])
    return folder


@pytest.fixture(scope="module")
def seen(sdk, cloud):
    account = cloud.create_account("javascript")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    own = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url, "AWS_ACCESS_KEY_ID": account.access_key_id, "AWS_SECRET_ACCESS_KEY": account.secret_access_key,
        "IMAGE": cloud.ami(),
    }
    done = subprocess.run(["node", "scenario.mjs"], cwd=sdk, env=kept | own, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout) | {"account": account}


def expected(action, path):
    """The type that the service's model gives a path of an answer: `.Reservations[].Instances[].InstanceId`."""
    shape = MODEL.operation_model(action).output_shape
    for step in path.lstrip(".").split("."):
        name = step.rstrip("[]")
        shape = shape.members[name]
        for _ in range(step.count("[]")):
            shape = shape.member
    return JAVASCRIPT[shape.type_name] if shape.type_name != "blob" else "object"


def test_every_member_has_its_type(seen):
    assert len(seen["shapes"]) > 45
    wrong = {
        f"{action}{path}": found
        for action, types in seen["shapes"].items() for path, found in types.items() if found != expected(action, path)
    }
    assert wrong == {}


def test_pages_waiters_and_awkward_tags_work(seen):
    assert seen["identity"]["Account"] == seen["account"].account_id
    assert seen["key"] and seen["types"] > 20 and seen["paged"] == 1
    assert seen["offered"] > 20 and seen["required"] > 5
    assert {"Key": "<&>", "Value": "é 漢 \"'"} in seen["tags"]


def test_launch_templates_give_back_what_they_were_given(seen):
    assert seen["template"] == [2.5, "2026-12-31T00:00:00.000Z", ["sg-1"]]
    assert (seen["templates"], seen["versions"], seen["named"]) == (1, 2, True)
    assert seen["deleted"] == [[2, "unexpectedError"], [9, "launchTemplateVersionDoesNotExist"]]


def test_refusals_are_the_sdks_own_exceptions(seen):
    codes = {name: (fault["name"], fault["status"]) for name, fault in seen["faults"].items()}
    assert codes == {
        "absent": ("InvalidInstanceID.NotFound", 400), "dry": ("DryRunOperation", 412), "token": ("IdempotentParameterMismatch", 400),
        "filter": ("InvalidParameterValue", 400), "undone": ("UnsupportedOperation", 400),
        "version": ("InvalidLaunchTemplateId.VersionNotFound", 400), "group": ("InvalidPlacementGroup.Unknown", 400),
        "inhabited": ("InvalidPlacementGroup.InUse", 400), "type": ("InvalidInstanceType", 400),
    }
    assert all(fault["fault"] and fault["requestId"] for fault in seen["faults"].values())
