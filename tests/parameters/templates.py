"""Entries of launch templates. Whatever a template's data can say is given back as it was given: one entry for each scalar of AWS's model."""

import base64
import datetime

from resources import declare_lookup, declare_tags_on_create
from table import EC2, code_of, parameter, parameters_of

DATA = "LaunchTemplateData"


def versions(world, **parameters):
    return world.ec2.describe_launch_template_versions(**parameters)["LaunchTemplateVersions"]


def numbers(world, **parameters):
    return [version["VersionNumber"] for version in versions(world, **parameters)]


# What the data says

VALUES = {
    "string": ("one", "two"), "integer": (1, 2), "long": (1, 2), "float": (1.5, 2.5), "double": (1.5, 2.5), "boolean": (True, False),
    "timestamp": tuple(datetime.datetime(2026, 1, day, tzinfo=datetime.timezone.utc) for day in (1, 2)),
}


def values(one):
    """Two values of a scalar. Where AWS's model has one word alone, the other value is none."""
    if one.members[-1] == "UserData":
        return tuple(base64.b64encode(text).decode() for text in (b"one", b"two"))
    words = tuple(getattr(one.shape, "enum", ()))
    return (*words, None)[:2] if words else VALUES[one.shape.type_name]


def made(shape, members, value):
    """A shape with one scalar in it, and whatever the shape can not do without."""
    if shape.type_name == "list":
        return [made(shape.member, members, value)]
    if not members:
        return value
    (name, *below) = members
    required = {other: sample(shape.members[other]) for other in shape.required_members if other != name}
    return required | {name: made(shape.members[name], below, value)}


def sample(shape):
    if shape.type_name == "list":
        return [sample(shape.member)]
    if shape.type_name == "structure":
        return {name: sample(shape.members[name]) for name in shape.required_members}
    return (*getattr(shape, "enum", ()), *VALUES[shape.type_name])[0]


def without(data, members):
    """The same without the scalar."""
    (name, *below) = members
    inside = data[0] if isinstance(data, list) else data
    left = dict(inside)
    if below:
        left[name] = without(inside[name], below)
    else:
        del left[name]
    return [left] if isinstance(data, list) else left


def seen(data, members):
    for name in members:
        data = (data[0] if isinstance(data, list) else data).get(name)
        if data in (None, []):
            return None
    return data[0] if isinstance(data, list) else data


def declare_data(action, shape, one, create):
    first, second = values(one)
    below = one.members[1:]

    @parameter(action, one.path, (first, second))
    def echoed(world, value):
        data = made(shape, below, first if value is None else value)
        if value is None:
            data = without(data, below)
        # A request without any data is none.
        other = {} if one.members[-1] == "KeyName" else {"KeyName": "other"}
        return seen(create(world, other | data)["LaunchTemplateData"], below)


def in_a_template(world, data):
    template_id = world.ec2.create_launch_template(LaunchTemplateName=world.unique("data"), LaunchTemplateData=data)["LaunchTemplate"]["LaunchTemplateId"]
    (version,) = versions(world, LaunchTemplateId=template_id)
    world.ec2.delete_launch_template(LaunchTemplateId=template_id)
    return version


def in_a_version(world, data):
    template_id = world.templates()[1]["LaunchTemplateId"]
    answer = world.ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData=data)["LaunchTemplateVersion"]
    (version,) = versions(world, LaunchTemplateId=template_id, Versions=[str(answer["VersionNumber"])])
    world.ec2.delete_launch_template_versions(LaunchTemplateId=template_id, Versions=[str(answer["VersionNumber"])])
    assert answer == version, "the answer is what a Describe says"
    return version


def declare_all_data(action, create):
    shape = EC2.operation_model(action).input_shape.members[DATA]
    for one in parameters_of(action):
        if one.path.startswith(f"{DATA}."):
            declare_data(action, shape, one, create)


declare_all_data("CreateLaunchTemplate", in_a_template)
declare_all_data("CreateLaunchTemplateVersion", in_a_version)


# The templates themselves


def create(world, name, **parameters):
    return world.ec2.create_launch_template(LaunchTemplateName=name, **{"LaunchTemplateData": {"KeyName": "me"}} | parameters)["LaunchTemplate"]


def deleted(world, template):
    world.ec2.delete_launch_template(LaunchTemplateId=template["LaunchTemplateId"])
    return template


@parameter("CreateLaunchTemplate", "LaunchTemplateName", ("template-one", "template-two"))
def name_of_template(world, value):
    return deleted(world, create(world, value))["LaunchTemplateName"]


@parameter("CreateLaunchTemplate", "VersionDescription", ("one", "two"))
def description_of_first(world, value):
    template = create(world, world.unique("described"), VersionDescription=value)
    (version,) = versions(world, LaunchTemplateId=template["LaunchTemplateId"])
    deleted(world, template)
    return version["VersionDescription"]


