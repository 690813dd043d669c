"""CPU per signed DescribeInstances of one instance by id, beside the least any server must spend on it.

The same signed bytes go to the cloud and to `api-gateway/examples/floor.rs` in turns, on one connection each; the figures are medians over
those turns of the CPU time that the server's process used, per request. Work that the cloud does for itself meanwhile is in its figure.
"""

import argparse
import signal
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from cloud import BOUNDLESS_CAPACITY, Cloud, wait_until  # noqa: E402
from wire import Connection, signed  # noqa: E402

TURNS = 15
REQUESTS = 300


def cpu_microseconds(pid):
    """On-CPU time of all threads, which the scheduler counts in nanoseconds."""
    return sum(int(file.read_text().split()[0]) for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1000


def turn(connection, pid, request):
    before = cpu_microseconds(pid)
    for _ in range(REQUESTS):
        connection.ask(request)
    return (cpu_microseconds(pid) - before) / REQUESTS


class Fleet:
    """Simulated instances, spread over accounts since a default subnet has room for 4,091."""

    PER_ACCOUNT = 4000

    def __init__(self, cloud):
        self.cloud, self.ami, self.size, self.accounts = cloud, cloud.ami(), 0, [cloud.accounts[0]]

    def client(self):
        while self.size >= len(self.accounts) * self.PER_ACCOUNT:
            self.accounts.append(self.cloud.create_account(f"bench-{len(self.accounts)}"))
        return self.accounts[-1].client("ec2", retries={"max_attempts": 5})

    def grow(self, size):
        while self.size < size:
            room = len(self.accounts) * self.PER_ACCOUNT - self.size or self.PER_ACCOUNT
            count = min(size - self.size, room, 100)
            self.client().run_instances(ImageId=self.ami, InstanceType="t3.nano", MinCount=count, MaxCount=count)
            self.size += count
        for account in self.accounts:
            ec2 = account.client("ec2")
            pending = [{"Name": "instance-state-name", "Values": ["pending"]}]
            wait_until("all instances run", lambda: not ec2.describe_instances(Filters=pending, MaxResults=5)["Reservations"], seconds=1800)

    def one(self):
        """The id of an instance of the first account."""
        return self.accounts[0].client("ec2").describe_instances(MaxResults=5)["Reservations"][0]["Instances"][0]["InstanceId"]


def compare(cloud, floor_binary, instance_id):
    account = cloud.accounts[0]
    request, pid = signed(account, "DescribeInstances", **{"InstanceId.1": instance_id}), cloud.process("control-plane").pid
    ours = Connection(cloud.port)
    document = cloud.folder / "floor.xml"
    document.write_bytes(ours.ask(request))
    with subprocess.Popen([floor_binary, account.secret_access_key, document], stdout=subprocess.PIPE, text=True) as floor:
        try:
            least = Connection(int(floor.stdout.readline()))
            for connection in (ours, least):
                for _ in range(REQUESTS):
                    connection.ask(request)
            turns = [(turn(ours, pid, request), turn(least, floor.pid, request)) for _ in range(TURNS)]
        finally:
            floor.terminate()
    return (statistics.median(turn[side] for turn in turns) for side in (0, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", default="10,1000,10000", help="how many simulated instances there are (default: %(default)s)")
    parser.add_argument("--floor", required=True, help="the floor's binary")
    arguments = parser.parse_args()
    # Told to end, it still takes away what it made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cloud = Cloud("simulated", capacity=BOUNDLESS_CAPACITY)
    try:
        cloud.up()
        fleet = Fleet(cloud)
        print(f"{'instances':>10} {'CPU per request':>16} {'floor':>10} {'ratio':>6}")
        for size in map(int, arguments.instances.split(",")):
            fleet.grow(size)
            ours, least = compare(cloud, arguments.floor, fleet.one())
            print(f"{size:>10} {ours:>13.0f} us {least:>7.0f} us {ours / least:>6.2f}", flush=True)
    finally:
        cloud.close()


if __name__ == "__main__":
    main()
