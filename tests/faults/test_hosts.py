"""Three hosts in two zones: where instances go, and what becomes of them when a host is drained, silent, back, or lost for good."""

import shutil

import pytest
from botocore.exceptions import ClientError
from cloud import Cloud, wait_until
from evidence import read_database

A, B = "us-east-1a", "us-east-1b"
ZONES = """
[scheduler]
status_initializing_seconds = 1

[agent.network]
tunnel_address = "192.0.2.1"
"""
# Four t3.micro fill its memory.
SMALL = """
[agent.capacity]
vcpus = 4
memory_mib = 4096
disk_mib = 1048576
"""
QUICK = {"Delay": 1, "MaxAttempts": 90}


class Hosts:
    """The cloud with its own host and `two` in zone a, and `three`, a small one, in zone b."""

    def __init__(self):
        self.cloud = Cloud("simulated", extra=ZONES)
        try:
            self.cloud.up()
            self.two = self.cloud.add_host("two", A)
            self.three = self.cloud.add_host("three", B, SMALL)
            self.ec2 = self.cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})
            self.ami = self.cloud.ami()
        except BaseException:
            self.cloud.close()
            raise

    def run(self, count=1, kind="t3.micro", **parameters):
        answer = self.ec2.run_instances(ImageId=self.ami, InstanceType=kind, MinCount=count, MaxCount=count, **parameters)
        return [instance["InstanceId"] for instance in answer["Instances"]]

    def run_on(self, zone, count=1):
        return self.run(count, Placement={"AvailabilityZone": zone})

    def wait(self, state, ids):
        self.ec2.get_waiter(f"instance_{state}").wait(InstanceIds=ids, WaiterConfig=QUICK)

    def instance(self, one):
        (reservation,) = self.ec2.describe_instances(InstanceIds=[one])["Reservations"]
        return reservation["Instances"][0]

    def checks(self, one):
        """System and instance status, each with its detail."""
        (status,) = self.ec2.describe_instance_status(InstanceIds=[one], IncludeAllInstances=True)["InstanceStatuses"]
        assert status.get("Events", []) == []
        return status["SystemStatus"], status["InstanceStatus"]

    def orders(self, host):
        """What the store has the host bury."""
        rows, _ = read_database(self.cloud.folder / "data/scheduler/freehold.db")
        return [row for row in rows["tombstone"] if row["host_id"] == host.host_id]

    def counts(self):
        return {row["hostname"] if row["hostname"] in ("two", "three") else "one": row["instances"] for row in self.cloud.json("host", "ls")}

    def terminate_all(self):
        found = [i["InstanceId"] for r in self.ec2.describe_instances()["Reservations"] for i in r["Instances"] if i["State"]["Name"] != "terminated"]
        if found:
            self.ec2.terminate_instances(InstanceIds=found)
            self.wait("terminated", found)

    def attention(self):
        return "\n".join(self.cloud.json("status", check=False)["attention"])

    def refused(self, count=1, **parameters):
        """The request id of a launch that found no place."""
        with pytest.raises(ClientError) as refused:
            # Without the client's own retries: InsufficientInstanceCapacity is a 500.
            self.cloud.accounts[0].client("ec2").run_instances(
                ImageId=self.ami, InstanceType="t3.micro", MinCount=count, MaxCount=count, **parameters
            )
        assert refused.value.response["Error"]["Code"] == "InsufficientInstanceCapacity"
        return refused.value.response["ResponseMetadata"]["RequestId"]


@pytest.fixture(scope="module")
def shared():
    hosts = Hosts()
    try:
        yield hosts
    finally:
        left = hosts.cloud.close()
        assert not left, "left on the machine:\n" + "\n".join(left)


@pytest.fixture
def hosts(shared):
    """With nothing on them."""
    yield shared
    shared.terminate_all()


def why(hosts, subject):
    return hosts.cloud.json("why", subject)


