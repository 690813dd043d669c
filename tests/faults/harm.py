"""Makes a plan's faults happen, each in a thread of its own, and ends them again."""

import sqlite3
import time

from cloud import wait_until
from evidence import read_database, record
from plan import Fault


class Harm:
    def __init__(self, parts, journal):
        self.parts, self.journal = parts, journal
        self.count = {}

    def do(self, fault: Fault):
        time.sleep(fault.after / 1000)
        began = time.monotonic()
        getattr(self, "_" + fault.kind.replace("-", "_"))(fault, fault.lasts / 1000)
        self.count[fault.kind, fault.part] = self.count.get((fault.kind, fault.part), 0) + 1
        self.journal.write(fault=fault.kind, part=fault.part, amount=fault.amount, took=round(time.monotonic() - began, 3))

    def _kill(self, fault, _):
        self.parts.kill_and_start(fault.part)

    def _stop(self, fault, lasts):
        with self.parts.parts[fault.part].lock:
            self.parts.stop(fault.part)
            time.sleep(lasts)
            self.parts.resume(fault.part)

    def _silent(self, fault, lasts):
        self.parts.lines[fault.part].silence()
        time.sleep(lasts)
        self.parts.lines[fault.part].heal()

    def _slow(self, fault, lasts):
        self.parts.lines[fault.part].slow(fault.amount / 1000)
        time.sleep(lasts)
        self.parts.lines[fault.part].heal()

    def _refused(self, fault, lasts):
        self.parts.lines[fault.part].refuse()
        time.sleep(lasts)
        self.parts.lines[fault.part].heal()

    def _cut(self, fault, _):
        self.parts.lines[fault.part].cut(fault.amount)

    def _full(self, fault, lasts):
        part = self.parts.parts[fault.part]
        if not part.disk or not part.disk.mounted:
            return
        with part.lock:
            part.bad_disks += 1
            part.disk.fill()
        time.sleep(lasts)
        with part.lock:
            part.disk.free()
        self._forgiven(fault.part)

    def _read_only(self, fault, lasts):
        part = self.parts.parts[fault.part]
        if not part.disk or not part.disk.mounted:
            return
        with part.lock:
            part.bad_disks += 1
            self.parts.kill(fault.part)
            part.disk.turn("ro")
            self.parts.start(fault.part)
        time.sleep(lasts)
        with part.lock:
            self.parts.kill(fault.part)
            part.disk.turn("rw")
        self._forgiven(fault.part)

    def _clock(self, fault, lasts):
        clock = self.parts.parts[fault.part].clock
        if not clock:
            return
        clock.shift(fault.amount)
        time.sleep(lasts)
        clock.shift(0)

    def _forgiven(self, name):
        """A part that met a bad disk may wait before it tries again; killed, it tries at once. What its host was told to launch meanwhile may
        have been given up, if a clock jumped as well."""
        with self.parts.parts[name].lock:
            self.parts.kill_and_start(name)
            self.parts.parts[name].bad_disks -= 1
        if name in self.parts.agents:
            host = record(self.parts.agents[name] / "host")["host_id"]
            rows = wait_until("the database can be read", self._rows)
            self.journal.excuse(row["instance_id"] for row in rows["instance"] if row["host_id"] == host)

    def _rows(self):
        """None while the scheduler's own disk is bad."""
        try:
            return read_database(self.parts.database)[0]
        except sqlite3.OperationalError:
            return None

    def a_disk_is_bad(self):
        return any(part.bad_disks for part in self.parts.parts.values())
