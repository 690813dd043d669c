"""Entries of instance types: what is offered where, types by what is required of them, and cores and threads."""

from botocore.exceptions import ClientError
from table import parameter

# Of all types, those that are looked at: each differs from each in something that can be required.
FOUR = ["m5.large", "m5a.xlarge", "r5.2xlarge", "t3.nano"]


@parameter("DescribeInstanceTypeOfferings", "LocationType", ("region", "availability-zone"), (["us-east-1"], ["us-east-1a"]))
def location_type(world, value):
    offered = world.ec2.describe_instance_type_offerings(LocationType=value, Filters=[{"Name": "instance-type", "Values": ["t3.nano"]}])
    return [offering["Location"] for offering in offered["InstanceTypeOfferings"]]


def question(architectures=("x86_64",), virtualizations=("hvm",), **requirements):
    anything = {"VCpuCount": {"Min": 0}, "MemoryMiB": {"Min": 0}, "BurstablePerformance": "included"}
    return {
        "ArchitectureTypes": list(architectures), "VirtualizationTypes": list(virtualizations),
        "InstanceRequirements": anything | {name: value for name, value in requirements.items() if value is not None},
    }


def found(world, **asked):
    """Those of the four that are found, or the error's code."""
    try:
        answer = world.ec2.get_instance_types_from_instance_requirements(**question(**asked))
    except ClientError as error:
        return error.response["Error"]["Code"]
    names = [one["InstanceType"] for one in answer["InstanceTypes"]]
    assert names == sorted(names)
    return [name for name in names if name in FOUR]


def without(*names):
    return [name for name in FOUR if name not in names]


# The parameter, how a value is sent, two values, and what is found by each.
for _path, _send, _values, _expected in [
    ("VCpuCount.Min", lambda v: {"VCpuCount": {"Min": v}}, (4, 8), (["m5a.xlarge", "r5.2xlarge"], ["r5.2xlarge"])),
    ("VCpuCount.Max", lambda v: {"VCpuCount": {"Min": 0, "Max": v}}, (2, 4), (["m5.large", "t3.nano"], without("r5.2xlarge"))),
    ("MemoryMiB.Min", lambda v: {"MemoryMiB": {"Min": v}}, (8192, 65536), (without("t3.nano"), ["r5.2xlarge"])),
    ("MemoryMiB.Max", lambda v: {"MemoryMiB": {"Min": 0, "Max": v}}, (512, 8192), (["t3.nano"], ["m5.large", "t3.nano"])),
    ("MemoryGiBPerVCpu.Min", lambda v: {"MemoryGiBPerVCpu": {"Min": v}}, (4.0, 4.5), (without("t3.nano"), ["r5.2xlarge"])),
    ("MemoryGiBPerVCpu.Max", lambda v: {"MemoryGiBPerVCpu": {"Max": v}}, (0.25, 4.0), (["t3.nano"], without("r5.2xlarge"))),
    ("NetworkInterfaceCount.Min", lambda v: {"NetworkInterfaceCount": {"Min": v}}, (3, 4), (without("t3.nano"), ["m5a.xlarge", "r5.2xlarge"])),
    ("NetworkInterfaceCount.Max", lambda v: {"NetworkInterfaceCount": {"Max": v}}, (2, 3), (["t3.nano"], ["m5.large", "t3.nano"])),
    ("NetworkBandwidthGbps.Min", lambda v: {"NetworkBandwidthGbps": {"Min": v}}, (0.75, 2.5), (without("t3.nano"), ["r5.2xlarge"])),
    ("NetworkBandwidthGbps.Max", lambda v: {"NetworkBandwidthGbps": {"Max": v}}, (0.5, 0.75), (["t3.nano"], ["m5.large", "t3.nano"])),
    ("BaselineEbsBandwidthMbps.Min", lambda v: {"BaselineEbsBandwidthMbps": {"Min": v}}, (650, 2300), (without("t3.nano"), ["r5.2xlarge"])),
    ("BaselineEbsBandwidthMbps.Max", lambda v: {"BaselineEbsBandwidthMbps": {"Max": v}}, (43, 650), (["t3.nano"], ["m5.large", "t3.nano"])),
    ("CpuManufacturer", lambda v: {"CpuManufacturers": [v]}, ("amd", "intel"), (["m5a.xlarge"], without("m5a.xlarge"))),
    ("ExcludedInstanceType", lambda v: {"ExcludedInstanceTypes": v}, (["m5*"], ["m5.*", "r?.2xlarge"]), (["r5.2xlarge", "t3.nano"], ["m5a.xlarge", "t3.nano"])),
    ("AllowedInstanceType", lambda v: {"AllowedInstanceTypes": v}, (["m5*"], ["*.nano", "m5.large"]), (["m5.large", "m5a.xlarge"], ["m5.large", "t3.nano"])),
    ("InstanceGeneration", lambda v: {"InstanceGenerations": [v]}, ("current", "previous"), (FOUR, [])),
    ("BurstablePerformance", lambda v: {"BurstablePerformance": v}, ("required", "excluded"), (["t3.nano"], without("t3.nano"))),
    # What no type has: who requires it gets none.
    ("BareMetal", lambda v: {"BareMetal": v}, ("included", "required"), (FOUR, [])),
    ("LocalStorage", lambda v: {"LocalStorage": v}, ("excluded", "required"), (FOUR, [])),
    ("LocalStorageType", lambda v: {"LocalStorageTypes": v}, (None, ["ssd"]), (FOUR, [])),
    ("TotalLocalStorageGB.Min", lambda v: {"TotalLocalStorageGB": {"Min": v}}, (0.0, 1.0), (FOUR, [])),
    ("TotalLocalStorageGB.Max", lambda v: {"TotalLocalStorageGB": {"Min": 1.0, "Max": v}}, (2.0, 0.5), ([], "InvalidParameterValue")),
    ("AcceleratorCount.Min", lambda v: {"AcceleratorCount": {"Min": v}}, (0, 1), (FOUR, [])),
    ("AcceleratorCount.Max", lambda v: {"AcceleratorCount": {"Min": 1, "Max": v}}, (1, 0), ([], "InvalidParameterValue")),
    ("AcceleratorTotalMemoryMiB.Min", lambda v: {"AcceleratorTotalMemoryMiB": {"Min": v}}, (0, 1), (FOUR, [])),
    ("AcceleratorTotalMemoryMiB.Max", lambda v: {"AcceleratorTotalMemoryMiB": {"Min": 1, "Max": v}}, (1, 0), ([], "InvalidParameterValue")),
    ("AcceleratorType", lambda v: {"AcceleratorTypes": v}, (None, ["gpu"]), (FOUR, [])),
    ("AcceleratorManufacturer", lambda v: {"AcceleratorManufacturers": v}, (None, ["nvidia"]), (FOUR, [])),
    ("AcceleratorName", lambda v: {"AcceleratorNames": v}, (None, ["t4"]), (FOUR, [])),
    ("RequireHibernateSupport", lambda v: {"RequireHibernateSupport": v}, (False, True), (FOUR, [])),
    ("RequireEncryptionInTransit", lambda v: {"RequireEncryptionInTransit": v}, (False, True), (FOUR, [])),
]:
    parameter("GetInstanceTypesFromInstanceRequirements", f"InstanceRequirements.{_path}", _values, _expected)(
        lambda world, value, send=_send: found(world, **send(value))
    )


