"""A cloud of parts that a test starts one by one, each with a disk, a clock and lines of its own, so that each can be harmed alone.

    clients ──▶ gateway ──[commands]──▶ scheduler ◀──[hosts-N]── agent-N        image-store
                                                                  └──[images-N]──▶ ┘

Every process ends with the process that made it (`setpriv --pdeathsig`), so nothing outlives a test run that was killed.
"""

import contextlib
import shutil
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

from cloud import BINARY, SIMULATED_CAPACITY, Cloud, answers, wait_until
from machine import Disk, ShiftedClock, build_clock
from relay import Relays

# Of several hosts one is large enough for everything; the others are full now and then.
SMALL_CAPACITY = """
[agent.capacity]
vcpus = 1
memory_mib = 2048
disk_mib = 4096
"""
# How often somebody looks whether a part has ended by itself.
LOOK = 0.05


class Part:
    """One process and what it stands on."""

    def __init__(self, name, config, word, log, disk=None, clock=None):
        self.name, self.config, self.word, self.log, self.disk, self.clock = name, config, word, log, disk, clock
        self.process = None
        self.wanted = self.stopped = False
        # While its disk is bad a part may give up; at any other time it may not.
        self.bad_disks = 0
        self.kills = 0
        # One fault at a time, and nobody starts it while another kills it.
        self.lock = threading.RLock()