@parameter("CreateLaunchTemplate", "ClientToken", ("same", "other"), ("done", "InvalidLaunchTemplateName.AlreadyExistsException"))
def created_once(world, value):
    name, token = world.unique("once"), world.unique("token")
    template = create(world, name, ClientToken=token)
    code = code_of(create, world, name, ClientToken=token if value == "same" else world.unique("token"))
    deleted(world, template)
    return code


declare_tags_on_create("CreateLaunchTemplate", "launch-template", lambda world, given: create(world, world.unique("tagged"), TagSpecifications=[given])["LaunchTemplateId"])

for _path, _member in [("LaunchTemplateId", "LaunchTemplateIds"), ("LaunchTemplateName", "LaunchTemplateNames")]:
    declare_lookup(
        "DescribeLaunchTemplates", _path, _member, "describe_launch_templates", "LaunchTemplates", _path,
        lambda w, path=_path: [template[path] for template in w.templates()],
    )


# Which template: that one, and not the other


def declare_which(action, call):
    """`call` does something to the template that it is given the id or the name of, and answers what is seen of two templates."""
    for path in ("LaunchTemplateId", "LaunchTemplateName"):

        @parameter(action, path, (0, 1), ([True, False], [False, True]))
        def which(world, value, path=path):
            both = [world.template(versions=2), world.template(versions=2)]
            changed = call(world, {path: both[value][path]})
            shown = [changed(template["LaunchTemplateId"]) for template in both]
            for template in both:
                code_of(world.ec2.delete_launch_template, LaunchTemplateId=template["LaunchTemplateId"])
            return shown


def template(world, template_id):
    return world.ec2.describe_launch_templates(LaunchTemplateIds=[template_id])["LaunchTemplates"][0]


def add_version(world, named):
    world.ec2.create_launch_template_version(LaunchTemplateData={"KeyName": "me"}, **named)
    return lambda template_id: template(world, template_id)["LatestVersionNumber"] == 3


def make_default(world, named):
    world.ec2.modify_launch_template(DefaultVersion="2", **named)
    return lambda template_id: template(world, template_id)["DefaultVersionNumber"] == 2


def delete(world, named):
    world.ec2.delete_launch_template(**named)
    return lambda template_id: code_of(template, world, template_id) == "InvalidLaunchTemplateId.NotFound"


def delete_second(world, named):
    world.ec2.delete_launch_template_versions(Versions=["2"], **named)
    return lambda template_id: numbers(world, LaunchTemplateId=template_id) == [1]


def describe(world, named):
    found = {version["LaunchTemplateId"] for version in versions(world, **named)}
    return lambda template_id: template_id in found


declare_which("CreateLaunchTemplateVersion", add_version)
declare_which("ModifyLaunchTemplate", make_default)
declare_which("DeleteLaunchTemplate", delete)
declare_which("DeleteLaunchTemplateVersions", delete_second)
declare_which("DescribeLaunchTemplateVersions", describe)


# Versions


@parameter("CreateLaunchTemplateVersion", "VersionDescription", ("one", "two"))
def description(world, value):
    made = world.template()
    world.ec2.create_launch_template_version(LaunchTemplateId=made["LaunchTemplateId"], LaunchTemplateData={"KeyName": "me"}, VersionDescription=value)
    (version,) = versions(world, LaunchTemplateId=made["LaunchTemplateId"], Versions=["$Latest"])
    deleted(world, made)
    return version["VersionDescription"]


@parameter("CreateLaunchTemplateVersion", "SourceVersion", ("1", "2"), ("one", "two"))
def source(world, value):
    made = world.template(KeyName="one")
    of = {"LaunchTemplateId": made["LaunchTemplateId"]}
    world.ec2.create_launch_template_version(LaunchTemplateData={"KeyName": "two"}, **of)
    answer = world.ec2.create_launch_template_version(LaunchTemplateData={"UserData": "b25l"}, SourceVersion=value, **of)["LaunchTemplateVersion"]
    deleted(world, made)
    return answer["LaunchTemplateData"]["KeyName"]


@parameter("CreateLaunchTemplateVersion", "ClientToken", ("same", "other"), (2, 3))
def version_once(world, value):
    made, token = world.template(), world.unique("token")
    of = {"LaunchTemplateId": made["LaunchTemplateId"], "LaunchTemplateData": {"KeyName": "me"}}
    for under in (token, token if value == "same" else world.unique("token")):
        world.ec2.create_launch_template_version(ClientToken=under, **of)
    latest = template(world, made["LaunchTemplateId"])["LatestVersionNumber"]
    deleted(world, made)
    return latest


