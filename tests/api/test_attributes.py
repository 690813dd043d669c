"""What a client sets of an instance and reads back: protections, type and user data while it is stopped, metadata options, monitoring."""

import base64

import pytest
from botocore.exceptions import ClientError
from cloud import wait_until

QUICK = {"Delay": 1, "MaxAttempts": 60}
EVERY = [
    "instanceType", "kernel", "ramdisk", "userData", "disableApiTermination", "instanceInitiatedShutdownBehavior", "rootDeviceName",
    "blockDeviceMapping", "productCodes", "sourceDestCheck", "groupSet", "ebsOptimized", "sriovNetSupport", "enaSupport", "enclaveOptions",
    "disableApiStop",
]


@pytest.fixture
def launched(ec2, ami, instances):
    """Launches one and waits until it runs."""

    def launch(**parameters):
        (instance_id,) = instances(ec2.run_instances(**{"ImageId": ami, "InstanceType": "t3.nano", "MinCount": 1, "MaxCount": 1} | parameters))
        wait(ec2, "running", instance_id)
        return instance_id

    return launch


def wait(ec2, state, instance_id):
    ec2.get_waiter(f"instance_{state}").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)


def refused(call, *arguments, **parameters):
    with pytest.raises(ClientError) as failure:
        call(*arguments, **parameters)
    error = failure.value.response
    return error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"], error["Error"]["Message"]


def attribute(ec2, instance_id, name):
    shown = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute=name)
    assert shown.pop("InstanceId") == instance_id
    shown.pop("ResponseMetadata")
    # Empty lists are written, too.
    return {member: value for member, value in shown.items() if value != []}


def stopped(ec2, instance_id):
    ec2.stop_instances(InstanceIds=[instance_id])
    wait(ec2, "stopped", instance_id)


def test_every_attribute_is_shown_and_no_other_with_it(ec2, launched):
    data = base64.b64encode(b"#!/bin/sh\n").decode()
    instance_id = launched(UserData="#!/bin/sh\n")
    shown = {name: attribute(ec2, instance_id, name) for name in EVERY}
    instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    assert shown == {
        "instanceType": {"InstanceType": {"Value": "t3.nano"}}, "kernel": {"KernelId": {}}, "ramdisk": {"RamdiskId": {}},
        "userData": {"UserData": {"Value": data}}, "disableApiTermination": {"DisableApiTermination": {"Value": False}},
        "instanceInitiatedShutdownBehavior": {"InstanceInitiatedShutdownBehavior": {"Value": "stop"}},
        "rootDeviceName": {"RootDeviceName": {"Value": "/dev/xvda"}}, "blockDeviceMapping": {"BlockDeviceMappings": instance["BlockDeviceMappings"]},
        "productCodes": {}, "sourceDestCheck": {"SourceDestCheck": {"Value": True}}, "groupSet": {"Groups": instance["SecurityGroups"]},
        "ebsOptimized": {"EbsOptimized": {"Value": False}}, "sriovNetSupport": {"SriovNetSupport": {}}, "enaSupport": {"EnaSupport": {"Value": True}},
        "enclaveOptions": {"EnclaveOptions": {"Enabled": False}}, "disableApiStop": {"DisableApiStop": {"Value": False}},
    }


def test_a_protected_instance_is_neither_stopped_nor_terminated_until_that_is_lifted(ec2, launched):
    protected, other = launched(DisableApiTermination=True, DisableApiStop=True), launched()
    assert refused(ec2.terminate_instances, InstanceIds=[other, protected]) == (
        400, "OperationNotPermitted",
        f"The instance '{protected}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.",
    )
    assert refused(ec2.stop_instances, InstanceIds=[protected])[1] == "OperationNotPermitted"
    assert refused(ec2.stop_instances, InstanceIds=[protected], Force=True)[1] == "OperationNotPermitted"
    found = ec2.describe_instances(InstanceIds=[protected, other])["Reservations"]
    assert {i["State"]["Name"] for r in found for i in r["Instances"]} == {"running"}, "nothing of a refused request is done"
    ec2.reboot_instances(InstanceIds=[protected])
    ec2.modify_instance_attribute(InstanceId=protected, DisableApiStop={"Value": False})
    stopped(ec2, protected)
    assert refused(ec2.terminate_instances, InstanceIds=[protected])[1] == "OperationNotPermitted", "stopped, too"
    ec2.modify_instance_attribute(InstanceId=protected, Attribute="disableApiTermination", Value="false")
    ec2.terminate_instances(InstanceIds=[protected, other])
    wait(ec2, "terminated", protected)
    code, message = refused(ec2.modify_instance_attribute, InstanceId=protected, DisableApiStop={"Value": True})[1:]
    assert code == "IncorrectInstanceState" and "terminated" in message
    ec2.terminate_instances(InstanceIds=[protected])


