"""Tags by way of the API: what comes with a create, what is set later, what is found by them."""

import uuid

import pytest
from botocore.exceptions import ClientError

AWKWARD = {"Name": "", "name": "<&>\"' é漢🦀", "a/b=c + @:._-": " spaces stay ", "line": "one\ntwo"}


def code_of(failure):
    return failure.value.response["Error"]["Code"]


def as_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_dict(tags):
    return {tag["Key"]: tag["Value"] for tag in tags}


@pytest.fixture
def tagged_key(ec2):
    """A key pair made with awkward tags: cheap, and of no other test."""
    name = f"tagged-{uuid.uuid4()}"
    made = ec2.create_key_pair(
        KeyName=name, KeyType="ed25519", TagSpecifications=[{"ResourceType": "key-pair", "Tags": as_list(AWKWARD)}]
    )
    yield made
    ec2.delete_key_pair(KeyName=name)


def tags_of(ec2, resource_id):
    return as_dict(ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [resource_id]}])["Tags"])


def test_tags_on_create_come_back_as_they_were_sent(ec2, tagged_key):
    assert as_dict(tagged_key["Tags"]) == AWKWARD
    (shown,) = ec2.describe_key_pairs(KeyPairIds=[tagged_key["KeyPairId"]])["KeyPairs"]
    assert as_dict(shown["Tags"]) == AWKWARD
    assert tags_of(ec2, tagged_key["KeyPairId"]) == AWKWARD


def test_tags_are_replaced_and_deleted_by_key_and_by_value(ec2, tagged_key):
    key_id = tagged_key["KeyPairId"]
    ec2.create_tags(Resources=[key_id], Tags=as_list({"Name": "new", "more": "1"}))
    assert tags_of(ec2, key_id) == AWKWARD | {"Name": "new", "more": "1"}
    ec2.delete_tags(Resources=[key_id], Tags=[{"Key": "Name", "Value": "another"}, {"Key": "more", "Value": "1"}, {"Key": "line"}])
    assert tags_of(ec2, key_id) == {key: value for key, value in AWKWARD.items() if key != "line"} | {"Name": "new"}
    ec2.delete_tags(Resources=[key_id])
    assert tags_of(ec2, key_id) == {}


@pytest.mark.parametrize(
    "specification",
    [
        {"ResourceType": "volume", "Tags": as_list({"a": "b"})},
        {"ResourceType": "key-pair", "Tags": as_list({"aws:reserved": "b"})},
        {"ResourceType": "key-pair", "Tags": [{"Key": "twice", "Value": "1"}, {"Key": "twice", "Value": "2"}]},
        {"ResourceType": "key-pair", "Tags": as_list({"k" * 129: ""})},
        {"ResourceType": "key-pair", "Tags": as_list({"k": "é" * 257})},
    ],
)
def test_a_tag_that_can_not_be_leaves_nothing_behind(ec2, specification):
    with pytest.raises(ClientError) as failure:
        ec2.create_key_pair(KeyName="refused", KeyType="ed25519", TagSpecifications=[specification])
    assert code_of(failure) == "InvalidParameterValue"
    assert ec2.describe_key_pairs(Filters=[{"Name": "key-name", "Values": ["refused"]}])["KeyPairs"] == []


def test_the_fifty_first_tag_is_refused(ec2, tagged_key):
    room = 50 - len(AWKWARD)
    ec2.create_tags(Resources=[tagged_key["KeyPairId"]], Tags=as_list({f"k{n}": "" for n in range(room)}))
    with pytest.raises(ClientError) as failure:
        ec2.create_tags(Resources=[tagged_key["KeyPairId"]], Tags=as_list({"one more": ""}))
    assert code_of(failure) == "TagLimitExceeded"
    assert len(tags_of(ec2, tagged_key["KeyPairId"])) == 50


def test_the_paginator_visits_every_tag_once(ec2, tagged_key):
    key_id = tagged_key["KeyPairId"]
    ec2.create_tags(Resources=[key_id], Tags=as_list({f"k{n:02}": str(n) for n in range(20)}))
    pages = ec2.get_paginator("describe_tags").paginate(
        Filters=[{"Name": "resource-id", "Values": [key_id]}], PaginationConfig={"PageSize": 5}
    )
    seen = [tag["Key"] for page in pages for tag in page["Tags"]]
    assert len(seen) == 24 and len(set(seen)) == 24


def test_wildcards_and_escapes_find_what_they_say(ec2, tagged_key):
    ec2.create_tags(Resources=[tagged_key["KeyPairId"]], Tags=as_list({"star": "a*b"}))

    def found(value):
        keys = ec2.describe_key_pairs(Filters=[{"Name": "tag:star", "Values": [value]}])["KeyPairs"]
        return tagged_key["KeyPairId"] in [key["KeyPairId"] for key in keys]

    assert all(map(found, ["a*b", "a?b", "a\\*b", "*", "?*"]))
    assert not any(map(found, ["a\\?b", "A*B", "a", "\\a\\b"]))


def test_another_account_neither_sees_nor_tags(ec2, other_ec2, tagged_key):
    assert tags_of(other_ec2, tagged_key["KeyPairId"]) == {}
    with pytest.raises(ClientError) as failure:
        other_ec2.create_tags(Resources=[tagged_key["KeyPairId"]], Tags=as_list({"a": "b"}))
    assert code_of(failure) == "InvalidKeyPair.NotFound"
