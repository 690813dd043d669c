"""What a cloud of many instances costs: a read by id, a page, memory, and a start, as the number of instances grows.

The instances are rows alone: one that was launched, copied into the store while the control plane is down, with ids and addresses of its
own. Their host does not attend. What an agent costs is not in these figures, and the control plane's own is not disturbed by one.
"""

import argparse
import os
import signal
import sqlite3
import statistics
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from cloud import Cloud, wait_until  # noqa: E402
from describe import compare, cpu_microseconds  # noqa: E402
from wire import Connection, signed  # noqa: E402

PAGES = 7
# Tables with rows of an instance: the column that ties them to it, and those whose values are of one row alone.
TABLES = {
    "instance": ("instance_id", ["instance_id", "reservation_id", "private_ip_address"]),
    "network_interface": ("network_interface_id", ["network_interface_id", "mac_address"]),
    "network_interface_attachment": ("instance_id", ["attachment_id", "network_interface_id", "instance_id"]),
    "private_address": ("network_interface_id", ["address", "network_interface_id"]),
    "interface_security_group": ("network_interface_id", ["network_interface_id"]),
    "volume": ("volume_id", ["volume_id"]),
    "volume_attachment": ("instance_id", ["volume_id", "instance_id"]),
    "reservation": ("reservation_id", ["reservation_id"]),
}


def copied(value, number):
    """The same value of the copy: an id with the number in it, an address or MAC that nobody else has."""
    if value.count(".") == 3:
        return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    if value.count(":") == 5:
        return f"0e:00:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    kind = value.split("-")[0]
    return f"{kind}-{number:017x}"


class Fleet:
    """Rows of instances in a store that nobody has open."""

    def __init__(self, cloud):
        self.cloud, self.size = cloud, 1
        account = cloud.accounts[0]
        ec2 = account.client("ec2")
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "one"}]}]
        launched = ec2.run_instances(ImageId=cloud.ami(), InstanceType="t3.nano", MinCount=1, MaxCount=1, TagSpecifications=tags)
        self.instance = launched["Instances"][0]["InstanceId"]
        ec2.get_waiter("instance_running").wait(InstanceIds=[self.instance], WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    def rows(self, database):
        keys = {"instance_id": self.instance}
        for table in ("network_interface_attachment", "volume_attachment", "instance"):
            row = database.execute(f"SELECT * FROM {table} WHERE instance_id = ?", [self.instance]).fetchone()
            keys |= {key: row[key] for key in ("network_interface_id", "volume_id", "reservation_id") if key in row.keys()}
        return {
            table: [dict(row) for row in database.execute(f"SELECT * FROM {table} WHERE {key} = ?", [keys[key]])]
            for table, (key, _) in TABLES.items()
        } | {"tag": [dict(row) for row in database.execute("SELECT * FROM tag WHERE resource_id = ?", [self.instance])]}

    def grow(self, size):
        """The control plane is down."""
        database = sqlite3.connect(self.cloud.folder / "data/scheduler/freehold.db")
        database.row_factory = sqlite3.Row
        # The rows come in any order; they are whole when this is done.
        database.execute("PRAGMA foreign_keys = OFF")
        for table, rows in self.rows(database).items():
            own = TABLES[table][1] if table in TABLES else ["resource_id"]
            for row in rows:
                marks = ", ".join("?" * len(row))
                copies = ([copied(v, n) if k in own else v for k, v in row.items()] for n in range(self.size, size))
                database.executemany(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", copies)
        database.commit()
        database.close()
        self.size = size


def resident_kib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def restarted(cloud):
    """Seconds from the kill of the control plane until a signed request is answered again."""
    request = signed(cloud.accounts[0], "DescribeInstances", MaxResults="5")
    before = cloud.process("control-plane")
    os.kill(before.pid, signal.SIGKILL)
    began = time.monotonic()

    def answered():
        try:
            return bool(Connection(cloud.port).ask(request))
        except (OSError, AssertionError, IndexError):
            return False

    wait_until("the API answers again", answered, seconds=300)
    return time.monotonic() - began


def page(cloud, **parameters):
    """Median CPU and wall milliseconds of a page of 1,000."""
    request, pid = signed(cloud.accounts[0], "DescribeInstances", MaxResults="1000", **parameters), cloud.process("control-plane").pid
    connection = Connection(cloud.port)
    connection.ask(request)
    turns = []
    for _ in range(PAGES):
        cpu, began = cpu_microseconds(pid), time.monotonic()
        connection.ask(request)
        turns.append(((cpu_microseconds(pid) - cpu) / 1000, (time.monotonic() - began) * 1000))
    return [statistics.median(turn[side] for turn in turns) for side in (0, 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instances", default="100,1000,10000,100000", help="how many there are (default: %(default)s)")
    parser.add_argument("--floor", required=True, help="the floor's binary")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cloud = Cloud("simulated")
    try:
        cloud.up()
        fleet, empty = Fleet(cloud), None
        print(f"{'instances':>10} {'by id':>9} {'floor':>9} {'ratio':>6} {'page CPU':>10} {'page wall':>10} {'by tag':>10} {'start':>8} {'memory':>10} {'each':>9}")
        for size in map(int, arguments.instances.split(",")):
            cloud.down()
            fleet.grow(size)
            cloud.freehold("up", seconds=600)
            started = restarted(cloud)
            memory = resident_kib(cloud.process("control-plane").pid)
            first, empty = empty or (size, memory), empty or (size, memory)
            each = f"{(memory - first[1]) / (size - first[0]):.2f} KiB" if size > first[0] else "-"
            ours, least = compare(cloud, arguments.floor, fleet.instance)
            cpu, wall = page(cloud)
            tag, _ = page(cloud, **{"Filter.1.Name": "tag:Name", "Filter.1.Value.1": "none"})
            print(f"{size:>10} {ours:>6.0f} us {least:>6.0f} us {ours / least:>6.2f} {cpu:>7.1f} ms {wall:>7.1f} ms {tag:>7.1f} ms "
                  f"{started:>6.2f} s {memory / 1024:>6.0f} MiB {each:>9}", flush=True)
    finally:
        cloud.close()


if __name__ == "__main__":
    main()
