"""What is wrong is refused with AWS's code and a message that names it, before anything is made."""

import base64

import pytest

from signed import Request

ABSENT = "0" * 17
# Resource: action, parameter of its ids, prefix, code for a malformed id, code for an absent one.
IDS = [
    ("DescribeInstances", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("DescribeInstanceStatus", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("StartInstances", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("StopInstances", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("RebootInstances", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("TerminateInstances", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("GetConsoleOutput", "InstanceId", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("DescribeInstanceTopology", "InstanceId.1", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("GetConsoleScreenshot", "InstanceId", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("GetPasswordData", "InstanceId", "i", "InvalidInstanceID.Malformed", "InvalidInstanceID.NotFound"),
    ("DescribeImages", "ImageId.1", "ami", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound"),
    ("DeregisterImage", "ImageId", "ami", "InvalidAMIID.Malformed", "InvalidAMIID.NotFound"),
    ("DescribeVpcs", "VpcId.1", "vpc", "InvalidVpcID.Malformed", "InvalidVpcID.NotFound"),
    ("DescribeSubnets", "SubnetId.1", "subnet", "InvalidSubnetID.Malformed", "InvalidSubnetID.NotFound"),
    ("DescribeSecurityGroups", "GroupId.1", "sg", "InvalidGroupId.Malformed", "InvalidGroup.NotFound"),
    ("DescribeVolumes", "VolumeId.1", "vol", "InvalidVolumeID.Malformed", "InvalidVolume.NotFound"),
    ("DescribeNetworkInterfaces", "NetworkInterfaceId.1", "eni", "InvalidNetworkInterfaceId.Malformed",
     "InvalidNetworkInterfaceID.NotFound"),
]
RUN = {"InstanceType": "t3.micro", "MinCount": "1", "MaxCount": "1"}


def refused(account, action, **parameters):
    answer = Request(account, action, **parameters).sign().send()
    return answer.refused, answer.element("Message")


@pytest.fixture
def run(account, ami):
    """RunInstances with something wrong in it: answers status, code and message."""

    def launch(**parameters):
        wanted = {"ImageId": ami} | RUN | parameters
        return refused(account, "RunInstances", **{name: value for name, value in wanted.items() if value is not None})

    return launch


def everything(ec2):
    """How much this account has of what a launch makes."""
    return [
        sorted(i["InstanceId"] for r in ec2.describe_instances()["Reservations"] for i in r["Instances"]),
        sorted(volume["VolumeId"] for volume in ec2.describe_volumes()["Volumes"]),
        sorted(interface["NetworkInterfaceId"] for interface in ec2.describe_network_interfaces()["NetworkInterfaces"]),
    ]


# The envelope

@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("action", ["Nothing", "describeInstances", "RunInstances ", "../RunInstances", "CreateFleet", "é", "x" * 1000])
def test_an_unknown_action_is_invalid(account, method, action):
    answer = Request(account, action, method=method).sign().send()
    assert answer.refused == (400, "InvalidAction")
    assert "is not valid for this web service" in answer.element("Message")


def test_an_unknown_action_of_sts_is_invalid_in_its_own_words(account):
    answer = Request(account, "Nothing", service="sts").sign().send()
    assert answer.refused == (400, "InvalidAction")
    assert answer.element("Message") == "Could not find operation Nothing for version 2011-06-15"


def test_an_action_of_another_service_is_invalid(account):
    assert Request(account, "GetCallerIdentity", service="ec2").sign().send().refused == (400, "InvalidAction")
    assert Request(account, "DescribeRegions", service="sts").sign().send().refused == (400, "InvalidAction")


@pytest.mark.parametrize(("version", "code"), [("2015-10-01", None), ("2024-01-01", "NoSuchVersion"), ("latest", "NoSuchVersion")])
def test_known_versions_are_answered_and_others_do_not_exist(account, version, code):
    answer = Request(account, "DescribeRegions", Version=version).sign().send()
    if code is None:
        assert answer.status == 200, answer.text
    else:
        assert answer.refused == (400, code)


def test_action_and_version_may_not_be_missing_or_doubled(account):
    def sent(body):
        return Request(account, body=body).sign().send().refused

    def with_form(body):
        request = Request(account, "x", body=body)
        return request.sign().send().refused

    assert with_form(b"Version=2016-11-15") == (400, "MissingAction")
    assert with_form(b"Action=DescribeRegions") == (400, "MissingParameter")
    assert with_form(b"Action=DescribeRegions&Action=RunInstances&Version=2016-11-15") == (400, "MalformedQueryString")
    assert sent(b"") == (400, "MissingAction")


@pytest.mark.parametrize("value", [b"%FF", b"\xff", b"%C3", b"%ED%A0%80", b"%", b"%4", b"%zz"])
def test_what_is_not_utf8_or_not_encoded_is_malformed(account, value):
    body = b"Action=CreateTags&Version=2016-11-15&ResourceId.1=i-" + ABSENT.encode() + b"&Tag.1.Key=a&Tag.1.Value=" + value
    assert Request(account, "x", body=body).sign().send().refused == (400, "MalformedQueryString")
    name = b"Action=CreateTags&Version=2016-11-15&" + value + b"=1"
    assert Request(account, "x", body=name).sign().send().refused == (400, "MalformedQueryString")


def test_control_characters_are_refused_since_no_answer_could_carry_them(account):
    answer, message = refused(account, "DescribeInstances", **{"Filter.1.Name": "tag:a\0b", "Filter.1.Value.1": "x"})
    assert answer == (400, "InvalidParameterValue")
    assert "Filter.1.Name" in message


def test_a_body_of_another_kind_is_refused(account):
    answer = Request(account, body=b'{"Action": "DescribeRegions"}', headers={"Content-Type": "application/json"}).sign().send()
    assert answer.refused == (400, "MalformedQueryString")


def test_a_body_over_a_mebibyte_is_too_large(account):
    body = b"Action=DescribeRegions&Version=2016-11-15&Pad=" + b"x" * (1 << 20)
    assert Request(account, "x", body=body).sign().send().refused == (413, "RequestEntityTooLarge")


# Parameters

@pytest.mark.parametrize("name", [
    "Frob", "InstanceId", "InstanceId.0", "InstanceId.-1", "InstanceId.x", "InstanceId.1.Foo", "Filter.1.Foo", "instanceId.1", "Filter..Name",
    "X-Amz-Expires", "Signature", "n" * 300,
])
def test_an_unknown_parameter_is_named(account, name):
    answer, message = refused(account, "DescribeInstances", **{name: "i-0123456789abcdef0"})
    assert answer == (400, "UnknownParameter")
    assert name[:64] in message


def test_a_parameter_sent_twice_is_refused(account):
    body = f"Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-{ABSENT}&InstanceId.1=i-{ABSENT}"
    assert Request(account, "x", body=body.encode()).sign().send().refused == (400, "MalformedQueryString")


@pytest.mark.parametrize(("action", "missing"), [
    ("RunInstances", "MaxCount"), ("RunInstances", "MinCount"), ("GetConsoleOutput", "InstanceId"), ("DeregisterImage", "ImageId"),
    ("TerminateInstances", "InstanceId"), ("StartInstances", "InstanceId"), ("StopInstances", "InstanceId"), ("CreateKeyPair", "KeyName"),
    ("ImportKeyPair", "KeyName"), ("ImportKeyPair", "PublicKeyMaterial"), ("CreateTags", "ResourceId"), ("CreateTags", "Tag"),
])
def test_a_missing_parameter_is_named(account, action, missing):
    complete = {
        "RunInstances": {"ImageId": f"ami-{ABSENT}"} | RUN,
        "GetConsoleOutput": {},
        "CreateKeyPair": {},
        "ImportKeyPair": {"KeyName": "x", "PublicKeyMaterial": "eA=="},
        "CreateTags": {"ResourceId.1": f"i-{ABSENT}", "Tag.1.Key": "a", "Tag.1.Value": "b"},
    }.get(action, {})
    parameters = {name: value for name, value in complete.items() if name.split(".")[0] != missing}
    answer, message = refused(account, action, **parameters)
    assert answer == (400, "MissingParameter")
    assert missing.lower() in message.lower()


def test_run_instances_needs_an_image(run):
    answer, message = run(ImageId=None)
    assert answer == (400, "MissingParameter")
    assert "ImageId" in message


@pytest.mark.parametrize(("parameter", "value"), [
    ("MinCount", "0"), ("MinCount", "-1"), ("MinCount", "one"), ("MinCount", "1.5"), ("MinCount", "99999999999"), ("MinCount", "2"),
    ("MaxCount", "0"), ("InstanceInitiatedShutdownBehavior", "explode"), ("DryRun", "perhaps"), ("InstanceType", "t3.colossal"),
    ("BlockDeviceMapping.1.Ebs.VolumeSize", "many"),
])
def test_a_value_that_can_not_be_is_refused_and_named(run, parameter, value):
    answer, message = run(**{parameter: value})
    assert answer == (400, "InvalidParameterValue")
    assert value in message or parameter.split(".")[-1].lower() in message.lower(), message


@pytest.mark.parametrize(("parameter", "value"), [
    ("HibernationOptions.Configured", "true"), ("InstanceMarketOptions.MarketType", "spot"), ("KernelId", "aki-0123456789abcdef0"),
    ("Placement.HostId", "h-1"), ("IamInstanceProfile.Name", "role"),
    ("EbsOptimized", "true"), ("Placement.Tenancy", "dedicated"),
])
def test_a_parameter_that_is_not_done_is_refused_by_name(run, parameter, value):
    answer, message = run(**{parameter: value})
    assert answer == (400, "UnsupportedOperation")
    assert parameter in message


def test_a_filter_that_is_not_there_is_named(account):
    answer, message = refused(account, "DescribeInstances", **{"Filter.1.Name": "no-such-filter", "Filter.1.Value.1": "x"})
    assert answer == (400, "InvalidParameterValue")
    assert "no-such-filter" in message


@pytest.mark.parametrize(("action", "parameter", "prefix", "malformed", "absent"), IDS, ids=[row[0] for row in IDS])
def test_malformed_and_absent_ids_are_told_apart(account, action, parameter, prefix, malformed, absent):
    for text in (f"{prefix}-xyz", f"{prefix}-0123", "nonsense", f"{prefix}-{'g' * 17}", f"{prefix}-{ABSENT}0", f"{prefix}_{ABSENT}"):
        answer, message = refused(account, action, **{parameter: text})
        assert answer == (400, malformed), text
        assert text in message
    answer, message = refused(account, action, **{parameter: f"{prefix}-{ABSENT}"})
    assert answer == (400, absent)
    assert f"{prefix}-{ABSENT}" in message


@pytest.mark.parametrize(("action", "parameter"), [
    ("DescribeInstances", "InstanceId.{}"), ("TerminateInstances", "InstanceId.{}"), ("DescribeImages", "ImageId.{}"),
    ("DescribeInstances", "Filter.{}.Name"), ("DescribeInstances", "Filter.1.Value.{}"), ("CreateTags", "Tag.{}.Key"),
])
def test_a_list_of_ten_thousand_is_refused(account, action, parameter):
    sent = {parameter.format(at): f"i-{at:017x}" for at in range(1, 10_001)}
    answer, message = refused(account, action, **sent)
    assert answer == (400, "InvalidParameterValue"), message
    assert parameter.split(".")[0] in message


@pytest.mark.parametrize("token", ["nonsense", "AAAA", "x" * 5000])
def test_a_token_that_was_never_given_is_invalid(account, token):
    answer, _ = refused(account, "DescribeInstances", NextToken=token)
    assert answer == (400, "InvalidNextToken")


# User data

def encoded(size):
    return base64.b64encode(b"x" * size).decode()


def test_user_data_may_have_16_kib_and_no_byte_more(run):
    fits, message = run(UserData=encoded(16384), DryRun="true")
    assert fits == (412, "DryRunOperation"), message
    over, message = run(UserData=encoded(16385), DryRun="true")
    assert over == (400, "InvalidParameterValue")
    assert "16384" in message


def test_user_data_that_is_not_base64_is_refused(run):
    answer, message = run(UserData="#!/bin/sh")
    assert answer[0] == 400 and answer[1] in ("InvalidUserData.Malformed", "InvalidParameterValue")
    assert "base64" in message.lower()


# Nothing is left

def test_nothing_is_made_by_what_is_refused(ec2, run):
    before = everything(ec2)
    for parameters in (
        {"ImageId": f"ami-{ABSENT}"}, {"KeyName": "nobodys"}, {"SubnetId": f"subnet-{ABSENT}"}, {"SecurityGroupId.1": f"sg-{ABSENT}"},
        {"UserData": encoded(16385)}, {"InstanceType": "t3.colossal"}, {"MinCount": "5", "MaxCount": "3"},
        {"TagSpecification.1.ResourceType": "instance", "TagSpecification.1.Tag.1.Key": "aws:mine", "TagSpecification.1.Tag.1.Value": "x"},
        {"MinCount": "100000", "MaxCount": "100000"}, {"PrivateIpAddress": "10.255.255.255"}, {"Frob": "1"}, {"DryRun": "true"},
    ):
        answer, message = run(**parameters)
        assert answer[0] in (400, 412), (parameters, answer, message)
    assert everything(ec2) == before
