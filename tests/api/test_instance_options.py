"""How an instance is called, and whether it is started again by itself: as clients see it, and a simulated guest with it."""

import pytest
from botocore.exceptions import ClientError
from cloud import wait_until

QUICK = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture
def launched(ec2, ami, instances):
    """Launches one and waits until it runs."""

    def launch(**parameters):
        (instance_id,) = instances(ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=1, MaxCount=1, **parameters))
        wait(ec2, "running", instance_id)
        return instance_id

    return launch


def wait(ec2, state, instance_id):
    ec2.get_waiter(f"instance_{state}").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)


def describe(ec2, instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def checks(ec2, instance_id):
    (found,) = ec2.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"]
    return found["SystemStatus"]["Status"], found["InstanceStatus"]["Status"]


def refused(call, **parameters):
    with pytest.raises(ClientError) as failure:
        call(**parameters)
    return failure.value.response["Error"]["Code"]


def crash(cloud, instance_id):
    """Its hypervisor dies."""
    (cloud.folder / "data/agent/simulated/control" / instance_id).write_text("crash")


def test_it_is_called_by_its_id_where_that_is_asked_and_found_by_it(ec2, ami, launched):
    instance_id = launched(PrivateDnsNameOptions={"HostnameType": "resource-name", "EnableResourceNameDnsARecord": True})
    instance = describe(ec2, instance_id)
    assert instance["PrivateDnsName"] == f"{instance_id}.ec2.internal"
    assert instance["PrivateDnsNameOptions"] == {
        "HostnameType": "resource-name", "EnableResourceNameDnsARecord": True, "EnableResourceNameDnsAAAARecord": False,
    }
    address = instance["PrivateIpAddress"].replace(".", "-")
    assert instance["NetworkInterfaces"][0]["PrivateDnsName"] == f"ip-{address}.ec2.internal", "what is made of an address goes on"
    for name, value in [("private-dns-name", f"{instance_id}.ec2.internal"), ("private-dns-name-options.hostname-type", "resource-name")]:
        found = ec2.describe_instances(Filters=[{"Name": name, "Values": [value]}])["Reservations"]
        assert [i["InstanceId"] for r in found for i in r["Instances"]] == [instance_id]
    data = ec2.get_launch_template_data(InstanceId=instance_id)["LaunchTemplateData"]
    assert data["PrivateDnsNameOptions"]["HostnameType"] == "resource-name"
    assert data["MaintenanceOptions"] == {"AutoRecovery": "default"}


def test_a_launch_template_gives_names_and_maintenance(ec2, ami, instances):
    data = {
        "ImageId": ami, "InstanceType": "t3.nano", "MaintenanceOptions": {"AutoRecovery": "disabled"},
        "PrivateDnsNameOptions": {"HostnameType": "resource-name"},
    }
    name = "named-and-kept-down"
    ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    try:
        own = {"PrivateDnsNameOptions": {"EnableResourceNameDnsARecord": True}}
        (instance_id,) = instances(ec2.run_instances(LaunchTemplate={"LaunchTemplateName": name}, MinCount=1, MaxCount=1, **own))
    finally:
        ec2.delete_launch_template(LaunchTemplateName=name)
    instance = describe(ec2, instance_id)
    assert instance["MaintenanceOptions"] == {"AutoRecovery": "disabled", "RebootMigration": "default"}
    assert instance["PrivateDnsNameOptions"]["HostnameType"] == "resource-name"
    assert instance["PrivateDnsNameOptions"]["EnableResourceNameDnsARecord"] is True


def test_what_it_is_called_changes_while_it_is_stopped(ec2, launched):
    instance_id = launched()
    assert refused(ec2.modify_private_dns_name_options, InstanceId=instance_id, PrivateDnsHostnameType="resource-name") == "IncorrectInstanceState"
    ec2.modify_private_dns_name_options(InstanceId=instance_id, EnableResourceNameDnsARecord=True)
    ec2.stop_instances(InstanceIds=[instance_id])
    wait(ec2, "stopped", instance_id)
    ec2.modify_private_dns_name_options(InstanceId=instance_id, PrivateDnsHostnameType="resource-name")
    assert describe(ec2, instance_id)["PrivateDnsName"] == f"{instance_id}.ec2.internal"
    ec2.start_instances(InstanceIds=[instance_id])
    wait(ec2, "running", instance_id)


def test_a_guest_that_is_not_to_be_recovered_stays_down_until_a_reboot(cloud, ec2, launched):
    instance_id, other = launched(MaintenanceOptions={"AutoRecovery": "disabled"}), launched()
    crash(cloud, instance_id)
    wait_until("both checks fail", lambda: checks(ec2, instance_id) == ("impaired", "impaired"))
    assert describe(ec2, instance_id)["State"]["Name"] == "running"
    ill = cloud.freehold("status", check=False)
    assert ill.returncode == 3 and instance_id in ill.stdout and "aws ec2 reboot-instances" in ill.stdout
    assert "guest-ended" in cloud.freehold("why", instance_id).stdout

    ec2.stop_instances(InstanceIds=[instance_id])
    wait(ec2, "stopped", instance_id)
    ec2.start_instances(InstanceIds=[instance_id])
    wait(ec2, "running", instance_id)
    crash(cloud, instance_id)
    wait_until("both checks fail again", lambda: checks(ec2, instance_id) == ("impaired", "impaired"))
    answer = ec2.modify_instance_maintenance_options(InstanceId=instance_id, AutoRecovery="default", RebootMigration="default")
    assert (answer["AutoRecovery"], answer["RebootMigration"]) == ("default", "default")
    wait_until("it is recovered", lambda: "impaired" not in checks(ec2, instance_id))

    ec2.modify_instance_maintenance_options(InstanceId=other, AutoRecovery="disabled")
    wait_until("its host knows", lambda: describe(ec2, other)["MetadataOptions"]["State"] == "applied")
    crash(cloud, other)
    wait_until("both checks of the other fail", lambda: checks(ec2, other) == ("impaired", "impaired"))
    ec2.reboot_instances(InstanceIds=[other])
    wait_until("neither fails any more", lambda: "impaired" not in checks(ec2, other))


def test_what_can_not_be_is_refused(ec2, other_ec2, launched):
    instance_id = launched()
    calls = [
        (ec2.modify_private_dns_name_options, other_ec2.modify_private_dns_name_options, {"EnableResourceNameDnsARecord": True}),
        (ec2.modify_instance_maintenance_options, other_ec2.modify_instance_maintenance_options, {"AutoRecovery": "disabled"}),
        (ec2.modify_instance_attribute, other_ec2.modify_instance_attribute, {"Groups": ["sg-00000000000000000"]}),
    ]
    for own, foreign, parameters in calls:
        assert refused(own, InstanceId="i-zzz", **parameters) == "InvalidInstanceID.Malformed"
        assert refused(foreign, InstanceId=instance_id, **parameters) == "InvalidInstanceID.NotFound"
    for own in (ec2.modify_private_dns_name_options, ec2.modify_instance_maintenance_options):
        assert refused(own, InstanceId=instance_id) == "MissingParameter"
    assert refused(ec2.modify_private_dns_name_options, InstanceId=instance_id, PrivateDnsHostnameType="mine") == "InvalidParameterValue"
    assert refused(ec2.modify_private_dns_name_options, InstanceId=instance_id, EnableResourceNameDnsAAAARecord=True) == "UnsupportedOperation"
    assert refused(ec2.modify_instance_maintenance_options, InstanceId=instance_id, AutoRecovery="sometimes") == "InvalidParameterValue"
    assert refused(ec2.modify_instance_maintenance_options, InstanceId=instance_id, RebootMigration="disabled") == "UnsupportedOperation"
    assert refused(ec2.modify_instance_attribute, InstanceId=instance_id, Groups=["sg-zzz"]) == "InvalidGroupId.Malformed"
    ec2.terminate_instances(InstanceIds=[instance_id])
    wait(ec2, "terminated", instance_id)
    for own, _, parameters in calls[:2]:
        assert refused(own, InstanceId=instance_id, **parameters) == "IncorrectInstanceState"