def reasons(explained):
    return {host["hostname"]: host["reason"] for host in explained["not_chosen"]}


def test_instances_spread_over_zones_and_over_the_hosts_of_a_zone(hosts):
    for _ in range(6):
        hosts.run()
    assert hosts.counts() == {"one": 2, "two": 2, "three": 2}
    ids = hosts.run_on(A, 4)
    assert hosts.counts() == {"one": 4, "two": 4, "three": 2}
    assert {hosts.instance(one)["Placement"]["AvailabilityZone"] for one in ids} == {A}


def test_why_says_where_an_instance_is_and_why_not_elsewhere(hosts):
    (one,) = hosts.run_on(B)
    explained = why(hosts, one)
    (placed,) = explained["placed"]
    assert (placed["hostname"], placed["host_id"]) == ("three", hosts.three.host_id)
    assert "fewest instances (0)" in placed["reason"]
    assert reasons(explained)["two"] == "is in another availability zone"
    assert explained["wanted"].startswith("1 t3.micro (2 vCPUs, 1024 MiB of memory") and explained["wanted"].endswith(f"in {B}")
    reservation = hosts.ec2.describe_instances(InstanceIds=[one])["Reservations"][0]["ReservationId"]
    assert why(hosts, reservation)["placed"] == explained["placed"]
    told = hosts.cloud.freehold("why", one).stdout
    assert f"{one} (" in told and "is on three (" in told and "is in another availability zone" in told


def test_net_plan_and_trace_are_computed_for_hosts_that_are_there_and_that_are_not(hosts):
    (near,), (far,) = hosts.run_on(A), hosts.run_on(B)
    hosts.wait("running", [near, far])
    here, there = hosts.instance(near), hosts.instance(far)
    trace = lambda *words: hosts.cloud.freehold("net", "trace", *words, check=False)
    plan = hosts.cloud.json("net", "plan", "three")
    (vpc,) = plan["vpcs"]
    (interface,) = vpc["interfaces"]
    (shown,) = there["NetworkInterfaces"]
    assert (plan["faults"], plan["simulated"], vpc["vpc_id"]) == ([], [far], there["VpcId"])
    assert (interface["network_interface_id"], interface["addresses"]) == (shown["NetworkInterfaceId"], [there["PrivateIpAddress"]])
    assert interface["public"] == {there["PublicIpAddress"]: there["PrivateIpAddress"]}

    # The default group lets in whoever carries it, and nobody else.
    group = there["SecurityGroups"][0]["GroupId"]
    passes = trace(near, far, "tcp", "22")
    assert passes.returncode == 0 and f"{group} ingress all traffic from {group}" in passes.stdout, passes.stdout + passes.stderr
    stopped = trace("203.0.113.7", far, "tcp", "22")
    assert stopped.returncode == 3 and f"STOP group    {shown['NetworkInterfaceId']}: no ingress rule" in stopped.stdout, stopped.stdout
    hosts.ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="203.0.113.0/24")
    answer = hosts.cloud.json("net", "trace", "203.0.113.7", there["PublicIpAddress"], "tcp", "22")
    assert answer["passes"] and any("ingress tcp 22 from 203.0.113.0/24" in step["by"] for step in answer["there"])
    assert any("rule 100 allow all traffic" in step["by"] for step in answer["back"]), "the default network ACL"
    hosts.ec2.revoke_security_group_ingress(GroupId=group, IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="203.0.113.0/24")
    assert trace(near, there["PrivateIpAddress"], "icmp").returncode == 0
    assert trace(here["PrivateIpAddress"], far, "udp", "53").returncode == 0
    assert trace(near, "203.0.113.7", "tcp", "443").returncode == 0

    hosts.three.kill()
    hosts.three.wait_until_silent()
    assert not hosts.cloud.json("net", "plan", "three")["connected"]
    assert trace(near, far, "tcp", "22").returncode == 0
    assert "not connected since" in hosts.cloud.freehold("net", "plan", "three").stdout
    hosts.three.start()
    hosts.three.wait_until_connected()
    for words, reason in [(("net", "plan", "nobody"), "There is no host 'nobody'"), (("net", "trace", "i-0123456789abcdef0", far, "icmp"), "There is no 'i-0")]:
        refused = hosts.cloud.freehold(*words, check=False)
        assert refused.returncode == 1 and reason in refused.stderr


