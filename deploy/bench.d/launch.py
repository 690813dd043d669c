"""How long from RunInstances to a running guest, and to SSH on the tiny AMI, beside `qemu-system-x86_64` alone with the same arguments.

In turns: an instance is launched, timed and terminated; then QEMU alone takes the place of an instance that was launched before and is
stopped (see `bare.py`). The clock of the one runs from the first byte of RunInstances, of the other from the start of QEMU's process:
that one's overlay, tap and network are there already. The image is in the host's cache. "Running" is what the monitor says: of the
instance through DescribeInstances, of QEMU alone directly. Both answer SSH at their private address, asked from their VPC's namespace.
"""

import argparse
import json
import platform
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from bare import Bare, inside  # noqa: E402
from cloud import BINARY, Cloud  # noqa: E402
from wire import Connection, signed  # noqa: E402

AIMS = {"QMP running": 1.5, "SSH": 1.10}
LOOK = 0.005
BOUND = 300


def milliseconds(began, what, check):
    """From `began` until `check` is true."""
    while not check():
        if time.monotonic() - began > BOUND:
            raise TimeoutError(f"not within {BOUND} s: {what}")
        time.sleep(LOOK)
    return (time.monotonic() - began) * 1000


class Ssh:
    """Logs in with one key."""

    def __init__(self, key):
        self.key = key

    def words(self, address):
        options = ["IdentitiesOnly=yes", "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
                   "ConnectTimeout=20"]
        return ["ssh", "-F", "none", "-i", self.key, *(word for option in options for word in ("-o", option)), f"ec2-user@{address}", "true"]

    def answers(self, address):
        """A connection first, which costs nothing while nobody listens."""
        try:
            socket.create_connection((address, 22), timeout=0.2).close()
            return subprocess.run(self.words(address), stdin=subprocess.DEVNULL, capture_output=True, timeout=60).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False

    def milliseconds(self, began, namespace, address):
        return inside(namespace, lambda: milliseconds(began, f"SSH at {address}", lambda: self.answers(address)))


class Launches:
    """Instances of the tiny AMI on a cloud, one at a time."""

    def __init__(self, cloud, image, ssh):
        self.cloud, self.account, self.image, self.ssh = cloud, cloud.accounts[0], image, ssh
        self.connection = Connection(cloud.port)

    def ask(self, action, **parameters):
        return self.connection.ask(signed(self.account, action, **parameters)).decode()

    def start(self):
        """The moment RunInstances was sent, and the instance's id and address."""
        request = signed(self.account, "RunInstances", ImageId=self.image, InstanceType="t3.nano", KeyName="bench", MinCount=1, MaxCount=1)
        began = time.monotonic()
        answer = self.connection.ask(request).decode()
        return began, re.search("<instanceId>(i-[0-9a-f]+)<", answer)[1], re.search("<privateIpAddress>([0-9.]+)<", answer)[1]

    def wait(self, state, instance_id, began=None):
        request = signed(self.account, "DescribeInstances", **{"InstanceId.1": instance_id})
        wanted = f"<name>{state}</name>".encode()
        return milliseconds(began or time.monotonic(), f"{instance_id} is {state}", lambda: wanted in self.connection.ask(request))

    def spec(self, instance_id):
        """What the agent handed its launcher."""
        (path,) = (self.cloud.folder / "data/agent").rglob(f"{instance_id}/spec.json")
        return json.loads(path.read_text())

    def stopped(self):
        """The specification and address of an instance that ran and is stopped; its image is in the host's cache since."""
        began, instance_id, address = self.start()
        self.wait("running", instance_id)
        spec = self.spec(instance_id)
        self.ssh.milliseconds(began, spec["taps"][0]["namespace"], address)
        self.ask("StopInstances", **{"InstanceId.1": instance_id, "Force": "true"})
        self.wait("stopped", instance_id)
        return spec, address

    def turn(self):
        began, instance_id, address = self.start()
        running = self.wait("running", instance_id, began)
        reached = self.ssh.milliseconds(began, self.spec(instance_id)["taps"][0]["namespace"], address)
        self.ask("TerminateInstances", **{"InstanceId.1": instance_id})
        self.wait("terminated", instance_id)
        return running, reached


def bare_turn(bare, address, ssh):
    try:
        began = bare.start()
        running = milliseconds(began, "QEMU runs", bare.runs)
        return running, ssh.milliseconds(began, bare.tap["namespace"], address)
    finally:
        bare.end()


def machine(bare):
    """What the figures were taken on."""
    cpus = re.findall("^model name\t: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    version = subprocess.run([bare.spec["program"], "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    print(f"machine      {len(cpus)} x {cpus[0] if cpus else platform.machine()}, Linux {platform.release()}")
    print(f"driver       qemu: {version}, {bare.option('-machine').split(',')[0]}")
    print(f"accelerator  {bare.option('-accel').split(',')[0]}, -cpu {bare.option('-cpu')}")
    print(f"guest        tiny AMI, t3.nano ({bare.option('-smp').split(',')[0]}, {bare.option('-m')})")
    print(f"freehold     {BINARY}")


def report(turns):
    print(f"{'median of ' + str(len(turns)):<14} {'RunInstances':>14} {'QEMU alone':>14} {'ratio':>7} {'aim':>6}")
    for at, (what, aim) in enumerate(AIMS.items()):
        ours, bare = (statistics.median(turn[side][at] for turn in turns) for side in (0, 1))
        print(f"{what:<14} {ours:>11.0f} ms {bare:>11.0f} ms {ours / bare:>7.2f} {aim:>6.2f}")


def measure(cloud, count):
    key = cloud.folder / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    image = cloud.json("image", "build", "tiny", seconds=BOUND)["image_id"]
    cloud.accounts[0].client("ec2").import_key_pair(KeyName="bench", PublicKeyMaterial=key.with_suffix(".pub").read_bytes())
    ssh = Ssh(key)
    launches = Launches(cloud, image, ssh)
    spec, address = launches.stopped()
    bare = Bare(cloud.folder / "bare", spec)
    machine(bare)
    turns = []
    for number in range(1, count + 1):
        turns.append((launches.turn(), bare_turn(bare, address, ssh)))
        (running, reached), (bare_running, bare_reached) = turns[-1]
        print(f"turn {number}: RunInstances {running:.0f} and {reached:.0f} ms, QEMU alone {bare_running:.0f} and {bare_reached:.0f} ms", flush=True)
    report(turns)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="how often each is timed (default: %(default)s)")
    count = parser.parse_args().turns
    # Told to end, it still takes away what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cloud = Cloud("qemu")
    try:
        cloud.up()
        measure(cloud, count)
    finally:
        left = cloud.close()
    if left:
        sys.exit("left on the machine:\n" + "\n".join(left))


main()
