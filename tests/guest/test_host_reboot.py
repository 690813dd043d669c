"""The machine goes down and comes up: nothing runs any more, and of namespaces, taps, rules and sockets nothing is left. What should run
runs again, with its disk and address; what was stopped stays stopped."""

import os
import shutil
import signal
import subprocess

from cloud import wait_until

PATIENT = {"Delay": 2, "MaxAttempts": 150}


def lose_power(cloud):
    """As a reboot leaves a machine, as far as this cloud goes: its files, and nothing that lives in memory."""
    cloud.kill("supervisor")
    cloud.kill("control-plane")
    cloud.kill("agent")
    for pid in cloud.processes():
        os.kill(pid, signal.SIGKILL)
    wait_until("nothing of it runs", lambda: not cloud.processes())
    marks = cloud.network_marks()
    for line in cloud.network(marks):
        kind, name = line.split()[:2]
        if kind == "netns":
            subprocess.run(["ip", "netns", "delete", name], check=True)
    for line in cloud.network(marks):
        words = line.split()
        if words[0] == "link":
            # The other end of a pair goes by itself, a moment after its namespace.
            subprocess.run(["ip", "link", "delete", words[1].split("@")[0]], check=False)
        elif words[0] == "nft":
            subprocess.run(["nft", "delete", *words[1:]], check=True)
    wait_until("nothing of its network is left", lambda: not cloud.network(marks))
    for path in (cloud.folder / "run").iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_a_reboot_of_the_host_starts_again_what_should_run_and_nothing_else(cloud, ec2, open_port_22, ssh):
    ami = cloud.json("image", "build", "tiny", seconds=300)["image_id"]
    key_file = cloud.folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key_file], check=True)
    ec2.import_key_pair(KeyName="mine", PublicKeyMaterial=key_file.with_suffix(".pub").read_bytes())
    open_port_22()
    answer = ec2.run_instances(ImageId=ami, InstanceType="t3.nano", KeyName="mine", MinCount=2, MaxCount=2)
    runs, stops = (instance["InstanceId"] for instance in answer["Instances"])
    ec2.get_waiter("instance_running").wait(InstanceIds=[runs, stops], WaiterConfig=PATIENT)
    ec2.stop_instances(InstanceIds=[stops], Force=True)
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[stops], WaiterConfig=PATIENT)

    def describe(instance_id):
        return ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]

    before = describe(runs)
    shell = ssh("ec2-user", before["PublicIpAddress"], key_file).wait()
    shell("echo kept > ~/note && sync")
    boot_id = shell("cat /proc/sys/kernel/random/boot_id")

    lose_power(cloud)
    cloud.freehold("up")
    wait_until("this host's agent is connected", cloud.host_is_connected)
    shell.wait()
    assert shell("cat /proc/sys/kernel/random/boot_id") != boot_id, "it booted again"
    assert shell("cat ~/note") == "kept"
    after = describe(runs)
    assert (after["State"]["Name"], after["PrivateIpAddress"], after["PublicIpAddress"]) == (
        "running", before["PrivateIpAddress"], before["PublicIpAddress"],
    )
    assert describe(stops)["State"]["Name"] == "stopped"
    assert len(cloud.guests()) == 1, "what was stopped stays stopped"
    assert cloud.host()["quarantined"] == []