def test_type_and_user_data_change_while_it_is_stopped_and_hold_from_the_next_start(cloud, ec2, launched):
    instance_id = launched()
    for change in ({"InstanceType": {"Value": "t3.small"}}, {"UserData": {"Value": b"second"}}):
        refusal = refused(ec2.modify_instance_attribute, InstanceId=instance_id, **change)
        assert refusal == (400, "IncorrectInstanceState", f"The instance '{instance_id}' is not in the 'stopped' state. Stop it first.")
    before = cloud.host()
    stopped(ec2, instance_id)
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "t3.small"})
    ec2.modify_instance_attribute(InstanceId=instance_id, UserData={"Value": b"second"})
    ec2.start_instances(InstanceIds=[instance_id])
    wait(ec2, "running", instance_id)
    assert ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]["InstanceType"] == "t3.small"
    assert base64.b64decode(attribute(ec2, instance_id, "userData")["UserData"]["Value"]) == b"second"
    assert cloud.host()["memory_mib_used"] - before["memory_mib_used"] == 2048 - 512, "its host is asked for what it takes now"
    stopped(ec2, instance_id)
    ec2.modify_instance_attribute(InstanceId=instance_id, UserData={"Value": b""})
    assert attribute(ec2, instance_id, "userData") == {"UserData": {}}


def test_one_attribute_at_a_time_and_no_nonsense(ec2, launched):
    instance_id = launched()

    def code(**change):
        return refused(ec2.modify_instance_attribute, InstanceId=instance_id, **change)[1]

    assert code() == "InvalidParameterCombination"
    assert code(DisableApiStop={"Value": True}, DisableApiTermination={"Value": True}) == "InvalidParameterCombination"
    assert code(Attribute="disableApiStop", Value="perhaps") == "InvalidParameterValue"
    assert code(Attribute="disableApiStop") == code(Value="true") == "MissingParameter"
    assert code(Attribute="userData", Value="%") == "InvalidUserData.Malformed"
    assert code(InstanceInitiatedShutdownBehavior={"Value": "sleep"}) == "InvalidParameterValue"
    assert code(EnaSupport={"Value": False}) == "UnsupportedOperation"
    assert code(Kernel={"Value": "aki-00000000"}) == "UnsupportedOperation"
    assert code(BlockDeviceMappings=[{"DeviceName": "/dev/sdz", "Ebs": {"DeleteOnTermination": False}}]) == "InvalidInstanceAttributeValue"
    stopped(ec2, instance_id)
    assert code(InstanceType={"Value": "t3.enormous"}) == "InvalidInstanceAttributeValue"
    ec2.modify_instance_attribute(InstanceId=instance_id, EnaSupport={"Value": True})
    assert refused(ec2.describe_instance_attribute, InstanceId=instance_id, Attribute="colour")[1] == "InvalidParameterValue"


