"""What an agent takes of its host's memory as its guests become more. They are simulated, so that nothing of it is theirs."""

import argparse
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from cloud import BOUNDLESS_CAPACITY, Cloud, wait_until  # noqa: E402
from scale import resident_kib  # noqa: E402

AT_ONCE = 50


def grow(cloud, ami, running, to):
    """All of them run."""
    ec2 = cloud.accounts[0].client("ec2")
    while running < to:
        count = min(AT_ONCE, to - running)
        ec2.run_instances(ImageId=ami, InstanceType="t3.nano", MinCount=count, MaxCount=count)
        running += count
    started = [{"Name": "instance-state-name", "Values": ["pending"]}]
    wait_until("all run", lambda: not ec2.describe_instances(Filters=started)["Reservations"], 600)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guests", default="0,10,100,1000", help="how many there are (default: %(default)s)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cloud = Cloud("simulated", capacity=BOUNDLESS_CAPACITY)
    try:
        cloud.up()
        ami, running = cloud.ami(), 0
        print(f"{'guests':>7} {'memory':>10} {'each':>10}")
        empty = None
        for guests in map(int, arguments.guests.split(",")):
            grow(cloud, ami, running, guests)
            running = guests
            memory = resident_kib(cloud.process("agent").pid)
            empty = empty or memory
            each = f"{(memory - empty) / guests:.1f} KiB" if guests else "-"
            print(f"{guests:>7} {memory / 1024:>6.1f} MiB {each:>10}", flush=True)
    finally:
        cloud.close()


if __name__ == "__main__":
    main()
