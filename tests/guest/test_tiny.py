"""A tiny guest's life, in order: each test goes on where the one before stopped."""

import base64
import os
import signal
import socket
import subprocess

import pytest
from cloud import says, wait_until
from cryptography.hazmat.primitives.asymmetric import padding, rsa

PATIENT = {"Delay": 2, "MaxAttempts": 150}
PASSWORD = b"correct horse battery staple"
WINDOWS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Story:
    """What the tests of this file hand on to each other."""

    instance_id = None
    ssh = None
    boot_id = None


@pytest.fixture(scope="module")
def story():
    return Story()


@pytest.fixture(autouse=True)
def stop_at_the_first_failure(request):
    if getattr(request.module, "broken", None):
        pytest.skip(f"goes on from {request.module.broken}, which failed")
    failed = request.session.testsfailed
    yield
    if request.session.testsfailed > failed:
        request.module.broken = request.node.name


@pytest.fixture(scope="module")
def ami(cloud):
    return cloud.json("image", "build", "tiny", seconds=300)["image_id"]


@pytest.fixture(scope="module")
def key_file(cloud):
    path = cloud.folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path], check=True)
    return path


def wait(ec2, state, instance_id):
    ec2.get_waiter(f"instance_{state}").wait(InstanceIds=[instance_id], WaiterConfig=PATIENT)


def describe(ec2, instance_id):
    return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]


def connects(address, port=22):
    try:
        with socket.create_connection((address, port), timeout=3):
            return True
    except OSError:
        return False


def console(ec2, instance_id):
    return ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")


def said(ssh, path):
    """What its metadata says; None while nobody answers."""
    try:
        return ssh.metadata(path)
    except AssertionError:
        return None


def threads(story):
    """The processors of the first core, as the guest sees them."""
    return story.ssh("cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list")


def restarted(story, ec2, ssh, key_file):
    """The guest again after a start or reboot, when it answers; it may have another public address."""
    address = describe(ec2, story.instance_id)["PublicIpAddress"]
    story.ssh = ssh("ec2-user", address, key_file)
    wait_until("another boot", lambda: story.ssh.answers() and story.ssh("cat /proc/sys/kernel/random/boot_id") != story.boot_id, 300)
    story.boot_id = story.ssh("cat /proc/sys/kernel/random/boot_id")


