"""Launch templates as boto3 sees them: versions, defaults, what a launch takes of one, and what is refused."""

import base64

import pytest
from botocore.exceptions import ClientError

QUICK = {"Delay": 1, "MaxAttempts": 60}
SCRIPT = base64.b64encode(b"#!/bin/sh\n").decode()


@pytest.fixture
def template(ec2):
    """Makes launch templates, which go with the test."""
    made = []

    def make(name, data, **parameters):
        answer = ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data, **parameters)["LaunchTemplate"]
        made.append(answer["LaunchTemplateId"])
        return answer

    yield make
    there = {one["LaunchTemplateId"] for one in ec2.describe_launch_templates()["LaunchTemplates"]}
    for template_id in there & set(made):
        ec2.delete_launch_template(LaunchTemplateId=template_id)


def refused(call, **parameters):
    with pytest.raises(ClientError) as failure:
        call(**parameters)
    error = failure.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def tags(instance):
    return {tag["Key"]: tag["Value"] for tag in instance["Tags"]}


# What RunInstances does and what it does not, lists of structures, empty texts.
DATA = {
    "ImageId": "ami-00000000000000000", "InstanceType": "t3.micro", "KernelId": "aki-1", "EbsOptimized": False, "KeyName": "",
    "IamInstanceProfile": {"Name": "web"}, "UserData": SCRIPT, "DisableApiStop": True, "SecurityGroupIds": ["sg-2", "sg-1"],
    "BlockDeviceMappings": [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 9, "VolumeType": "gp3", "Encrypted": False, "Throughput": 125}},
        {"DeviceName": "/dev/sdf", "NoDevice": ""},
    ],
    "NetworkInterfaces": [{"DeviceIndex": 0, "Groups": ["sg-1"], "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": "10.0.0.4"}]}],
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "a/b", "Value": "é < &"}]}, {"ResourceType": "volume", "Tags": [{"Key": "b", "Value": ""}]}],
    "InstanceMarketOptions": {"MarketType": "spot", "SpotOptions": {"MaxPrice": "0.05"}},
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
    "Placement": {"AvailabilityZone": "us-east-1a", "GroupName": "g"},
    "CpuOptions": {"CoreCount": 1, "ThreadsPerCore": 2},
}


def everything_but_empty(value):
    """Of an answer: without the lists that have nothing, which are written too."""
    if isinstance(value, dict):
        return {name: everything_but_empty(below) for name, below in value.items() if below != []}
    return [everything_but_empty(one) for one in value] if isinstance(value, list) else value


def test_a_template_gives_back_what_it_was_given_whether_or_not_it_can_be_launched(ec2, template):
    made = template("echo", DATA, VersionDescription="first")
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateName="echo")["LaunchTemplateVersions"]
    assert everything_but_empty(version.pop("LaunchTemplateData")) == DATA
    assert version == {
        "LaunchTemplateId": made["LaunchTemplateId"], "LaunchTemplateName": "echo", "VersionNumber": 1, "VersionDescription": "first",
        "CreateTime": made["CreateTime"], "CreatedBy": made["CreatedBy"], "DefaultVersion": True,
    }
    assert made["CreatedBy"].endswith(":root") and made["LaunchTemplateId"].startswith("lt-")
    status, code, message = refused(ec2.run_instances, LaunchTemplate={"LaunchTemplateName": "echo"}, MinCount=1, MaxCount=1)
    assert (status, code) == (400, "UnsupportedOperation") and "of version 1 of the launch template" in message


def test_the_life_of_versions(ec2, template):
    of = {"LaunchTemplateId": template("life", {"ImageId": "ami-1", "KeyName": "me"})["LaunchTemplateId"]}
    second = ec2.create_launch_template_version(SourceVersion="1", LaunchTemplateData={"ImageId": "ami-2"}, **of)["LaunchTemplateVersion"]
    assert everything_but_empty(second["LaunchTemplateData"]) == {"ImageId": "ami-2", "KeyName": "me"}
    ec2.create_launch_template_version(LaunchTemplateData={"ImageId": "ami-3"}, **of)
    changed = ec2.modify_launch_template(DefaultVersion="2", **of)["LaunchTemplate"]
    assert (changed["DefaultVersionNumber"], changed["LatestVersionNumber"]) == (2, 3)
    pages = ec2.get_paginator("describe_launch_template_versions").paginate(**of, PaginationConfig={"PageSize": 2})
    assert [(v["VersionNumber"], v["DefaultVersion"]) for page in pages for v in page["LaunchTemplateVersions"]] == [(3, False), (2, True), (1, False)]
    answer = ec2.delete_launch_template_versions(Versions=["1", "2", "9"], **of)
    name = {"LaunchTemplateName": "life"}
    assert answer["SuccessfullyDeletedLaunchTemplateVersions"] == [of | name | {"VersionNumber": 1}]
    errors = {one["VersionNumber"]: one["ResponseError"]["Code"] for one in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]}
    assert errors == {2: "unexpectedError", 9: "launchTemplateVersionDoesNotExist"}
    assert refused(ec2.describe_launch_template_versions, Versions=["1"], **of) == (
        400, "InvalidLaunchTemplateId.VersionNotFound",
        f"Could not find the specified version 1 for the launch template with ID {of['LaunchTemplateId']}.",
    )
    latest = ec2.describe_launch_template_versions(Versions=["$Latest", "$Default"])["LaunchTemplateVersions"]
    assert [v["VersionNumber"] for v in latest if v["LaunchTemplateName"] == "life"] == [3, 2]


