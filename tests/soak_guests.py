"""Tiny guests under an agent that is killed and upgraded again and again: none is restarted, and a TCP connection through each lives on.

    target/test-python/bin/python tests/soak_guests.py --minutes 5 --seed 1 [--guests 20]

An upgrade is what a package does: another file is renamed over the program's, and the agent is ended, with or without being asked. Each
guest's connection is one SSH session that says its boot's id once and then echoes; a guest that was started again would have lost it.
As root; the same seed does the same.
"""

import argparse
import os
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILT = Path(os.environ.get("FREEHOLD_BIN", ROOT / "target/debug/freehold"))
# A program of this run's own, since it is replaced; `cloud` takes it from the environment.
PROGRAM = Path(tempfile.mkdtemp(prefix="fh-program-")) / "freehold"
os.environ["FREEHOLD_BIN"] = str(PROGRAM)

from cloud import Cloud, wait_until  # noqa: E402

# The machine is shared by more guests than it has processors for.
PATIENT = {"Delay": 2, "MaxAttempts": 300}
BOOT_SECONDS = 600
ECHO_SECONDS = 60


class Crowd(Cloud):
    """A cloud whose host promises more than it has: tiny guests use little of it."""

    def _config(self):
        return super()._config() + "\n[agent.capacity]\nvcpus = 128\nmemory_mib = 131072\n"


