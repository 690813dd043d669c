"""Durable RunInstances per second at 8 and at 64 clients, beside what the disk could make durable one after another.

Every client sends one signed request after the other on a connection of its own. The host's agent is stopped (SIGSTOP) while it is measured:
it still counts as connected, and its own work is not in the figure. The floor is how often 4 KiB can be appended and synced on the store's disk.
"""

import argparse
import os
import signal
import statistics
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from cloud import BOUNDLESS_CAPACITY, Cloud  # noqa: E402
from wire import Connection, signed  # noqa: E402

# Shorter than a silent host is given.
SECONDS, TURNS = 4, 3
# A default subnet has room for 4,091.
PER_ACCOUNT = 3500


def syncs_per_second(folder):
    path = folder / "floor"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        began = time.monotonic()
        count = 0
        while time.monotonic() - began < 1:
            os.write(handle, bytes(4096))
            os.fdatasync(handle)
            count += 1
        return count / (time.monotonic() - began)
    finally:
        os.close(handle)
        path.unlink()


def launches_per_second(cloud, account, ami, clients):
    request = signed(account, "RunInstances", ImageId=ami, InstanceType="t3.nano", MinCount=1, MaxCount=1)
    connections = [Connection(cloud.port) for _ in range(clients)]
    start, counts = threading.Barrier(clients + 1), [0] * clients
    ended = []

    def work(number):
        start.wait()
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and counts[number] < PER_ACCOUNT // clients:
            connections[number].ask(request)
            counts[number] += 1
        ended.append(time.monotonic())

    threads = [threading.Thread(target=work, args=[number]) for number in range(clients)]
    for thread in threads:
        thread.start()
    agent = cloud.process("agent").pid
    os.kill(agent, signal.SIGSTOP)
    try:
        start.wait()
        began = time.monotonic()
        for thread in threads:
            thread.join()
    finally:
        os.kill(agent, signal.SIGCONT)
    return sum(counts) / (max(ended) - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", help="a PostgreSQL URL of an empty database [default: SQLite]")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cloud = Cloud("simulated", capacity=BOUNDLESS_CAPACITY)
    if arguments.database:
        cloud.config.write_text(cloud.config.read_text() + f'\n[scheduler]\ndatabase = "{arguments.database}"\n')
    try:
        cloud.up()
        ami = cloud.ami()
        turns = {8: [], 64: []}
        floors = []
        for turn in range(TURNS):
            for clients, figures in turns.items():
                floors.append(syncs_per_second(cloud.folder))
                figures.append(launches_per_second(cloud, cloud.create_account(f"bench-{turn}-{clients}"), ami, clients))
        floor = statistics.median(floors)
        print(f"{'clients':>8} {'RunInstances/s':>15} {'syncs/s':>8} {'ratio':>6}")
        for clients, figures in turns.items():
            figure = statistics.median(figures)
            print(f"{clients:>8} {figure:>15.0f} {floor:>8.0f} {figure / floor:>6.2f}")
    finally:
        cloud.close()


if __name__ == "__main__":
    main()
