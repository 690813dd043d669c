"""The AWS CLI as it comes: its waiters and its pages, as scripts use them."""

import pytest
from cloud import wait_until


@pytest.fixture(scope="module")
def aws(quick_cloud):
    """`aws ec2 …`, as the first account."""

    def run(action, *arguments, **options):
        return quick_cloud.aws("ec2", action, *arguments, **options)

    return run


@pytest.fixture(scope="module")
def launched(quick_cloud, aws):
    """Seven instances of as many requests, which run."""
    image, ec2 = quick_cloud.ami(), quick_cloud.accounts[0].client()
    ids = [ec2.run_instances(ImageId=image, InstanceType="t3.nano", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"] for _ in range(7)]
    # The CLI's own waiters look every fifteen seconds: they are to find that what they wait for is so.
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return ids


def test_its_waiters_end_when_what_they_wait_for_is_so(quick_cloud, aws, launched):
    (first, *_) = launched
    for waiter in ("instance-exists", "instance-running", "instance-status-ok", "system-status-ok"):
        aws("wait", waiter, "--instance-ids", first)
    aws("create-key-pair", "--key-name", "by-cli")
    aws("wait", "key-pair-exists", "--key-names", "by-cli")

    def state():
        return aws("describe-instances", "--instance-ids", first, "--query", "Reservations[0].Instances[0].State.Name")

    for command, end in (("stop-instances", "stopped"), ("terminate-instances", "terminated")):
        aws(command, "--instance-ids", first)
        wait_until(f"it is {end}", lambda end=end: state() == end)
        aws("wait", f"instance-{end}", "--instance-ids", first)
    failed = aws("wait", "instance-running", "--instance-ids", first, check=False)
    assert failed.returncode == 255 and "terminated" in failed.stderr, "what never will be is not waited for"


# Of each: the command, its arguments, the list, and what tells one from another.
PAGED = {
    "describe-instances": ([], "Reservations", "ReservationId"),
    "describe-instance-types": ([], "InstanceTypes", "InstanceType"),
    "describe-instance-type-offerings": ([], "InstanceTypeOfferings", "InstanceType"),
    "describe-tags": (["--filters", "Name=resource-type,Values=key-pair"], "Tags", "Key"),
    "describe-launch-templates": ([], "LaunchTemplates", "LaunchTemplateId"),
    "describe-volumes": ([], "Volumes", "VolumeId"),
}


@pytest.fixture(scope="module")
def filled(quick_cloud, launched):
    ec2 = quick_cloud.accounts[0].client()
    key = ec2.create_key_pair(KeyName="tagged")["KeyPairId"]
    ec2.create_tags(Resources=[key], Tags=[{"Key": f"tag-{number}", "Value": "v"} for number in range(6)])
    for number in range(6):
        ec2.create_launch_template(LaunchTemplateName=f"by-cli-{number}", LaunchTemplateData={"InstanceType": "t3.nano"})


@pytest.mark.parametrize("command", sorted(PAGED))
def test_its_pages_are_the_whole(aws, filled, command):
    arguments, answer, name = PAGED[command]

    def asked(*more):
        found = aws(command, *arguments, *more)
        return [one[name] for one in found[answer]], found.get("NextToken")

    whole, token = asked()
    assert len(whole) > 5 and token is None
    assert asked("--page-size", 5) == (whole, None)
    first, token = asked("--page-size", 5, "--max-items", 2)
    assert first == whole[:2] and token
    rest, end = asked("--page-size", 5, "--starting-token", token)
    assert (rest, end) == (whole[2:], None)
