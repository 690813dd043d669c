"""An unmodified Debian with cloud-init, as somebody would launch it."""

import pytest
from cloud import says, wait_until

PATIENT = {"Delay": 5, "MaxAttempts": 120}
# An emulated guest takes minutes for what a real one does in seconds.
BOOT_SECONDS = 900

USER_DATA = """#!/bin/sh
echo "user-data ran as $(id -un)" > /var/lib/hello
echo USER-DATA-WAS-HERE > /dev/console
"""


def console(ec2, instance_id):
    return ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")


@pytest.fixture(scope="module")
def ami(cloud):
    return cloud.json("image", "build", "debian", seconds=1500)["image_id"]


@pytest.mark.timeout(2700)
def test_cloud_init_finds_ec2_by_itself_and_the_created_key_logs_in(cloud, ec2, ami, open_port_22, ssh):
    key_file = cloud.folder / "created.pem"
    created = ec2.create_key_pair(KeyName="created", KeyType="rsa")
    key_file.touch(mode=0o600)
    key_file.write_text(created["KeyMaterial"])
    answer = ec2.run_instances(
        ImageId=ami, InstanceType="t3.micro", KeyName="created", UserData=USER_DATA, MinCount=1, MaxCount=1,
        BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 4}}],
    )
    instance_id = answer["Instances"][0]["InstanceId"]
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=PATIENT)
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    wait_until("user-data says so on the console", lambda: says(console(ec2, instance_id), "USER-DATA-WAS-HERE"), BOOT_SECONDS)
    shell = ssh("debian", instance["PublicIpAddress"], key_file)
    assert not shell.answers(), "port 22 must be closed until it is authorized"
    open_port_22()
    shell.wait(BOOT_SECONDS)
    wait_until("cloud-init is done", lambda: shell.run("test -e /var/lib/cloud/instance/boot-finished").returncode == 0, BOOT_SECONDS)

    assert shell("cloud-id") == "aws"
    assert "DataSourceEc2" in shell("cat /run/cloud-init/result.json")
    assert '"errors": []' in shell("cat /run/cloud-init/result.json")
    assert shell("cat /var/lib/hello") == "user-data ran as root"
    assert shell("hostname -f").split(".")[0] == instance["PrivateDnsName"].split(".")[0]
    root_gib = int(shell("lsblk -bno SIZE $(findmnt -no SOURCE /)")) / 2**30
    assert root_gib > 3.5, "the root file system grew to the volume that was asked for"
    assert shell("getent hosts " + instance["PrivateDnsName"]).split()[0] == instance["PrivateIpAddress"]

    output = console(ec2, instance_id)
    assert "Linux version" in output or "login:" in output

    ec2.terminate_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance_id], WaiterConfig=PATIENT)
    assert cloud.guests() == {}