def test_a_template_that_is_not_there_has_codes_by_id_and_by_name(ec2, other_ec2, template):
    theirs = template("theirs", {"ImageId": "ami-1"})["LaunchTemplateId"]
    for template_id in (theirs, "lt-00000000000000000"):
        assert refused(other_ec2.describe_launch_templates, LaunchTemplateIds=[template_id])[:2] == (400, "InvalidLaunchTemplateId.NotFound")
        answer = other_ec2.delete_launch_template_versions(LaunchTemplateId=template_id, Versions=["1"])
        (error,) = answer["UnsuccessfullyDeletedLaunchTemplateVersions"]
        assert (error["LaunchTemplateId"], error["ResponseError"]["Code"]) == (template_id, "launchTemplateIdDoesNotExist")
    assert refused(other_ec2.delete_launch_template, LaunchTemplateName="theirs")[1] == "InvalidLaunchTemplateName.NotFoundException"
    assert refused(ec2.delete_launch_template, LaunchTemplateId="lt-1")[1] == "InvalidLaunchTemplateId.Malformed"
    assert refused(ec2.create_launch_template, LaunchTemplateName="a b", LaunchTemplateData={"KeyName": "me"})[1] == "InvalidLaunchTemplateName.MalformedException"
    assert refused(ec2.create_launch_template, LaunchTemplateName="theirs", LaunchTemplateData={"KeyName": "me"})[1] == (
        "InvalidLaunchTemplateName.AlreadyExistsException"
    )
    assert refused(ec2.create_launch_template, LaunchTemplateName="none", LaunchTemplateData={})[1] == "MissingParameter"
    assert refused(ec2.describe_launch_template_versions)[1] == "MissingParameter"


def test_tags_of_a_template_are_its_own(ec2, template):
    given = [{"ResourceType": "launch-template", "Tags": [{"Key": "team", "Value": "a"}]}]
    template_id = template("tagged", {"ImageId": "ami-1"}, TagSpecifications=given)["LaunchTemplateId"]
    ec2.create_tags(Resources=[template_id], Tags=[{"Key": "stage", "Value": "é"}])
    (found,) = ec2.describe_launch_templates(Filters=[{"Name": "tag:team", "Values": ["a"]}])["LaunchTemplates"]
    assert tags(found) == {"team": "a", "stage": "é"}
    by_type = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["launch-template"]}])["Tags"]
    assert {tag["Key"] for tag in by_type if tag["ResourceId"] == template_id} == {"team", "stage"}
    (version,) = ec2.describe_launch_template_versions(LaunchTemplateId=template_id)["LaunchTemplateVersions"]
    assert everything_but_empty(version["LaunchTemplateData"]) == {"ImageId": "ami-1"}


def test_templates_are_found_by_name_and_by_when_they_were_made(ec2, template):
    made = template("found", {"ImageId": "ami-1"})
    template("other", {"ImageId": "ami-1"})
    at = made["CreateTime"].strftime("%Y-%m-%dT%H:%M:%S*")
    for filters, expected in [
        ([("launch-template-name", "f*d")], {"found"}), ([("create-time", at), ("launch-template-name", "found")], {"found"}),
        ([("create-time", "1999-*")], set()), ([("tag-key", "none")], set()),
    ]:
        found = ec2.describe_launch_templates(Filters=[{"Name": name, "Values": [value]} for name, value in filters])["LaunchTemplates"]
        assert {one["LaunchTemplateName"] for one in found} == expected, filters