@parameter("ModifyLaunchTemplate", "SetDefaultVersion", ("1", "2"), (1, 2))
def default_version(world, value):
    made = world.template(versions=2)
    answer = world.ec2.modify_launch_template(LaunchTemplateId=made["LaunchTemplateId"], DefaultVersion=value)["LaunchTemplate"]
    deleted(world, made)
    return answer["DefaultVersionNumber"]


@parameter("ModifyLaunchTemplate", "ClientToken", ("same", "other"), (1, 2))
def modified_once(world, value):
    """The same token answers what it answered, and does nothing more."""
    made, token = world.template(versions=2), world.unique("token")
    for number, under in (("2", token), ("1", world.unique("token")), ("2", token if value == "same" else world.unique("token"))):
        world.ec2.modify_launch_template(LaunchTemplateId=made["LaunchTemplateId"], DefaultVersion=number, ClientToken=under)
    default = template(world, made["LaunchTemplateId"])["DefaultVersionNumber"]
    deleted(world, made)
    return default


@parameter("DeleteLaunchTemplateVersions", "LaunchTemplateVersion", ("2", "3"), ([3, 1], [2, 1]))
def which_version_goes(world, value):
    made = world.template(versions=3)
    world.ec2.delete_launch_template_versions(LaunchTemplateId=made["LaunchTemplateId"], Versions=[value])
    left = numbers(world, LaunchTemplateId=made["LaunchTemplateId"])
    deleted(world, made)
    return left


def first(world):
    return {"LaunchTemplateId": world.templates()[0]["LaunchTemplateId"]}


@parameter("DescribeLaunchTemplateVersions", "LaunchTemplateVersion", ("1", "2"), ([1], [2]))
def which_version(world, value):
    return numbers(world, Versions=[value], **first(world))


@parameter("DescribeLaunchTemplateVersions", "MinVersion", ("1", "2"), ([2, 1], [2]))
def least_version(world, value):
    return numbers(world, MinVersion=value, **first(world))


@parameter("DescribeLaunchTemplateVersions", "MaxVersion", ("1", "2"), ([1], [2, 1]))
def most_version(world, value):
    return numbers(world, MaxVersion=value, **first(world))


@parameter("DescribeLaunchTemplateVersions", "Filter.Name", ("image-id", "kernel-id"), ([2, 1], []))
def filter_name(world, value):
    return numbers(world, Filters=[{"Name": value, "Values": [world.image]}], **first(world))


@parameter("DescribeLaunchTemplateVersions", "Filter.Value", ("true", "false"), ([1], [2]))
def filter_value(world, value):
    return numbers(world, Filters=[{"Name": "is-default-version", "Values": [value]}], **first(world))


@parameter("DescribeLaunchTemplateVersions", "MaxResults", (1, 2), ([2], [2, 1]))
def page(world, value):
    return numbers(world, MaxResults=value, **first(world))


@parameter("DescribeLaunchTemplateVersions", "NextToken", ("first", "second"), ([2], [1]))
def next_page(world, value):
    answer = world.ec2.describe_launch_template_versions(MaxResults=1, **first(world))
    if value == "second":
        answer = world.ec2.describe_launch_template_versions(MaxResults=1, NextToken=answer["NextToken"], **first(world))
    return [version["VersionNumber"] for version in answer["LaunchTemplateVersions"]]


@parameter("GetLaunchTemplateData", "InstanceId", (0, 1), lambda world, value: world.pair[value]["PrivateIpAddress"])
def data_of_which(world, value):
    data = world.ec2.get_launch_template_data(InstanceId=world.pair[value]["InstanceId"])["LaunchTemplateData"]
    return data["NetworkInterfaces"][0]["PrivateIpAddress"]


# Launches


def launched(world, name, **specification):
    instance = world.launch(LaunchTemplate=specification)
    return next(tag["Value"] for tag in instance["Tags"] if tag["Key"] == f"aws:ec2launchtemplate:{name}")


@parameter("RunInstances", "LaunchTemplate.LaunchTemplateId", (0, 1), lambda world, value: world.templates()[value]["LaunchTemplateId"])
def launched_by_id(world, value):
    return launched(world, "id", LaunchTemplateId=world.templates()[value]["LaunchTemplateId"])


@parameter("RunInstances", "LaunchTemplate.LaunchTemplateName", (0, 1), lambda world, value: world.templates()[value]["LaunchTemplateId"])
def launched_by_name(world, value):
    return launched(world, "id", LaunchTemplateName=world.templates()[value]["LaunchTemplateName"])


@parameter("RunInstances", "LaunchTemplate.Version", ("1", "2"))
def launched_version(world, value):
    return launched(world, "version", LaunchTemplateId=world.templates()[0]["LaunchTemplateId"], Version=value)