def test_a_full_zone_refuses_and_the_request_s_id_explains_it(hosts):
    hosts.run_on(B, 4)
    request_id = hosts.refused(Placement={"AvailabilityZone": B})
    explained = why(hosts, request_id)
    assert (explained["action"], explained["placed"], explained["account_id"]) == ("RunInstances", [], hosts.cloud.accounts[0].account_id)
    assert reasons(explained)["three"] == "has 0 MiB of memory free and 1024 are wanted"
    assert reasons(explained)["two"] == "is in another availability zone"
    assert "no host took it" in hosts.cloud.freehold("why", request_id).stdout
    assert f"zone {B} is full" in hosts.attention()
    assert hosts.run(1), "where no zone is named another one takes it"
    assert hosts.counts()["three"] == 4
    unknown = hosts.cloud.freehold("why", "i-0123456789abcdef0", check=False)
    assert unknown.returncode == 1 and "i-0123456789abcdef0" in unknown.stderr


def test_what_is_promised_is_stated(hosts):
    three = hosts.three.row()
    assert (three["vcpus"], three["vcpus_promised"]) == (4, 32)
    assert (three["memory_mib"], three["memory_mib_promised"]) == (4096, 4096)
    table = hosts.cloud.freehold("host", "ls").stdout
    assert "0/32" in table and "8 × its vCPUs" in table


def test_a_drained_host_takes_nothing_new_and_keeps_what_it_has(hosts):
    (kept,) = hosts.run_on(B)
    hosts.wait("running", [kept])
    hosts.cloud.freehold("host", "drain", "three")
    try:
        assert "connected, drained" in hosts.cloud.freehold("host", "ls").stdout
        request_id = hosts.refused(Placement={"AvailabilityZone": B})
        assert reasons(why(hosts, request_id))["three"] == "is drained and takes nothing new"
        assert "drained and empty" not in hosts.attention()
        hosts.ec2.stop_instances(InstanceIds=[kept])
        hosts.wait("stopped", [kept])
        hosts.ec2.start_instances(InstanceIds=[kept])
        hosts.wait("running", [kept])
        hosts.ec2.terminate_instances(InstanceIds=[kept])
        hosts.wait("terminated", [kept])
        assert "three" in hosts.attention() and "drained and empty" in hosts.attention()
    finally:
        hosts.cloud.freehold("host", "undrain", "three")
    assert hosts.run_on(B)


def test_status_checks_are_initializing_and_then_ok(hosts):
    (one,) = hosts.run_on(B)
    hosts.wait("running", [one])
    wait_until("both checks pass", lambda: [check["Status"] for check in hosts.checks(one)] == ["ok", "ok"])


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_silent_host_s_instances_are_shown_impaired_and_what_changed_meanwhile_is_carried_out(hosts, how):
    stopped, ended, kept = hosts.run_on(B, 3)
    hosts.wait("running", [stopped, ended, kept])
    getattr(hosts.three, how)()
    hosts.three.wait_until_silent()
    assert hosts.instance(kept)["State"]["Name"] == "running"
    system, guest = hosts.checks(kept)
    assert (system["Status"], system["Details"][0]["Status"]) == ("impaired", "failed")
    assert system["Details"][0]["ImpairedSince"]
    assert (guest["Status"], guest["Details"][0]["Status"]) == ("insufficient-data", "insufficient-data")
    assert f"in {B} is silent since" in hosts.attention() and "--lost" in hosts.attention()
    assert "silent since" in why(hosts, kept)["placed"][0]["now"]
    hosts.refused(Placement={"AvailabilityZone": B})
    hosts.ec2.stop_instances(InstanceIds=[stopped])
    hosts.ec2.terminate_instances(InstanceIds=[ended])
    assert hosts.instance(stopped)["State"]["Name"] == "stopping"
    assert hosts.instance(ended)["State"]["Name"] == "shutting-down"
    if how == "kill":
        hosts.three.start()
    else:
        hosts.three.resume()
    hosts.three.wait_until_connected()
    hosts.wait("stopped", [stopped])
    hosts.wait("terminated", [ended])
    wait_until("both checks pass", lambda: [check["Status"] for check in hosts.checks(kept)] == ["ok", "ok"])