def test_filters_of_versions_ask_what_the_data_says(ec2, template):
    of = {"LaunchTemplateId": template("filtered", DATA)["LaunchTemplateId"]}
    ec2.create_launch_template_version(LaunchTemplateData={"LicenseSpecifications": [{"LicenseConfigurationArn": "arn:l"}], "RamDiskId": "ari-1"}, **of)
    ec2.create_launch_template_version(
        LaunchTemplateData={
            "NetworkInterfaces": [{"NetworkCardIndex": 1}], "MetadataOptions": {"HttpEndpoint": "disabled"}, "Placement": {"HostResourceGroupArn": "arn:h"},
        },
        **of,
    )
    created = ec2.describe_launch_template_versions(Versions=["1"], **of)["LaunchTemplateVersions"][0]["CreateTime"].strftime("%Y-%m-%dT*")
    for name, value, expected in [
        ("create-time", created, [3, 2, 1]), ("ebs-optimized", "false", [1]), ("http-endpoint", "disabled", [3]),
        ("http-protocol-ipv4", "disabled", [3]), ("host-resource-group-arn", "arn:h", [3]), ("http-tokens", "required", [1]),
        ("iam-instance-profile", "w?b", [1]), ("image-id", "ami-*", [1]), ("instance-type", "t3.micro", [1]),
        ("is-default-version", "false", [3, 2]), ("kernel-id", "aki-1", [1]), ("license-configuration-arn", "arn:l", [2]),
        ("network-card-index", "1", [3]), ("ram-disk-id", "ari-1", [2]),
    ]:
        found = ec2.describe_launch_template_versions(Filters=[{"Name": name, "Values": [value]}], **of)["LaunchTemplateVersions"]
        assert [version["VersionNumber"] for version in found] == expected, name


def test_a_launch_takes_of_its_template_what_it_does_not_say_itself(ec2, ami, instances, template):
    specification = [{"ResourceType": kind, "Tags": [{"Key": "of", "Value": kind}]} for kind in ("instance", "volume")]
    template_id = template("web", {"ImageId": ami, "InstanceType": "t3.micro", "UserData": SCRIPT, "TagSpecifications": specification})["LaunchTemplateId"]
    ec2.create_launch_template_version(LaunchTemplateId=template_id, SourceVersion="1", LaunchTemplateData={"InstanceType": "t3.small"})
    (plain,) = instances(ec2.run_instances(LaunchTemplate={"LaunchTemplateId": template_id}, MinCount=1, MaxCount=1))
    more = [{"ResourceType": "instance", "Tags": [{"Key": "of", "Value": "request"}, {"Key": "more", "Value": ""}]}]
    latest = {"LaunchTemplateName": "web", "Version": "$Latest"}
    (over,) = instances(ec2.run_instances(LaunchTemplate=latest, InstanceType="t3.nano", TagSpecifications=more, MinCount=1, MaxCount=1))
    ec2.get_waiter("instance_running").wait(InstanceIds=[plain, over], WaiterConfig=QUICK)
    link = {"aws:ec2launchtemplate:id": template_id}
    shown = {i["InstanceId"]: i for r in ec2.describe_instances(InstanceIds=[plain, over])["Reservations"] for i in r["Instances"]}
    assert (shown[plain]["InstanceType"], shown[over]["InstanceType"]) == ("t3.micro", "t3.nano")
    assert tags(shown[plain]) == link | {"aws:ec2launchtemplate:version": "1", "of": "instance"}
    assert tags(shown[over]) == link | {"aws:ec2launchtemplate:version": "2", "of": "request", "more": ""}
    (volume,) = ec2.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [plain]}])["Volumes"]
    assert tags(volume) == {"of": "volume"}
    attribute = ec2.describe_instance_attribute(InstanceId=over, Attribute="userData")["UserData"]["Value"]
    assert attribute == SCRIPT
    (tag,) = ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [plain]}, {"Name": "key", "Values": ["aws:ec2launchtemplate:id"]}])["Tags"]
    assert tag["Value"] == template_id
    data = ec2.get_launch_template_data(InstanceId=plain)["LaunchTemplateData"]
    assert (data["ImageId"], data["InstanceType"], data["UserData"]) == (ami, "t3.micro", SCRIPT)
    assert data["TagSpecifications"] == [specification[0]]
    ec2.delete_tags(Resources=[plain])
    (left,) = ec2.describe_instances(InstanceIds=[plain])["Reservations"]
    assert tags(left["Instances"][0]) == link | {"aws:ec2launchtemplate:version": "1"}, "nobody takes the service's own tags away"
    for change in (ec2.create_tags, ec2.delete_tags):
        assert refused(change, Resources=[plain], Tags=[{"Key": "aws:ec2launchtemplate:id", "Value": "lt-1"}])[1] == "InvalidParameterValue"