@parameter("GetInstanceTypesFromInstanceRequirements", "ArchitectureType", ("x86_64", "arm64"), (FOUR, []))
def architecture(world, value):
    return found(world, architectures=[value])


@parameter("GetInstanceTypesFromInstanceRequirements", "VirtualizationType", ("hvm", "paravirtual"), (FOUR, []))
def virtualization(world, value):
    return found(world, virtualizations=[value])


def page(world, **parameters):
    answer = world.ec2.get_instance_types_from_instance_requirements(**question(AllowedInstanceTypes=FOUR), **parameters)
    return [one["InstanceType"] for one in answer["InstanceTypes"]], answer.get("NextToken")


@parameter("GetInstanceTypesFromInstanceRequirements", "MaxResults", (1, 3), (FOUR[:1], FOUR[:3]))
def size_of_a_page(world, value):
    names, token = page(world, MaxResults=value)
    assert token
    return names


@parameter("GetInstanceTypesFromInstanceRequirements", "NextToken", ("first", "second"), (FOUR[:2], FOUR[2:]))
def next_page(world, value):
    names, token = page(world, MaxResults=2)
    if value == "second":
        names, token = page(world, MaxResults=2, NextToken=token)
        assert not token
    return names


# Cores and threads


def cpu(instance):
    return instance["CpuOptions"]["CoreCount"], instance["CpuOptions"]["ThreadsPerCore"]


@parameter("RunInstances", "CpuOptions.CoreCount", (1, 2), ((1, 2), (2, 2)))
def launched_with_cores(world, value):
    return cpu(world.launch(InstanceType="m6i.xlarge", CpuOptions={"CoreCount": value, "ThreadsPerCore": 2}))


@parameter("RunInstances", "CpuOptions.ThreadsPerCore", (1, 2), ((2, 1), (2, 2)))
def launched_with_threads(world, value):
    return cpu(world.launch(InstanceType="m6i.xlarge", CpuOptions={"CoreCount": 2, "ThreadsPerCore": value}))


def stopped(world):
    instance_id = world.launch(InstanceType="m6i.xlarge")["InstanceId"]
    world.ec2.stop_instances(InstanceIds=[instance_id])
    world.wait("stopped", instance_id)
    return instance_id


def changed(world, instance_id, cores, threads):
    answer = world.ec2.modify_instance_cpu_options(InstanceId=instance_id, CoreCount=cores, ThreadsPerCore=threads)
    assert (answer["InstanceId"], answer["CoreCount"], answer["ThreadsPerCore"]) == (instance_id, cores, threads)
    return cpu(world.instance(instance_id))


@parameter("ModifyInstanceCpuOptions", "CoreCount", (1, 2), ((1, 1), (2, 1)))
def cores(world, value):
    return changed(world, stopped(world), value, 1)


@parameter("ModifyInstanceCpuOptions", "ThreadsPerCore", (1, 2), ((1, 1), (1, 2)))
def threads(world, value):
    return changed(world, stopped(world), 1, value)


@parameter("ModifyInstanceCpuOptions", "InstanceId", (0, 1), ([(1, 1), (2, 2)], [(2, 2), (1, 1)]))
def which(world, value):
    both = [stopped(world) for _ in range(2)]
    changed(world, both[value], 1, 1)
    return [cpu(world.instance(one)) for one in both]