def test_a_host_that_reboots_starts_again_what_should_run_and_nothing_else(hosts):
    run, off = hosts.run_on(B, 2)
    hosts.wait("running", [run, off])
    hosts.ec2.stop_instances(InstanceIds=[off])
    hosts.wait("stopped", [off])
    hosts.three.kill()
    # The power goes: no guest survives it.
    control = hosts.three.folder / "data/agent/simulated/control"
    for one in (run, off):
        (control / one).write_text("crash")
    hosts.three.start()
    hosts.three.wait_until_connected()
    guests = hosts.three.folder / "data/agent/simulated/guests"
    wait_until("the power was cut", lambda: not any(control.iterdir()))
    wait_until("it was booted again", lambda: b"On" in (guests / run).read_bytes())
    wait_until("it is well", lambda: [check["Status"] for check in hosts.checks(run)] == ["ok", "ok"])
    assert hosts.instance(off)["State"]["Name"] == "stopped"


def test_a_host_that_holds_something_is_not_removed_and_nobody_is_removed_unasked(hosts):
    (one,) = hosts.run_on(B)
    refused = hosts.cloud.freehold("host", "rm", "three", "--yes", check=False)
    assert refused.returncode == 1 and "is connected" in refused.stderr and "freehold down" in refused.stderr
    hosts.wait("running", [one])
    hosts.three.kill()
    hosts.three.wait_until_silent()
    refused = hosts.cloud.freehold("host", "rm", "three", "--yes", check=False)
    assert refused.returncode == 1 and one in refused.stderr and "--lost" in refused.stderr
    unasked = hosts.cloud.freehold("host", "rm", "three", "--lost", check=False)
    assert unasked.returncode == 1 and one in unasked.stderr and "--yes" in unasked.stderr
    assert hosts.instance(one)["State"]["Name"] == "running"
    hosts.three.start().wait_until_connected()
    hosts.ec2.terminate_instances(InstanceIds=[one])
    hosts.wait("terminated", [one])
    # Its VPC goes a moment after its last instance, and until then it holds that.
    wait_until("its networks are buried", lambda: not hosts.orders(hosts.three))
    hosts.three.kill()
    hosts.three.wait_until_silent()
    hosts.cloud.freehold("host", "rm", "three", "--yes")
    assert hosts.three.row() is None
    hosts.three.start().wait_until_connected()


