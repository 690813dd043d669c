"""botocore's waiters, all of those of served actions: each ends where what it waits for is so, and does not where it is not. A served
action's waiter that nothing here waits by fails."""

import tomllib
from functools import cached_property
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import WaiterError

OFFICIAL = botocore.session.get_session().get_component("data_loader").load_service_model("ec2", "waiters-2")["waiters"]
ACTIONS = tomllib.loads((Path(__file__).resolve().parents[2] / "proto/actions.toml").read_text())["ec2"]
SERVED = {name for family in ACTIONS.values() for name, action in family.items() if action["status"] == "served"}
WAITERS = {name for name, waiter in OFFICIAL.items() if waiter["operation"] in SERVED}

PATIENT = {"Delay": 1, "MaxAttempts": 60}


class World:
    def __init__(self, cloud):
        self.ec2, self.image = cloud.accounts[0].client("ec2"), cloud.ami()

    def launch(self, state="running", **parameters):
        answer = self.ec2.run_instances(ImageId=self.image, InstanceType="t3.nano", MinCount=1, MaxCount=1, **parameters)
        (instance,) = answer["Instances"]
        self.wait("running", instance["InstanceId"])
        if state != "running":
            end = self.ec2.stop_instances if state == "stopped" else self.ec2.terminate_instances
            end(InstanceIds=[instance["InstanceId"]])
            self.wait(state, instance["InstanceId"])
        return self.ec2.describe_instances(InstanceIds=[instance["InstanceId"]])["Reservations"][0]["Instances"][0]

    def wait(self, state, instance_id):
        self.ec2.get_waiter(f"instance_{state}").wait(InstanceIds=[instance_id], WaiterConfig=PATIENT)

    @cached_property
    def running(self):
        return self.launch()

    @cached_property
    def stopped(self):
        return self.launch("stopped")

    @cached_property
    def ended(self):
        return self.launch("terminated")

    @cached_property
    def left(self):
        """A volume that has outlived its instance."""
        kept = {"BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}]}
        instance = self.launch(**kept)
        volume_id = volume_of(instance)
        self.ec2.terminate_instances(InstanceIds=[instance["InstanceId"]])
        self.wait("terminated", instance["InstanceId"])
        return volume_id

    @cached_property
    def key(self):
        return self.ec2.create_key_pair(KeyName="waited-for")["KeyName"]

    @cached_property
    def interface(self):
        made = self.ec2.create_network_interface(SubnetId=self.default("subnets", "Subnets", "SubnetId"))
        return made["NetworkInterface"]["NetworkInterfaceId"]

    def new_nat(self):
        subnet_id = self.running["SubnetId"]
        return self.ec2.create_nat_gateway(SubnetId=subnet_id, ConnectivityType="private")["NatGateway"]["NatGatewayId"]

    @cached_property
    def nat(self):
        return self.new_nat()

    @cached_property
    def nat_that_went(self):
        nat = self.new_nat()
        self.ec2.delete_nat_gateway(NatGatewayId=nat)
        return nat

    def new_peering(self):
        own = self.default("vpcs", "Vpcs", "VpcId")
        other = self.ec2.create_vpc(CidrBlock="10.70.0.0/16")["Vpc"]["VpcId"]
        made = self.ec2.create_vpc_peering_connection(VpcId=own, PeerVpcId=other)
        return made["VpcPeeringConnection"]["VpcPeeringConnectionId"]

    @cached_property
    def peering(self):
        return self.new_peering()

    @cached_property
    def peering_that_went(self):
        peering = self.new_peering()
        self.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
        return peering

    def default(self, kind, answer, name):
        return getattr(self.ec2, f"describe_{kind}")()[answer][0][name]


def volume_of(instance):
    return instance["BlockDeviceMappings"][0]["Ebs"]["VolumeId"]


def of_instance(so, not_so):
    ids = lambda value: {"InstanceIds": [value["InstanceId"] if isinstance(value, dict) else value]}  # noqa: E731
    return lambda w: ids(so(w)), lambda w: ids(not_so(w))


def absent(prefix):
    return f"{prefix}-{'0' * 17}"


# Waiter: what it ends for, None where no simulated guest and no served action can bring that about; and what it does not end for.
CASES = {
    "ImageAvailable": (lambda w: {"ImageIds": [w.image]}, lambda w: {"ImageIds": [absent("ami")]}),
    "ImageExists": (lambda w: {"ImageIds": [w.image]}, lambda w: {"ImageIds": [absent("ami")]}),
    "InstanceExists": of_instance(lambda w: w.stopped, lambda w: absent("i")),
    "InstanceRunning": of_instance(lambda w: w.running, lambda w: w.stopped),
    "InstanceStatusOk": of_instance(lambda w: w.running, lambda w: w.stopped),
    "InstanceStopped": of_instance(lambda w: w.stopped, lambda w: w.running),
    "InstanceTerminated": of_instance(lambda w: w.ended, lambda w: w.stopped),
    "InternetGatewayExists": (
        lambda w: {"InternetGatewayIds": [w.default("internet_gateways", "InternetGateways", "InternetGatewayId")]},
        lambda w: {"InternetGatewayIds": [absent("igw")]},
    ),
    "KeyPairExists": (lambda w: {"KeyNames": [w.key]}, lambda w: {"KeyNames": ["nobody's"]}),
    "NatGatewayAvailable": (lambda w: {"NatGatewayIds": [w.nat]}, lambda w: {"NatGatewayIds": [w.nat_that_went]}),
    "NatGatewayDeleted": (lambda w: {"NatGatewayIds": [w.nat_that_went]}, lambda w: {"NatGatewayIds": [w.nat]}),
    "NetworkInterfaceAvailable": (
        lambda w: {"NetworkInterfaceIds": [w.interface]},
        lambda w: {"NetworkInterfaceIds": [w.running["NetworkInterfaces"][0]["NetworkInterfaceId"]]},
    ),
    # What a guest prints: tests/guest/test_tiny.py has one that does.
    "PasswordDataAvailable": (None, lambda w: {"InstanceId": w.running["InstanceId"]}),
    "SecurityGroupExists": (
        lambda w: {"GroupIds": [w.default("security_groups", "SecurityGroups", "GroupId")]}, lambda w: {"GroupIds": [absent("sg")]},
    ),
    "SubnetAvailable": (lambda w: {"SubnetIds": [w.default("subnets", "Subnets", "SubnetId")]}, lambda w: {"SubnetIds": [absent("subnet")]}),
    "SystemStatusOk": of_instance(lambda w: w.running, lambda w: w.stopped),
    "VolumeAvailable": (lambda w: {"VolumeIds": [w.left]}, lambda w: {"VolumeIds": [volume_of(w.running)]}),
    "VolumeDeleted": (lambda w: {"VolumeIds": [absent("vol")]}, lambda w: {"VolumeIds": [volume_of(w.running)]}),
    "VolumeInUse": (lambda w: {"VolumeIds": [volume_of(w.running)]}, lambda w: {"VolumeIds": [w.left]}),
    "VpcAvailable": (lambda w: {"VpcIds": [w.default("vpcs", "Vpcs", "VpcId")]}, lambda w: {"VpcIds": [absent("vpc")]}),
    "VpcPeeringConnectionDeleted": (lambda w: {"VpcPeeringConnectionIds": [w.peering_that_went]}, lambda w: {"VpcPeeringConnectionIds": [w.peering]}),
    "VpcPeeringConnectionExists": (lambda w: {"VpcPeeringConnectionIds": [w.peering]}, lambda w: {"VpcPeeringConnectionIds": [absent("pcx")]}),
    "VpcExists": (lambda w: {"VpcIds": [w.default("vpcs", "Vpcs", "VpcId")]}, lambda w: {"VpcIds": [absent("vpc")]}),
}


@pytest.fixture(scope="module")
def world(quick_cloud):
    return World(quick_cloud)


def test_every_waiter_of_what_is_served_is_here():
    assert CASES.keys() == WAITERS


@pytest.mark.parametrize("name", sorted(CASES))
def test_it_waits_for_what_it_says(world, name):
    so, not_so = CASES[name]
    waiter = world.ec2.get_waiter(xform_name(name))
    if so is not None:
        waiter.wait(WaiterConfig=PATIENT, **so(world))
    with pytest.raises(WaiterError):
        waiter.wait(WaiterConfig={"Delay": 0, "MaxAttempts": 1}, **not_so(world))