def test_a_foreign_instance_is_as_absent_as_none(ec2, other_ec2, launched):
    foreign = launched()
    for instance_id in (foreign, "i-00000000000000000"):
        for call, parameters in [
            (other_ec2.describe_instance_attribute, {"InstanceId": instance_id, "Attribute": "userData"}),
            (other_ec2.modify_instance_attribute, {"InstanceId": instance_id, "DisableApiStop": {"Value": True}}),
            (other_ec2.modify_instance_metadata_options, {"InstanceId": instance_id, "HttpTokens": "required"}),
            (other_ec2.monitor_instances, {"InstanceIds": [instance_id]}),
            (other_ec2.unmonitor_instances, {"InstanceIds": [instance_id]}),
        ]:
            expected = (400, "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
            assert refused(call, **parameters) == expected


def test_a_malformed_id_is_called_so(ec2):
    for call, parameters in [
        (ec2.modify_instance_attribute, {"DisableApiStop": {"Value": True}}), (ec2.modify_instance_metadata_options, {"HttpTokens": "required"}),
    ]:
        assert refused(call, InstanceId="i-zzz", **parameters)[1] == "InvalidInstanceID.Malformed"


def test_metadata_options_are_applied_when_its_host_says_so(ec2, launched):
    instance_id = launched(MetadataOptions={"HttpPutResponseHopLimit": 2})
    answer = ec2.modify_instance_metadata_options(InstanceId=instance_id, HttpTokens="required")["InstanceMetadataOptions"]
    assert (answer["HttpTokens"], answer["HttpPutResponseHopLimit"], answer["State"]) == ("required", 2, "pending")

    def applied():
        instance = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
        return instance["MetadataOptions"]["State"] == "applied" and instance

    shown = wait_until("it is applied", applied)
    assert shown["MetadataOptions"]["HttpTokens"] == "required" and shown["State"]["Name"] == "running"
    refusal = refused(ec2.modify_instance_metadata_options, InstanceId=instance_id, HttpPutResponseHopLimit=65)
    assert refusal[1] == "InvalidParameterValue"


def test_credits_are_of_burstable_types_alone(ec2, launched):
    burstable, other = launched(), launched(InstanceType="m5.large")

    def shown(*ids):
        found = ec2.describe_instance_credit_specifications(InstanceIds=ids)["InstanceCreditSpecifications"]
        return {one["InstanceId"]: one["CpuCredits"] for one in found}

    assert shown(burstable) == {burstable: "unlimited"}
    assert refused(ec2.describe_instance_credit_specifications, InstanceIds=[other])[1] == "UnsupportedOperation"
    absent = "i-00000000000000000"
    asked = [{"InstanceId": each, "CpuCredits": "standard"} for each in (burstable, other, absent)]
    answer = ec2.modify_instance_credit_specification(InstanceCreditSpecifications=asked)
    assert answer["SuccessfulInstanceCreditSpecifications"] == [{"InstanceId": burstable}]
    failed = {one["InstanceId"]: one["Error"]["Code"] for one in answer["UnsuccessfulInstanceCreditSpecifications"]}
    assert failed == {other: "InstanceCreditSpecification.NotSupported", absent: "InvalidInstanceID.NotFound"}
    assert shown(burstable) == {burstable: "standard"}
    unlimited = [one["InstanceId"] for one in ec2.describe_instance_credit_specifications()["InstanceCreditSpecifications"]]
    assert burstable not in unlimited and other not in unlimited
    for given in ({"CpuCredits": "plenty"}, {}):
        asked = [{"InstanceId": burstable} | given]
        assert refused(ec2.modify_instance_credit_specification, InstanceCreditSpecifications=asked)[1] == "InvalidParameterValue"
    assert refused(ec2.describe_instance_credit_specifications, InstanceIds=["i-zzz"])[1] == "InvalidInstanceID.Malformed"
    assert refused(ec2.describe_instance_credit_specifications, NextToken="forged")[1] == "InvalidNextToken"
    assert refused(ec2.describe_instance_credit_specifications, InstanceIds=[burstable], MaxResults=5)[1] == "InvalidParameterCombination"
    many = [{"Name": "instance-id", "Values": [f"i-{number:017x}" for number in range(201)]}]
    assert refused(ec2.describe_instance_credit_specifications, Filters=many)[1] == "FilterLimitExceeded"
    run = {"ImageId": "ami-00000000000000000", "MinCount": 1, "MaxCount": 1}
    assert refused(ec2.run_instances, InstanceType="m5.large", CreditSpecification={"CpuCredits": "standard"}, **run)[1] == "InvalidParameterCombination"


def test_the_source_destination_check_is_turned_off_and_reset(ec2, launched):
    instance_id = launched()
    ec2.modify_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck", Value="false")
    (interface,) = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])["NetworkInterfaces"]
    assert (attribute(ec2, instance_id, "sourceDestCheck"), interface["SourceDestCheck"]) == ({"SourceDestCheck": {"Value": False}}, False)
    ec2.reset_instance_attribute(InstanceId=instance_id, Attribute="sourceDestCheck")
    assert attribute(ec2, instance_id, "sourceDestCheck") == {"SourceDestCheck": {"Value": True}}
    for attribute_name, code in [("kernel", "IncorrectInstanceState"), ("userData", "InvalidParameterCombination")]:
        assert refused(ec2.reset_instance_attribute, InstanceId=instance_id, Attribute=attribute_name)[:2] == (400, code)
    for bad, code in [("i-x", "InvalidInstanceID.Malformed"), ("i-00000000000000000", "InvalidInstanceID.NotFound")]:
        assert refused(ec2.reset_instance_attribute, InstanceId=bad, Attribute="sourceDestCheck")[:2] == (400, code)
    stopped(ec2, instance_id)
    ec2.reset_instance_attribute(InstanceId=instance_id, Attribute="kernel")


def test_the_topology_is_of_what_runs_and_says_who_shares_a_host(ec2, launched):
    ids = [launched(), launched()]
    found = {one["InstanceId"]: one for one in ec2.describe_instance_topology(InstanceIds=ids)["Instances"]}
    assert set(found) == set(ids)
    # The cloud of these tests has one host.
    assert found[ids[0]]["NetworkNodes"] == found[ids[1]]["NetworkNodes"]
    assert found[ids[0]]["ZoneId"].startswith("use1-az")
    stopped(ec2, ids[0])
    assert [one["InstanceId"] for one in ec2.describe_instance_topology(InstanceIds=ids)["Instances"]] == [ids[1]]
