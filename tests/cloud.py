"""A private cloud for tests: its own folders, ports, AWS files and host, started from the built binary.

Several run side by side on one machine. Everything a cloud makes carries its host id or its folder's path, so `leftovers` can say what of
it is still there, and only processes that the cloud started are ever signalled.
"""

import configparser
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boto3
import botocore.config

ROOT = Path(__file__).resolve().parent.parent
BINARY = Path(os.environ.get("FREEHOLD_BIN", ROOT / "target/debug/freehold"))
REGION = "us-east-1"
# Simulated guests need nothing of the machine.
SIMULATED_CAPACITY = """
[agent.capacity]
vcpus = 64
memory_mib = 262144
disk_mib = 4194304
"""
# One host that takes whatever a bench launches, onto overlays that are never filled.
BOUNDLESS_CAPACITY = """
[agent.capacity]
vcpus = 100000
memory_mib = 100000000
disk_mib = 1000000000
"""


class NotYet(str):
    """A text in which something was looked for in vain: an answer that is not true, and that is shown."""

    def __bool__(self):
        return False


def says(text, wanted):
    """True where the text has what is wanted, else the end of the text."""
    return wanted in text or NotYet(text[-2000:])


def wait_until(what, check, seconds=60):
    """Polls `check` until it answers something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        answer = check()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last answer: {answer!r}")
        time.sleep(0.05)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A process as a pid file names it: number and start time."""

    def __init__(self, pid, start_time):
        self.pid, self.start_time = pid, start_time

    def alive(self):
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return False
        fields = stat[stat.rindex(")") + 2 :].split(" ")
        return fields[0] != "Z" and fields[19] == self.start_time

    def __eq__(self, other):
        return isinstance(other, Process) and (self.pid, self.start_time) == (other.pid, other.start_time)

    def __repr__(self):
        return f"Process({self.pid})"


class Account:
    """One account's key, and clients that sign with it."""

    def __init__(self, cloud, account_id, access_key_id, secret_access_key):
        self.cloud, self.account_id = cloud, account_id
        self.access_key_id, self.secret_access_key = access_key_id, secret_access_key

    def client(self, service="ec2", **config):
        config.setdefault("retries", {"max_attempts": 0})
        session = boto3.session.Session(self.access_key_id, self.secret_access_key, region_name=REGION)
        return session.client(service, endpoint_url=self.cloud.endpoint_url, config=botocore.config.Config(**config))


class FurtherHost:
    """Another host of a cloud on this machine: an agent of its own, with its own folder, id and zone, on the cloud's sockets."""

    def __init__(self, cloud, name, zone, capacity=SIMULATED_CAPACITY):
        self.cloud, self.name, self.zone, self.capacity = cloud, name, zone, capacity
        # Where it would take other hosts' packets, if its guests sent any.
        tunnel_address = f"192.0.2.{2 + len(cloud.hosts)}"
        self.folder = cloud.folder / f"host-{name}"
        self.folder.mkdir()
        self.config = self.folder / "freehold.toml"
        self.config.write_text(f"""
data_dir = "{self.folder}/data"
run_dir = "{self.folder}/run"
log_dir = "{cloud.folder}/log"

[agent]
hostname = "{name}"
availability_zone = "{zone}"
hosts_socket = "{cloud.folder}/run/hosts.sock"
images_socket = "{cloud.folder}/run/images.sock"
drivers = ["simulated"]

[agent.network]
tunnel_address = "{tunnel_address}"
{capacity}""")
        self.agent = None

    def start(self):
        with open(self.cloud.folder / f"log/agent-{self.name}.log", "a") as log:
            self.agent = subprocess.Popen(
                [BINARY, "--config", self.config, "agent"],
                env=self.cloud.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )
        return self

    def kill(self):
        if self.agent:
            self.agent.kill()
            self.agent.wait(timeout=60)
            self.agent = None

    def pause(self):
        self.agent.send_signal(signal.SIGSTOP)

    def resume(self):
        self.agent.send_signal(signal.SIGCONT)

    @property
    def host_id(self):
        return host_id_in(self.folder / "data/agent")

    def row(self):
        """The host as the scheduler lists it, or None."""
        return self.cloud.listed(self.name)

    def wait_until_connected(self):
        return wait_until(f"{self.name} is connected", lambda: (row := self.row()) and row["connected"] and row)

    def wait_until_silent(self):
        """The scheduler hangs up on a host that is stopped after at most 40 s."""
        return wait_until(f"{self.name} is silent", lambda: (row := self.row()) and not row["connected"] and row)

    def log(self):
        return (self.cloud.folder / f"log/agent-{self.name}.log").read_text(errors="replace")