def test_a_lost_host_s_instances_end_and_it_is_not_let_in_again(hosts):
    lost = hosts.cloud.add_host("lost", "us-east-1c")
    try:
        ended, kept = hosts.run(
            2,
            Placement={"AvailabilityZone": "us-east-1c"},
            BlockDeviceMappings=[{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": False}}],
        )
        hosts.wait("running", [ended, kept])
        volumes = [i["BlockDeviceMappings"][0]["Ebs"]["VolumeId"] for i in map(hosts.instance, (ended, kept))]
        lost.kill()
        lost.wait_until_silent()
        hosts.ec2.terminate_instances(InstanceIds=[ended])
        removed = hosts.cloud.json("host", "rm", "lost", "--lost", "--yes")
        assert (sorted(removed["terminated_instances"]), sorted(removed["lost_volumes"])) == (sorted([ended, kept]), sorted(volumes))
        for one in (ended, kept):
            instance = hosts.instance(one)
            assert (instance["State"]["Name"], instance["StateReason"]["Code"]) == ("terminated", "Server.InternalError")
            assert "PrivateIpAddress" not in instance
        assert {v["State"] for v in hosts.ec2.describe_volumes(VolumeIds=volumes)["Volumes"]} == {"error"}
        assert hosts.ec2.describe_network_interfaces(Filters=[{"Name": "availability-zone", "Values": ["us-east-1c"]}])["NetworkInterfaces"] == []
        lost.start()
        wait_until("it is turned away", lambda: "was given up as lost" in lost.log())
        wait_until("the operator hears of it", lambda: "is back and is not let in" in hosts.attention())
        assert lost.row() is None
        guests = lost.folder / "data/agent/simulated/guests"
        assert sorted(path.name for path in guests.iterdir()) == sorted([ended, kept]), "its guests are left alone"
        # What the sentence says to do: the machine is then a new host.
        lost.kill()
        shutil.rmtree(lost.folder / "data/agent")
        lost.start().wait_until_connected()
        assert lost.row()["host_id"] == lost.host_id != removed["host_id"]
    finally:
        lost.kill()


def restart_control_plane(cloud, meanwhile=lambda: None):
    cloud.freehold("down")
    meanwhile()
    cloud.freehold("up")


def test_an_older_scheduler_commands_nobody_and_what_it_does_not_know_is_kept_until_the_operator_says_otherwise(own_cloud):
    ec2 = own_cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})
    ami, store = own_cloud.ami(), own_cloud.folder / "data/scheduler"
    yesterday = own_cloud.folder / "yesterday"
    restart_control_plane(own_cloud, lambda: shutil.copytree(store, yesterday))
    wait_until("the host is connected", own_cloud.host_is_connected)
    (one,) = [i["InstanceId"] for i in ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=1, MaxCount=1)["Instances"]]
    ec2.get_waiter("instance_running").wait(InstanceIds=[one], WaiterConfig=QUICK)
    restart_control_plane(own_cloud)
    wait_until("the host is connected", own_cloud.host_is_connected)

    def restore():
        shutil.rmtree(store)
        shutil.copytree(yesterday, store)

    restart_control_plane(own_cloud, restore)
    guest = own_cloud.folder / f"data/agent/simulated/guests/{one}"
    agent_log = own_cloud.folder / "log/agent.log"
    wait_until("the agent refuses an older scheduler", lambda: "which this host has already followed" in agent_log.read_text(errors="replace"))
    assert guest.exists()
    # The next start of that scheduler is not older any more: the agent follows, and what it does not mention is kept.
    restart_control_plane(own_cloud)
    wait_until("the guest is in quarantine", lambda: [g["instance_id"] for g in own_cloud.json("host", "quarantine", "ls")] == [one])
    assert one in "".join(own_cloud.json("status", check=False)["attention"])
    assert guest.exists()
    unasked = own_cloud.freehold("host", "quarantine", "rm", own_cloud.host_id, one, check=False)
    assert unasked.returncode == 1 and "--yes" in unasked.stderr
    own_cloud.freehold("host", "quarantine", "rm", own_cloud.host_id, one, "--yes")
    wait_until("it is gone", lambda: own_cloud.json("host", "quarantine", "ls") == [])
    assert not guest.exists()


def test_the_client_token_of_a_launch_is_shown(hosts):
    (one,) = hosts.run(ClientToken="told-again")
    assert hosts.instance(one)["ClientToken"] == "told-again"
    found = hosts.ec2.describe_instances(Filters=[{"Name": "client-token", "Values": ["told-again"]}])["Reservations"]
    assert [i["InstanceId"] for r in found for i in r["Instances"]] == [one]