def test_it_boots_and_its_default_group_is_closed(cloud, ec2, ami, key_file, story):
    ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=key_file.with_suffix(".pub").read_bytes())
    # It plays Windows: what the administrator's password is, encrypted to the holder of a key, is printed once at the first boot.
    encrypted = base64.b64encode(WINDOWS_KEY.public_key().encrypt(PASSWORD, padding.PKCS1v15())).decode()
    script = f"#!/bin/sh\necho ran-$(( 6 * 7 )) > /var/user-data-ran\necho '<Password>' > /dev/console\necho '{encrypted}' > /dev/console\necho '</Password>' > /dev/console\n"
    blank = [{"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 1}}]
    launch = {"ImageId": ami, "InstanceType": "t3.nano", "KeyName": "mine", "BlockDeviceMappings": blank}
    answer = ec2.run_instances(UserData=script, MinCount=1, MaxCount=1, **launch)
    story.instance_id = answer["Instances"][0]["InstanceId"]
    wait(ec2, "running", story.instance_id)
    wait_until("the guest says on its console that SSH is up", lambda: says(console(ec2, story.instance_id), "freehold-tiny: ssh is up"), 300)
    address = describe(ec2, story.instance_id)["PublicIpAddress"]
    assert not connects(address), "port 22 must be closed until it is authorized"
    assert len(cloud.guests()) == 1


def test_authorized_ssh_works_with_the_imported_key_and_no_other(cloud, ec2, key_file, open_port_22, ssh, story):
    open_port_22()
    address = describe(ec2, story.instance_id)["PublicIpAddress"]
    story.ssh = ssh("ec2-user", address, key_file).wait(60)
    assert story.ssh("echo $HOME") == "/home/ec2-user"
    other = cloud.folder / "other"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", other], check=True)
    assert not ssh("ec2-user", address, other).answers()
    assert not connects(address, 80)


def test_its_password_is_read_by_the_holder_of_the_key_alone(cloud, ec2, story):
    ec2.get_waiter("password_data_available").wait(InstanceId=story.instance_id, WaiterConfig=PATIENT)
    cloud.aws("ec2", "wait", "password-data-available", "--instance-id", story.instance_id)
    answer = ec2.get_password_data(InstanceId=story.instance_id)
    assert WINDOWS_KEY.decrypt(base64.b64decode(answer["PasswordData"]), padding.PKCS1v15()) == PASSWORD


def test_a_blank_volume_is_a_disk_that_the_guest_tells_by_its_serial(ec2, story):
    volume_id = next(one["Ebs"]["VolumeId"] for one in describe(ec2, story.instance_id)["BlockDeviceMappings"] if one["DeviceName"] == "/dev/sdf")
    disks = story.ssh("for disk in /sys/block/vd*; do echo $(cat $disk/serial) $(cat $disk/size); done").split("\n")
    assert f"{volume_id.replace('-', '')} {(1 << 30) // 512}" in disks


def test_its_display_is_seen(cloud, ec2, story):
    def picture():
        shown = base64.b64decode(ec2.get_console_screenshot(InstanceId=story.instance_id, WakeUp=True)["ImageData"])
        assert shown.startswith(b"\xff\xd8") and shown.endswith(b"\xff\xd9"), "a JPEG"
        return len(shown)

    story.ssh("clear > /dev/tty1")
    empty = picture()
    story.ssh("for n in $(seq 20); do echo '################################################################'; done > /dev/tty1")
    assert picture() > 2 * empty, "a screen full of text is a larger picture"
    assert not list((cloud.folder / "data").rglob("screen.ppm")), "nothing of it stays"


def test_it_knows_itself_from_metadata(cloud, ec2, ami, story):
    instance = describe(ec2, story.instance_id)
    ask = story.ssh.metadata
    assert ask("meta-data/instance-id") == story.instance_id
    assert ask("meta-data/ami-id") == ami
    assert ask("meta-data/local-ipv4") == instance["PrivateIpAddress"]
    assert ask("meta-data/public-ipv4") == instance["PublicIpAddress"]
    assert story.ssh("hostname").split(".")[0] == instance["PrivateDnsName"].split(".")[0]
    # A t3.nano has one core of two threads. Without KVM the guest takes each thread for a core.
    assert (threads(story), story.ssh("nproc")) == ("0-1" if cloud.host()["drivers"] == ["qemu/kvm"] else "0", "2")
    wait_until("user-data ran", lambda: story.ssh.run("cat /var/user-data-ran").stdout.strip() == "ran-42")


def test_it_goes_on_with_network_and_metadata_while_the_control_plane_is_down(cloud, story):
    cloud.kill("supervisor")
    cloud.kill("control-plane")
    agent = cloud.kill("agent")
    assert len(cloud.guests()) == 1
    assert story.ssh("echo still here") == "still here"
    cloud.start_agent_alone()
    assert cloud.process("agent") != agent
    wait_until("metadata answers from the plan on disk", lambda: said(story.ssh, "meta-data/instance-id") == story.instance_id)
    guests = cloud.guests()
    cloud.freehold("up")
    wait_until("the agent is connected", cloud.host_is_connected)
    assert cloud.guests() == guests, "adopted, not started again"


def test_its_process_is_confined(cloud):
    (pid,) = cloud.guests()
    status = dict(line.split(":\t", 1) for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split(), "QEMU must not run as root"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert int(status["CapEff"], 16) == 0


def test_an_interface_is_plugged_in_and_out_while_it_runs(ec2, story):
    launched = describe(ec2, story.instance_id)
    made = ec2.create_network_interface(SubnetId=launched["SubnetId"])["NetworkInterface"]
    interface_id, address, mac = made["NetworkInterfaceId"], made["PrivateIpAddress"], made["MacAddress"]
    attachment = ec2.attach_network_interface(NetworkInterfaceId=interface_id, InstanceId=story.instance_id, DeviceIndex=1)["AttachmentId"]

    def status():
        return ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])["NetworkInterfaces"][0].get("Attachment", {}).get("Status")

    wait_until("it is attached", lambda: status() == "attached")
    wait_until("the guest has a second interface", lambda: mac in story.ssh("cat /sys/class/net/*/address"))
    assert story.ssh.metadata(f"meta-data/network/interfaces/macs/{mac}/local-ipv4s") == address
    leased = story.ssh("sudo ip link set eth1 up; sudo busybox udhcpc -i eth1 -n -q -t 10 -s /bin/true 2>&1")
    assert f"lease of {address} obtained" in leased
    ec2.detach_network_interface(AttachmentId=attachment)
    wait_until("it is detached", lambda: status() is None)
    assert mac not in story.ssh("cat /sys/class/net/*/address")
    # Again, by another device and in whatever slot is free; what stays plugged at the end goes with the instance.
    ec2.attach_network_interface(NetworkInterfaceId=interface_id, InstanceId=story.instance_id, DeviceIndex=1)
    wait_until("it is attached again", lambda: status() == "attached")


def test_reboot_reboots_and_keeps_the_disk(ec2, key_file, ssh, story):
    story.boot_id = story.ssh("cat /proc/sys/kernel/random/boot_id")
    story.ssh("echo kept > ~/note && sync")
    ec2.reboot_instances(InstanceIds=[story.instance_id])
    restarted(story, ec2, ssh, key_file)
    assert story.ssh("cat ~/note") == "kept"
    assert describe(ec2, story.instance_id)["State"]["Name"] == "running"


def test_stop_and_start_keep_disk_and_private_address(cloud, ec2, key_file, ssh, story):
    before = describe(ec2, story.instance_id)
    ec2.stop_instances(InstanceIds=[story.instance_id])
    wait(ec2, "stopped", story.instance_id)
    assert cloud.guests() == {}
    ec2.modify_instance_cpu_options(InstanceId=story.instance_id, CoreCount=1, ThreadsPerCore=1)
    named = {"PrivateDnsHostnameType": "resource-name", "EnableResourceNameDnsARecord": True}
    ec2.modify_private_dns_name_options(InstanceId=story.instance_id, **named)
    ec2.start_instances(InstanceIds=[story.instance_id])
    wait(ec2, "running", story.instance_id)
    restarted(story, ec2, ssh, key_file)
    assert (threads(story), story.ssh("nproc")) == ("0", "1"), "as it was asked while it was stopped"
    assert story.ssh("cat ~/note") == "kept"
    assert describe(ec2, story.instance_id)["PrivateIpAddress"] == before["PrivateIpAddress"]
    assert before["PrivateIpAddress"] in story.ssh("ip -4 addr show dev eth0")


def test_it_is_called_by_its_id_as_it_was_asked_while_it_was_stopped(ec2, story):
    address, name = describe(ec2, story.instance_id)["PrivateIpAddress"], f"{story.instance_id}.ec2.internal"
    assert story.ssh("hostname") == story.instance_id
    assert story.ssh.metadata("meta-data/local-hostname") == name
    assert address in story.ssh(f"busybox nslookup {name}")
    assert name in story.ssh(f"busybox nslookup {address}"), "and back"
    ec2.modify_private_dns_name_options(InstanceId=story.instance_id, EnableResourceNameDnsARecord=False)
    wait_until("nobody answers for the name", lambda: address not in story.ssh.run(f"busybox nslookup {name}").stdout)
    assert f"ip-{address.replace('.', '-')}.ec2.internal" in story.ssh(f"busybox nslookup {address}")


def test_a_guest_that_is_not_to_be_recovered_stays_down_until_it_is_rebooted(cloud, ec2, key_file, ssh, story):
    def checks():
        (found,) = ec2.describe_instance_status(InstanceIds=[story.instance_id])["InstanceStatuses"]
        return found["SystemStatus"]["Status"], found["InstanceStatus"]["Status"]

    ec2.modify_instance_maintenance_options(InstanceId=story.instance_id, AutoRecovery="disabled")
    # Its host has to know of it.
    wait_until("it is told", lambda: describe(ec2, story.instance_id)["MetadataOptions"]["State"] == "applied")
    (pid,) = cloud.guests()
    os.kill(pid, signal.SIGKILL)
    wait_until("both checks fail", lambda: checks() == ("impaired", "impaired"))
    assert (cloud.guests(), describe(ec2, story.instance_id)["State"]["Name"]) == ({}, "running")
    ec2.reboot_instances(InstanceIds=[story.instance_id])
    restarted(story, ec2, ssh, key_file)
    wait_until("neither fails any more", lambda: "impaired" not in checks())
    assert story.ssh("cat ~/note") == "kept"


def test_a_guest_that_powers_itself_off_is_stopped(cloud, ec2, story):
    story.ssh.run("poweroff")
    wait(ec2, "stopped", story.instance_id)
    assert cloud.guests() == {}
    reason = describe(ec2, story.instance_id)["StateReason"]
    assert reason["Code"] == "Client.InstanceInitiatedShutdown"


def test_terminate_leaves_nothing_on_the_host(cloud, ec2, story):
    ec2.start_instances(InstanceIds=[story.instance_id])
    wait(ec2, "running", story.instance_id)
    ec2.terminate_instances(InstanceIds=[story.instance_id])
    wait(ec2, "terminated", story.instance_id)
    assert cloud.guests() == {}
    wait_until("the host has buried it", lambda: cloud.host()["instances"] == 0)
    traces = [path for path in (cloud.folder / "data/agent").rglob("*") if story.instance_id in str(path)]
    assert traces == []
    namespaces = [line.split()[1] for line in cloud.network() if line.startswith("netns ")]
    for namespace in namespaces:
        links = subprocess.run(["ip", "-n", namespace, "-brief", "link"], capture_output=True, text=True, check=True).stdout
        assert "tap" not in links, f"{namespace} still has a tap: {links}"
