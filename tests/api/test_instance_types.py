"""Instance types as clients choose them: what is offered where, by requirements, with other cores and threads; and the operator's own."""

import pytest
from botocore.exceptions import ClientError
from cloud import SIMULATED_CAPACITY, Cloud, wait_until

QUICK = {"Delay": 1, "MaxAttempts": 60}
# What the operator writes to have a type of their own.
OWN = """
[scheduler.instance_families.lab]
hypervisor = "nitro"
manufacturer = "AMD"
clock_ghz = 4.2
sizes = [
  { size = "tiny", vcpus = 2, memory_mib = 256, network = "Low", interfaces = 1, addresses = 1 },
]
"""


def code_of(failure):
    return failure.value.response["Error"]["Code"]


def offered(ec2, location_type, **filters):
    filters = [{"Name": name.replace("_", "-"), "Values": values} for name, values in filters.items()]
    pages = ec2.get_paginator("describe_instance_type_offerings").paginate(
        LocationType=location_type, Filters=filters, PaginationConfig={"PageSize": 50}
    )
    return [(offering["InstanceType"], offering["Location"]) for page in pages for offering in page["InstanceTypeOfferings"]]


def test_what_is_offered_is_what_fits_on_a_host_that_has_a_driver_for_it(ec2):
    everything = offered(ec2, "region")
    assert len(everything) == len(set(everything)) and {location for _, location in everything} == {"us-east-1"}
    names = {name for name, _ in everything}
    assert {"t2.micro", "m5.16xlarge", "c7i.large"} <= names
    assert "m5.24xlarge" not in names, "384 GiB on a host of 256"
    assert not [name for name in names if name.startswith("t4g.")], "the host has no driver for arm64"
    assert offered(ec2, "availability-zone", instance_type=["t3.n*"]) == [("t3.nano", "us-east-1a")]
    assert offered(ec2, "availability-zone-id", instance_type=["t3.nano"], location=["use1-az*"]) == [("t3.nano", "use1-az1")]
    assert offered(ec2, "availability-zone", location=["us-east-1b"]) == [], "no host there"
    assert offered(ec2, "outpost") == []


def test_types_are_found_by_what_is_required_of_them(ec2):
    def found(**requirements):
        pages = ec2.get_paginator("get_instance_types_from_instance_requirements").paginate(
            ArchitectureTypes=["x86_64", "arm64"], VirtualizationTypes=["hvm"],
            InstanceRequirements={"VCpuCount": {"Min": 2, "Max": 4}, "MemoryMiB": {"Min": 7000, "Max": 9000}} | requirements,
            PaginationConfig={"PageSize": 3},
        )
        return [one["InstanceType"] for page in pages for one in page["InstanceTypes"]]

    named = found()
    assert "m5.large" in named and "c5.xlarge" in named and "r5.large" not in named
    assert not [name for name in named if name.startswith(("t", "m6g"))], "burstable types are left out unless asked for; arm has no host"
    described = ec2.describe_instance_types(InstanceTypes=named)["InstanceTypes"]
    for one in described:
        assert 2 <= one["VCpuInfo"]["DefaultVCpus"] <= 4 and 7000 <= one["MemoryInfo"]["SizeInMiB"] <= 9000
    assert found(AllowedInstanceTypes=["t3*"], BurstablePerformance="required") == ["t3.large", "t3a.large"]
    for refused in ("SpotMaxPricePercentageOverLowestPrice", "OnDemandMaxPricePercentageOverLowestPrice"):
        with pytest.raises(ClientError) as failure:
            found(**{refused: 50})
        assert code_of(failure) == "UnsupportedOperation" and refused in str(failure.value)