class Cloud:
    """`driver` is "simulated" or "qemu"; `extra` goes to the end of the configuration."""

    def __init__(self, driver="simulated", extra="", capacity=SIMULATED_CAPACITY):
        self.driver, self.extra, self.capacity, self.hosts = driver, extra, capacity, []
        self.folder = Path(tempfile.mkdtemp(prefix="fh-"))
        # Guests run under users of their own and pass through here to their disks.
        self.folder.chmod(0o711)
        self.port = free_port()
        self.endpoint_url = f"http://127.0.0.1:{self.port}"
        self.config = self.folder / "freehold.toml"
        self.config.write_text(self._config())
        self.accounts = []

    def _config(self):
        return f"""
data_dir = "{self.folder}/data"
run_dir = "{self.folder}/run"
log_dir = "{self.folder}/log"

[gateway]
listen = "127.0.0.1:{self.port}"

[agent]
drivers = ["{self.driver}"]
""" + (self.capacity if self.driver == "simulated" else "") + self.extra

    @property
    def environment(self):
        """Nothing of the machine's own AWS set-up, and no proxy between a client and this cloud."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and not k.lower().endswith("_proxy") and k != "SUDO_USER"}
        return kept | {
            "HOME": str(self.folder / "home"),
            "AWS_CONFIG_FILE": str(self.folder / "aws/config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "aws/credentials"),
            "AWS_PROFILE": "freehold",
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    # The command line

    def freehold(self, *arguments, check=True, seconds=120):
        """Runs the binary on this cloud; returns the completed process."""
        done = subprocess.run(
            [BINARY, "--config", self.config, *arguments],
            env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"freehold {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}{done.stderr}\n{self.logs()}")
        return done

    def json(self, *arguments, **options):
        return json.loads(self.freehold("--output", "json", *arguments, **options).stdout)

    def aws(self, *arguments, check=True, seconds=120):
        """Runs the AWS CLI with the profile that `freehold up` wrote; returns what it printed, parsed."""
        done = subprocess.run(
            [Path(sys.executable).parent / "aws", "--output", "json", *map(str, arguments)],
            env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )
        if not check:
            return done
        assert done.returncode == 0, f"aws {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def up(self):
        (self.folder / "home").mkdir(exist_ok=True)
        self.freehold("up")
        if not self.accounts:
            self.accounts.append(self._first_account())
            self.accounts.append(self.create_account("second"))
        wait_until("this host's agent is connected", self.host_is_connected)

    def _first_account(self):
        credentials = read_ini(self.environment["AWS_SHARED_CREDENTIALS_FILE"], "freehold")
        (first,) = self.json("account", "ls")
        return Account(self, first["account_id"], credentials["aws_access_key_id"], credentials["aws_secret_access_key"])

    def create_account(self, name):
        made = self.json("account", "create", "--name", name)
        return Account(self, made["account_id"], made["access_key_id"], made["secret_access_key"])

    def ami(self):
        """An AMI that every account may use: for simulated guests a small disk, since nothing boots from it."""
        disk = self.folder / "disk.raw"
        disk.write_bytes(b"freehold".ljust(1 << 20, b"\0"))
        return self.json("image", "import", disk, "--format", "raw", "--name", f"disk-{time.monotonic_ns()}", "--public")["image_id"]

    def wait_for_api(self):
        wait_until("the API answers", lambda: answers(("127.0.0.1", self.port)))

    def host_is_connected(self):
        """False also while the control plane is being started again."""
        listed = self.freehold("--output", "json", "host", "ls", check=False)
        hosts = json.loads(listed.stdout) if listed.returncode == 0 else []
        return bool(hosts) and any(host["connected"] for host in hosts if host["host_id"] == self.host_id)

    def host(self):
        """The host that `up` made of this machine, as the scheduler lists it."""
        return self.listed(self.host_id) or {"connected": False}

    def listed(self, host):
        """A host by id or name, as the scheduler lists it, or None."""
        found = [row for row in self.json("host", "ls") if host in (row["host_id"], row["hostname"])]
        return found[0] if found else None

    def add_host(self, name, zone, capacity=SIMULATED_CAPACITY):
        """One more host, connected."""
        host = FurtherHost(self, name, zone, capacity)
        self.hosts.append(host)
        host.start().wait_until_connected()
        return host

    def down(self, *arguments, **options):
        return self.freehold("down", *arguments, **options)

    def close(self):
        """Ends all of it, guests too, and removes the folder. Returns what would not go."""
        for host in self.hosts:
            host.kill()
        marks = self.network_marks()
        down = self.down("--guests", check=False)
        left = self.leftovers(marks)
        if down.returncode != 0:
            left.append(f"freehold down --guests: exit {down.returncode}: {down.stderr}")
        # What would not go is said, and ended all the same: the next test starts on a clean machine.
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder)
        return left

    # Processes

    def process(self, part):
        """The living process of a part: "supervisor", "control-plane", "agent"; or None."""
        try:
            pid, start_time = (self.folder / f"run/{part}.pid").read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        process = Process(int(pid), start_time)
        return process if process.alive() else None

    def kill(self, part, number=signal.SIGKILL):
        """Ends a part at once; returns the process that was."""
        process = self.process(part)
        assert process, f"no {part} runs"
        os.kill(process.pid, number)
        wait_until(f"{part} is gone", lambda: not process.alive())
        return process

    def start_agent_alone(self):
        """`freehold agent` by itself, as a unit would run it; `up` adopts it."""
        with open(self.folder / "log/agent.log", "a") as log:
            subprocess.Popen(
                [BINARY, "--config", self.config, "--detached", "agent"],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        wait_until("the agent runs", lambda: self.process("agent"))

    def processes(self):
        """Every process that names this cloud's folder, works in it or has a file of it open: its parts and its guests."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
                links = [os.readlink(entry / "cwd"), *(os.readlink(link) for link in (entry / "fd").iterdir())]
            except OSError:
                continue
            ours = str(self.folder) in words or any(link.startswith(f"{self.folder}/") for link in links)
            if ours and int(entry.name) != os.getpid():
                found[int(entry.name)] = words
        return found

    def guests(self):
        return {pid: words for pid, words in self.processes().items() if "qemu-system" in words.split(" ")[0]}

    # What a host must not keep

    def logs(self, lines=40):
        texts = []
        for log in sorted((self.folder / "log").glob("*.log")):
            texts.append(f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:]))
        return "\n".join(texts)

    @property
    def host_id(self):
        """As the agent keeps it on disk: the control plane need not run."""
        return host_id_in(self.folder / "data/agent")

    def network_marks(self):
        """What the names of this host's namespaces, tables and links contain, and nobody else's do."""
        try:
            host_id = self.host_id
        except FileNotFoundError:
            return []
        return [host_id, *sorted(set(re.findall(r"fhv[0-9a-f]{4}", printed("nft", "list", "table", "inet", f"freehold-{host_id}"))))]

    def network(self, marks=None):
        """This cloud's namespaces, links, tables, routes and rules on the machine, one line each."""
        marks = self.network_marks() if marks is None else marks
        return [line for line in network_lines() if any(mark in line for mark in marks)]

    def leftovers(self, marks):
        """What is still on the machine of this cloud; [] after `down --guests`."""
        left = [f"process {pid}: {words[:200]}" for pid, words in self.processes().items()]
        left += [f"socket {path}" for path in (self.folder / "run").glob("**/*.sock") if answers(path)]
        return left + self.network(marks)


def host_id_in(state_folder):
    return re.search(rb"host-[0-9a-f]{17}", (state_folder / "host").read_bytes())[0].decode()


def answers(address):
    """Whether somebody accepts connections at a socket's path or a (host, port)."""
    with socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX) as probe:
        try:
            probe.connect(address if isinstance(address, tuple) else str(address))
            return True
        except OSError:
            return False


def printed(*command):
    """What a command prints; "" where it is not installed or refuses."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, timeout=30).stdout


def network_lines():
    lines = []
    for kind, command in {
        "netns": ["ip", "netns", "list"],
        "link": ["ip", "-brief", "link"],
        "nft": ["nft", "list", "tables"],
        "route": ["ip", "route", "show", "table", "all"],
        "rule": ["ip", "rule"],
    }.items():
        lines += [f"{kind} {' '.join(line.split())}" for line in printed(*command).splitlines()]
    return lines


def read_ini(path, section):
    parser = configparser.ConfigParser()
    parser.read(path)
    return dict(parser[section])
