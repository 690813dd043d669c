"""Random requests and answers of every listed action survive the seam, both ways, as botocore writes and reads them.

    request   values ─▶ botocore's serializer ─▶ our decoder ─▶ protobuf (prost, then Google's) ─▶ the same values
    answer    values ─▶ protobuf (Google's, then prost) ─▶ our encoder ─▶ botocore's parser ─▶ the same values

A failure names its seed; FREEHOLD_SEED repeats a whole run.
"""

import tomllib
import urllib.parse

import botocore.parsers
import botocore.serialize
import pytest

import documents
from conftest import ROOT
from messages import Messages, shuffled, values_of
from model import Values, service_model

ROUNDS = 20

LISTED = [
    (service, action)
    for service, families in tomllib.loads((ROOT / "proto/actions.toml").read_text()).items()
    if service != "model"
    for actions in families.values()
    for action in actions
]


def serialized(model, operation, values):
    """The form that botocore sends, as the gateway reads it."""
    serializer = botocore.serialize.create_serializer(model.metadata["protocol"], include_validation=False)
    body = urllib.parse.urlencode(serializer.serialize_to_request(values, operation)["body"])
    pairs = urllib.parse.parse_qsl(body, keep_blank_values=True, strict_parsing=True)
    return [(name, value) for name, value in pairs if name not in ("Action", "Version")]


def samples(seed, action):
    """One sample with every member, then random ones."""
    for round in range(ROUNDS):
        yield (name := f"{seed}/{action}/{round}"), Values(name, every=round == 0)


@pytest.mark.parametrize(("service", "action"), LISTED)
def test_requests_arrive_as_they_were_meant(seam, messages, seed, service, action):
    model = service_model(service)
    operation = model.operation_model(action)
    method = messages.method(service, action)
    for name, values in samples(seed, action):
        meant = values.of(operation.input_shape, request=True) if operation.input_shape.members else {}
        answer = seam.request(service, action, serialized(model, operation, meant))
        assert isinstance(answer, bytes), f"seed {name}: {answer} for {meant}"
        assert values_of(Messages.parse(method.input_type, answer), operation.input_shape) == meant, f"seed {name}"


@pytest.mark.parametrize(("service", "action"), LISTED)
def test_answers_arrive_as_they_were_meant(seam, messages, seed, service, action):
    model = service_model(service)
    operation = model.operation_model(action)
    method = messages.method(service, action)
    shape = operation.output_shape
    for name, values in samples(seed, action):
        meant = values.of(shape, request=False) if shape else {}
        raw = values.random.choice([True, False])
        message = Messages.build(method.output_type, shape, meant) if shape else None
        document = seam.answer(service, action, shuffled(message, values.random) if shape else b"", raw)
        documents.check(document, model, operation, "a-request-id")
        parser = botocore.parsers.create_parser(model.metadata["protocol"])
        parsed = parser.parse({"body": document.encode(), "headers": {}, "status_code": 200}, shape)
        assert parsed.pop("ResponseMetadata")["RequestId"] == "a-request-id"
        assert without_empty(parsed) == without_empty(meant), f"seed {name}"


def without_empty(value):
    """Protobuf does not tell an empty list from none; our answers always have the list's element, as `documents.check` sees to."""
    if isinstance(value, dict):
        return {name: without_empty(below) for name, below in value.items() if below != []}
    if isinstance(value, list):
        return [without_empty(below) for below in value]
    return value