def test_cores_and_threads_are_as_asked_until_the_type_changes(ec2, ami, instances):
    def launch(**parameters):
        answer = ec2.run_instances(**{"ImageId": ami, "InstanceType": "m5.2xlarge", "MinCount": 1, "MaxCount": 1} | parameters)
        (instance_id,) = instances(answer)
        ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
        return instance_id

    def cpu(instance_id):
        shown = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]["CpuOptions"]
        return shown["CoreCount"], shown["ThreadsPerCore"]

    def refused(**options):
        with pytest.raises(ClientError) as failure:
            launch(CpuOptions=options)
        return code_of(failure)

    assert cpu(launch()) == (4, 2)
    instance_id = launch(CpuOptions={"CoreCount": 2, "ThreadsPerCore": 1, "AmdSevSnp": "disabled"})
    assert cpu(instance_id) == (2, 1)
    assert refused(CoreCount=3, ThreadsPerCore=1) == "InvalidParameterCombination"
    assert refused(CoreCount=4, ThreadsPerCore=3) == "InvalidParameterCombination"
    assert refused(CoreCount=0, ThreadsPerCore=1) == "InvalidParameterValue"
    assert refused(CoreCount=4) == refused(ThreadsPerCore=1) == "MissingParameter"
    assert refused(AmdSevSnp="enabled") == refused(NestedVirtualization="enabled") == "UnsupportedOperation"
    with pytest.raises(ClientError) as failure:
        ec2.modify_instance_cpu_options(InstanceId=instance_id, CoreCount=4, ThreadsPerCore=1)
    assert code_of(failure) == "IncorrectInstanceState"
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    answer = ec2.modify_instance_cpu_options(InstanceId=instance_id, CoreCount=4, ThreadsPerCore=1)
    assert (answer["InstanceId"], answer["CoreCount"], answer["ThreadsPerCore"]) == (instance_id, 4, 1)
    ec2.start_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    assert cpu(instance_id) == (4, 1)
    ec2.stop_instances(InstanceIds=[instance_id])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance_id], WaiterConfig=QUICK)
    ec2.modify_instance_attribute(InstanceId=instance_id, InstanceType={"Value": "m5.xlarge"})
    assert cpu(instance_id) == (2, 2), "the new type's own"


@pytest.fixture
def lab(binary):
    """A cloud whose one host offers an own type and one family of AWS's."""
    cloud = Cloud("simulated", capacity='instance_types = ["lab.*", "c5.*"]\n' + SIMULATED_CAPACITY, extra=OWN)
    try:
        cloud.up()
        yield cloud
    finally:
        left = cloud.close()
        assert not left, "left on the machine:\n" + "\n".join(left)


def test_the_operator_adds_types_and_says_which_hosts_offer_which(lab):
    ec2 = lab.accounts[0].client("ec2")
    (own,) = ec2.describe_instance_types(InstanceTypes=["lab.tiny"])["InstanceTypes"]
    assert (own["MemoryInfo"]["SizeInMiB"], own["ProcessorInfo"]["Manufacturer"]) == (256, "AMD")
    names = {name for name, _ in offered(ec2, "region")}
    assert names == {"lab.tiny", *(f"c5.{size}" for size in ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge"))}
    assert set(lab.json("host", "ls")[0]["instance_types"]) == names
    run = {"ImageId": lab.ami(), "MinCount": 1, "MaxCount": 1}
    with pytest.raises(ClientError) as failure:
        ec2.run_instances(InstanceType="t3.nano", **run)
    assert code_of(failure) == "Unsupported" and failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert "(t3.nano) is not supported in your requested Availability Zone" in str(failure.value)
    explained = lab.json("why", failure.value.response["ResponseMetadata"]["RequestId"])
    assert [other["reason"] for other in explained["not_chosen"]] == ["is not configured to offer the instance type"]
    (made,) = ec2.run_instances(InstanceType="lab.tiny", **run)["Instances"]
    wait_until("it runs", lambda: ec2.describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"][0]["State"]["Name"] == "running")
    ec2.terminate_instances(InstanceIds=[made["InstanceId"]])