class Conversation:
    """One SSH session into a guest, kept open."""

    def __init__(self, key_file, address):
        options = ["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
                   "ConnectTimeout=30"]
        self.address, self.said = address, 0
        self.ssh = subprocess.Popen(
            ["ssh", "-F", "none", "-i", key_file, *(word for option in options for word in ("-o", option)), f"ec2-user@{address}",
             "cat /proc/sys/kernel/random/boot_id; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )
        self.boot_id = self.line()

    def line(self):
        text, deadline = b"", time.monotonic() + ECHO_SECONDS
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([self.ssh.stdout], [], [], max(0, deadline - time.monotonic()))
            more = os.read(self.ssh.stdout.fileno(), 4096) if ready else b""
            if not more:
                why = "says nothing" if not ready else f"ended: {self.ssh.stderr.read().decode(errors='replace')}"
                raise AssertionError(f"the connection to {self.address} {why}")
            text += more
        return text.decode().strip()

    def echoes(self):
        self.said += 1
        self.ssh.stdin.write(f"{self.said}\n".encode())
        answer = self.line()
        assert answer == str(self.said), f"{self.address} answered {answer!r} to {self.said}"

    def close(self):
        self.ssh.kill()
        self.ssh.wait()


class Soak:
    def __init__(self, cloud, seed, guests):
        self.cloud, self.random = cloud, random.Random(seed)
        self.ec2 = cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})
        self.conversations, self.done = [], {"kill": 0, "upgrade": 0, "kill the control plane": 0}
        self.ids = self.launch(guests)
        self.guests = cloud.guests()
        assert len(self.guests) == guests, self.guests

    def launch(self, count):
        key_file = self.cloud.folder / "id_ed25519"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key_file], check=True)
        self.ec2.import_key_pair(KeyName="soak", PublicKeyMaterial=key_file.with_suffix(".pub").read_bytes())
        (group,) = self.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"]
        self.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0")
        ami = self.cloud.json("image", "build", "tiny", seconds=BOOT_SECONDS)["image_id"]
        answer = self.ec2.run_instances(ImageId=ami, InstanceType="t3.nano", KeyName="soak", MinCount=count, MaxCount=count)
        ids = [instance["InstanceId"] for instance in answer["Instances"]]
        self.ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=PATIENT)
        for instance_id in ids:
            wait_until(f"{instance_id} booted", lambda: "freehold-tiny: ready" in self.console(instance_id), BOOT_SECONDS)
        self.conversations = [Conversation(key_file, address) for address in self.addresses(ids)]
        return ids

    def console(self, instance_id):
        return self.ec2.get_console_output(InstanceId=instance_id, Latest=True).get("Output", "")

    def instances(self, ids):
        return [i for r in self.ec2.describe_instances(InstanceIds=ids)["Reservations"] for i in r["Instances"]]

    def addresses(self, ids):
        return [instance["PublicIpAddress"] for instance in self.instances(ids)]

    def step(self):
        what = self.random.choice(["kill", "kill", "upgrade", "upgrade", "kill the control plane"])
        if what == "upgrade":
            self.upgrade()
        else:
            self.end("control-plane" if what == "kill the control plane" else "agent", signal.SIGKILL)
        self.done[what] += 1
        self.check()

    def end(self, part, number):
        before = wait_until(f"{part} runs", lambda: self.cloud.process(part), 120)
        # In the middle of whatever it does at its start, or long after.
        time.sleep(self.random.choice([0, 0.05, 0.3, 2]))
        os.kill(before.pid, number)
        for conversation in self.random.sample(self.conversations, min(3, len(self.conversations))):
            conversation.echoes()
        wait_until(f"{part} runs again", lambda: self.cloud.process(part) not in (None, before), 120)

    def upgrade(self):
        """Another file, of another content, under the program's name."""
        new = PROGRAM.with_name("freehold.new")
        shutil.copy(BUILT, new)
        with open(new, "ab") as program:
            program.write(self.random.randbytes(16))
        os.rename(new, PROGRAM)
        self.end("agent", self.random.choice([signal.SIGTERM, signal.SIGKILL]))
        running = wait_until("the agent runs", lambda: self.cloud.process("agent"))
        assert os.stat(f"/proc/{running.pid}/exe").st_ino == PROGRAM.stat().st_ino, "the agent that was started is not the new one"

    def check(self):
        for conversation in self.conversations:
            conversation.echoes()
        assert self.cloud.guests().keys() == self.guests.keys(), f"guests were restarted: {self.guests.keys()} {self.cloud.guests().keys()}"

    def settle(self):
        """All of it, and by a connection of its own that each guest still is in its first boot."""
        wait_until("the agent is connected", self.cloud.host_is_connected, 120)
        states = {i["InstanceId"]: i["State"]["Name"] for i in self.instances(self.ids)}
        assert set(states.values()) == {"running"}, states
        host = self.cloud.host()
        assert host["instances"] == len(self.ids) and not host["quarantined"], host
        for conversation in self.conversations:
            again = Conversation(self.cloud.folder / "id_ed25519", conversation.address)
            again.close()
            assert again.boot_id == conversation.boot_id, f"{conversation.address} booted again"
        self.check()

    def close(self):
        for conversation in self.conversations:
            conversation.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5, help="of kills and upgrades, after the guests have booted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guests", type=int, default=20)
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    # Told to end, it still takes away what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    shutil.copy(BUILT, PROGRAM)
    cloud, soak, failed, began = Crowd("qemu"), None, 0, time.monotonic()
    try:
        cloud.up()
        soak = Soak(cloud, options.seed, options.guests)
        deadline = time.monotonic() + options.minutes * 60
        while time.monotonic() < deadline:
            soak.step()
        soak.settle()
        said = sum(conversation.said for conversation in soak.conversations)
        print(f"seed {options.seed}: {options.guests} guests, {soak.done}, {said} echoes")
    except Exception as error:
        failed = 1
        print(f"seed {options.seed}: {error!r}\n{cloud.logs()}", file=sys.stderr)
    finally:
        if soak:
            soak.close()
        left = cloud.close()
        shutil.rmtree(PROGRAM.parent)
    print(f"{1 - failed} passed, {failed + bool(left)} failed in {time.monotonic() - began:.2f}s", *left, sep="\n")
    return failed or bool(left)


if __name__ == "__main__":
    sys.exit(main())
