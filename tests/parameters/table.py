"""The table: for each parameter that `proto/actions.toml` calls done, two values and what each of them makes visible.

An entry is a function from (world, value) to what is seen: a part of an answer, a row, an error's code. It is called with two values,
has to see what is expected of each, and these have to differ.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import botocore.session
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
EC2 = botocore.session.get_session().get_service_model("ec2")


@dataclass
class Entry:
    action: str
    path: str
    values: tuple
    expected: tuple | Callable
    see: Callable

    @property
    def name(self):
        return f"{self.action}:{self.path}"


ENTRIES = {}


def parameter(action, path, values, expected=None):
    """Declares an entry. `expected` is what is seen of each value: the values themselves, two others, or a function of (world, value)."""

    def declare(see):
        entry = Entry(action, path, tuple(values), tuple(values) if expected is None else expected, see)
        assert entry.name not in ENTRIES, f"{entry.name} is declared twice"
        assert len(entry.values) == 2 and entry.values[0] != entry.values[1], entry.name
        ENTRIES[entry.name] = entry
        return see

    return declare


def listed(status="served"):
    """The done parameters of actions with a status: {"RunInstances:ImageId"…}."""
    services = tomllib.loads((ROOT / "proto/actions.toml").read_text())
    services.pop("model")
    actions = [action for families in services.values() for family in families.values() for action in family.items()]
    listed = [(name, path) for name, action in actions if action["status"] == status for path in action.get("done", [])]
    return {f"{name}:{path}" for name, above in listed for path in spelled_out(name, above)}


def spelled_out(action, path):
    """`PATH.*` is every parameter below a structure, as AWS's model has it."""
    if not path.endswith(".*"):
        return [path]
    return [parameter.path for parameter in parameters_of(action) if parameter.path.startswith(path[:-1])]


@dataclass
class Parameter:
    """A scalar of a request: its path, its members' names, and its shape in AWS's model."""

    path: str
    members: tuple
    shape: object


def parameters_of(action):
    return list(_below(EC2.operation_model(action).input_shape, "", ()))


def _below(shape, above, members):
    if shape.type_name == "list":
        yield from _below(shape.member, above, members)
    elif shape.type_name == "structure":
        for name, member in shape.members.items():
            sent = member.serialization.get("queryName") or member.serialization.get("name", name)
            yield from _below(member, f"{above}.{sent[0].upper()}{sent[1:]}".lstrip("."), (*members, name))
    else:
        yield Parameter(above, members, shape)


def code_of(call, *arguments, **parameters):
    """The error's code, or "done"."""
    try:
        call(*arguments, **parameters)
        return "done"
    except ClientError as error:
        return error.response["Error"]["Code"]


def without_numbers(name):
    return re.sub(r"\.\d+(?=\.|$)", "", name)


def method_of(action):
    return botocore.xform_name(action)
