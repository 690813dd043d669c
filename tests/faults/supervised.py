"""A cloud as `freehold up` runs it: a supervisor over the control plane and one agent. What of it is killed, a new supervisor finds, adopts
or starts again.

The supervisor goes with every part that is killed: one that lives waits ever longer before it starts a part again, as it should.
"""

import os
import signal
import subprocess
import threading

from cloud import BINARY, Cloud, Process, wait_until

QUICK = """
[agent.simulated]
boot_milliseconds = 50
shutdown_milliseconds = 30
"""


class SupervisedPart:
    disk = clock = None
    bad_disks = 0

    def __init__(self, name, log):
        self.name, self.log, self.kills = name, log, 0
        self.lock = threading.RLock()


class Supervised:
    """What `Parts` is to a suite, for the three processes of one machine."""

    def __init__(self):
        self.cloud = Cloud("simulated")
        self.folder = self.cloud.folder
        text = self.cloud.config.read_text().replace("[agent]\n", "[agent]\nstop_timeout_seconds = 3\n")
        self.cloud.config.write_text(text + QUICK)
        self.parts = {name: SupervisedPart(name, self.folder / f"log/{file}.log")
                      for name, file in (("supervisor", "supervisor"), ("control-plane", "control-plane"), ("agent-1", "agent"))}
        self.lines, self.deaths = {}, []
        # One supervisor at a time: a second one would rightly refuse.
        self.lock = threading.RLock()

    @property
    def agents(self):
        return {"agent-1": self.folder / "data/agent"}

    @property
    def database(self):
        return self.folder / "data/scheduler/freehold.db"

    def up(self):
        self.cloud.up()
        self.ami = self.cloud.ami()
        return self

    def _process(self, name) -> Process | None:
        return self.cloud.process("agent" if name == "agent-1" else name)

    def kill_and_start(self, name):
        with self.lock:
            for one in {"supervisor", name}:
                if process := self._process(one):
                    os.kill(process.pid, signal.SIGKILL)
                    self.parts[one].kills += 1
                    wait_until(f"{one} is gone", lambda process=process: not process.alive())
            self._supervise()

    def _supervise(self):
        with open(self.folder / "log/supervisor.log", "a") as log:
            subprocess.Popen([BINARY, "--config", self.cloud.config, "--detached", "up"], env=self.cloud.environment, stdin=subprocess.DEVNULL,
                             stdout=log, stderr=log, start_new_session=True)
        wait_until("everything runs again", lambda: all(self._process(name) for name in self.parts), 120)

    def heal(self):
        with self.lock:
            if not all(self._process(name) for name in self.parts):
                self._supervise()

    def pids(self):
        return {name: process.pid for name in self.parts if (process := self._process(name))}

    def close(self):
        return self.cloud.close()
