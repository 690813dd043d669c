"""One run: a cloud, a plan, its clients and faults, and the checker in between."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from checker import Checker, wait_for_rest
from clients import Worker
from evidence import Evidence, read_database
from harm import Harm
from journal import Journal

ROOT = Path(__file__).resolve().parent.parent.parent


class Broken(AssertionError):
    pass


class Suite:
    # Rounds between two looks at everything.
    STRETCH = 40
    GLANCE = 5
    REST_SECONDS = 120

    def __init__(self, parts, seed, replay, clients=4):
        self.parts, self.seed, self.replay = parts, seed, replay
        self.journal = Journal()
        self.checker = Checker(self.journal)
        self.harm = Harm(parts, self.journal)
        self.workers = [Worker(number, parts, self.journal, self.harm.a_disk_is_bad) for number in range(clients)]
        self.pool = ThreadPoolExecutor(clients + 16, "suite")
        self.rounds = self.looks = self.glances = 0
        self.resting = 0.0

    def run(self, plan, until=None):
        """All of a plan, or as much of it as there is time for (`until`, of time.monotonic)."""
        self.rest()
        for number, one in enumerate(plan, 1):
            self._round(one)
            if number % self.STRETCH == 0:
                self.rest()
            if until and time.monotonic() > until:
                break
        self.rest()

    def _round(self, one):
        self.rounds += 1
        self.journal.write(round=one.number)
        doing = [self.pool.submit(self.harm.do, fault) for fault in one.faults]
        doing += [self.pool.submit(self.workers[step.client].take, step) for step in one.steps]
        wait(doing, timeout=300)
        for future in doing:
            future.result(timeout=0)
        found = [*self.journal.findings, *self.parts.deaths, *self._glance()]
        if found:
            self._fail(found)

    def _glance(self):
        """What may not be even for a moment, in the middle of everything."""
        if self.rounds % self.GLANCE or self.harm.a_disk_is_bad():
            return []
        rows, wrong = read_database(self.parts.database)
        self.glances += 1
        return self.checker.always(Evidence(rows, wrong, [], {}, [], {}))

    def gather(self):
        logs = {part.name: part.log.read_text(errors="replace") for part in self.parts.parts.values() if part.log.exists()}
        return Evidence.gather(self.parts.database, self.parts.agents.values(), self.parts.folder, logs)

    def rest(self):
        """Ends every fault, waits until all is as it should be, and fails if that does not come."""
        began = time.monotonic()
        self.parts.heal()
        self._barrier()
        found, evidence = wait_for_rest(self.checker, self.gather, self.parts.pids, self.REST_SECONDS)
        found += self.parts.deaths + (self.look_closer(evidence) if evidence and not found else [])
        self.looks += 1
        self.resting += time.monotonic() - began
        if found:
            self._fail(found)
        self.checker.settle(evidence)
        self.journal.write(rest=self.looks, instances=len(evidence.rows["instance"]))

    def look_closer(self, evidence):
        """For those who know more of a host than its files."""
        return []

    def _barrier(self):
        """A write of each client, answered: what an earlier process had read and not done is behind it or never comes."""
        for worker in self.workers:
            deadline = time.monotonic() + self.REST_SECONDS
            while time.monotonic() < deadline:
                try:
                    worker.ec2.delete_key_pair(KeyName="nobody-has-this-key")
                    break
                except Exception:  # noqa: BLE001: whatever it is, the checker sees what comes of it.
                    time.sleep(0.1)

    def _fail(self, found):
        path = ROOT / f"target/faults/seed-{self.seed}.journal"
        self.journal.save(path)
        lines = "\n".join(found[:40])
        raise Broken(
            f"seed {self.seed}, round {self.rounds}: {len(found)} findings\n{lines}\n\nlast operations:\n{self.journal.tail()}\n\n"
            f"{self.parts.cloud.logs(15)}\n\nall operations: {path}\nto replay: {self.replay}"
        )

    def summary(self):
        kills = ", ".join(f"{name} {part.kills}" for name, part in self.parts.parts.items())
        return (f"seed {self.seed}: {self.rounds} rounds, {self.journal.answered} answered, {self.journal.refused} refused by rule, "
                f"{self.journal.unanswered} unanswered; {len(self.journal.instances)} instances; killed: {kills}; {self.looks} looks "
                f"({self.resting:.1f} s) and {self.glances} glances, nothing broken")


def announce(seed, replay):
    print(f"seed {seed}; to replay: {replay}", file=sys.stderr, flush=True)