class Parts:
    """`hosts` agents with simulated guests. Close it whatever happens."""

    def __init__(self, hosts=2, scheduler="", agent=""):
        self.cloud = Cloud("simulated")
        self.folder = self.cloud.folder
        self.clock_library = build_clock(self.folder)
        self.lines, self.parts, self.disks = {}, {}, []
        self.deaths = []
        self.relays = Relays()
        # A parent's death is told by the thread that started the child, so that is always the same one.
        self.starter = ThreadPoolExecutor(1, "starter")
        self.closing = threading.Event()
        try:
            self._lay_out(hosts, scheduler, agent)
        except BaseException:
            self.close()
            raise
        self.keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self.keeper.start()

    # How it is laid out

    def _lay_out(self, hosts, scheduler, agent):
        for name in ("run", "log", "home", "lines"):
            (self.folder / name).mkdir(exist_ok=True)
        run, data = self.folder / "run", self.folder / "data"
        with open(self.cloud.config, "a") as config:
            # On a disk as small as these the usual reserve would be all of it.
            config.write(f"\n[image_store]\nreserve_mib = 1\n\n[scheduler]\n{scheduler}\n")
        self._add("scheduler", self.cloud.config, "scheduler", self._disk(data / "scheduler"), clock=True)
        self._add("image-store", self.cloud.config, "image-store", self._disk(data / "images"))
        self._gateway(run)
        for number in range(1, hosts + 1):
            self._agent(number, run, agent)

    def _disk(self, folder):
        self.disks.append(Disk(folder))
        return self.disks[-1]

    def _add(self, name, config, word, disk=None, clock=False):
        clock = ShiftedClock(self.folder / f"{name}.clock", self.clock_library) if clock and self.clock_library else None
        self.parts[name] = Part(name, config, word, self.folder / f"log/{name}.log", disk, clock)

    def _gateway(self, run):
        own = self.folder / "gateway"
        own.mkdir()
        self.lines["commands"] = self.relays.line(own / "scheduler.sock", run / "scheduler.sock")
        config = self.folder / "gateway.toml"
        config.write_text(f"""
data_dir = "{own}/data"
run_dir = "{own}"
log_dir = "{self.folder}/log"

[gateway]
listen = "127.0.0.1:{self.cloud.port}"
""")
        self._add("gateway", config, "gateway")

    def _agent(self, number, run, settings):
        name = f"agent-{number}"
        lines = self.folder / "lines"
        for line, target in (("hosts", "hosts.sock"), ("images", "images.sock")):
            self.lines[f"{line}-{number}"] = self.relays.line(lines / f"{line}-{number}.sock", run / target)
        config = self.folder / f"{name}.toml"
        config.write_text(f"""
data_dir = "{self.folder}/{name}"
run_dir = "{self.folder}/{name}/run"
log_dir = "{self.folder}/log"

[agent]
state_folder = "{self.folder}/{name}/state"
hosts_socket = "{lines}/hosts-{number}.sock"
images_socket = "{lines}/images-{number}.sock"
hostname = "{name}"
drivers = ["simulated"]
stop_timeout_seconds = 3
{settings}
{SMALL_CAPACITY if number > 1 else SIMULATED_CAPACITY}
[agent.simulated]
boot_milliseconds = 50
shutdown_milliseconds = 30
""")
        self._add(name, config, "agent", self._disk(self.folder / name / "state"), clock=True)

    @property
    def agents(self):
        return {name: self.state_folder(name) for name in self.parts if name.startswith("agent-")}

    def state_folder(self, agent):
        return self.folder / agent / "state"

    @property
    def database(self):
        """Its file, wherever the scheduler has it in its folder."""
        (found,) = (self.folder / "data/scheduler").glob("*.db") or [None]
        return found

    # What a test does with a part

    def start(self, name):
        part = self.parts[name]
        with part.lock:
            environment = self.cloud.environment | (part.clock.environment if part.clock else {})
            part.wanted = True
            part.process = self.starter.submit(self._spawn, part, environment).result(timeout=60)

    @staticmethod
    def _spawn(part, environment):
        words = ["setpriv", "--pdeathsig", "KILL", "--", str(BINARY), "--config", str(part.config), part.word]
        with open(part.log, "a") as log:
            return subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def kill(self, name):
        """-9, and nobody starts it again."""
        part = self.parts[name]
        with part.lock:
            part.wanted = part.stopped = False
            if part.process and part.process.poll() is None:
                part.process.kill()
                part.kills += 1
            if part.process:
                part.process.wait(timeout=60)

    def kill_and_start(self, name):
        with self.parts[name].lock:
            self.kill(name)
            self.start(name)

    def stop(self, name):
        self._signal(name, signal.SIGSTOP)

    def resume(self, name):
        self._signal(name, signal.SIGCONT)

    def _signal(self, name, number):
        part = self.parts[name]
        with part.lock:
            if part.process and part.process.poll() is None:
                part.process.send_signal(number)
                part.stopped = number == signal.SIGSTOP

    def _keep(self):
        """Starts a part again that ended by itself, as a supervisor would, and remembers that it did."""
        while not self.closing.wait(LOOK):
            for part in self.parts.values():
                if not part.lock.acquire(blocking=False):
                    continue
                try:
                    if part.wanted and part.process and part.process.poll() is not None:
                        self._died(part)
                        self.start(part.name)
                finally:
                    part.lock.release()

    def _died(self, part):
        last = part.log.read_text(errors="replace").splitlines()[-3:]
        if not part.bad_disks:
            self.deaths.append(f"{part.name} ended by itself with {part.process.returncode}: {' | '.join(last)}")

    def heal(self):
        """Everything runs and nothing is bad any more."""
        for line in self.lines.values():
            line.heal()
        for name, part in self.parts.items():
            with part.lock:
                if part.clock:
                    part.clock.shift(0)
                if part.disk:
                    part.disk.free()
                self.resume(name)
                if not part.wanted:
                    self.start(name)

    # From nothing to a cloud that works

    def up(self):
        """Starts everything and makes two accounts and an AMI that both may use."""
        for name in self.parts:
            self.start(name)
        wait_until("operators are answered", lambda: self.cloud.freehold("host", "ls", check=False).returncode == 0)
        self.cloud.accounts = [self.cloud.create_account(name) for name in ("first", "second")]
        self.cloud.wait_for_api()
        wait_until("the image store answers", lambda: answers(self.folder / "run/images.sock"))
        self.ami = self.cloud.ami()
        wait_until("every agent attends", self.all_attend)
        return self

    def all_attend(self):
        listed = self.cloud.freehold("--output", "json", "host", "ls", check=False)
        return listed.returncode == 0 and listed.stdout.count('"connected": true') + listed.stdout.count('"connected":true') == len(self.agents)

    def pids(self):
        """Which process each part should be."""
        return {name: part.process.pid for name, part in self.parts.items() if part.process and part.process.poll() is None}

    def close(self):
        """Ends everything. Returns what would not go."""
        self.closing.set()
        for part in self.parts.values():
            with part.lock, contextlib.suppress(ProcessLookupError):
                part.wanted = False
                if part.process:
                    part.process.kill()
                    part.process.wait(timeout=60)
        self.relays.close()
        for disk in self.disks:
            disk.close()
        for part in self.parts.values():
            if part.clock:
                part.clock.close()
        self.starter.shutdown()
        left = [f"process {pid}: {words}" for pid, words in self.cloud.processes().items()]
        shutil.rmtree(self.folder)
        return left
