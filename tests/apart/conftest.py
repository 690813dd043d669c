"""A cloud of which every part is a process on a machine of its own; the machines are network namespaces."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from cloud import BINARY, SIMULATED_CAPACITY, wait_until

sys.path.insert(0, str(Path(__file__).resolve().parent))

from hosts import Here, Lasting, Machine, Wires  # noqa: E402

# Half of it is what a part has for trying, on a machine that is busy with other tests.
CERTIFICATE_SECONDS = 60


# Of a database elsewhere: the first machine's.
DATABASE_ADDRESS = "10.209.1.2"


class Place:
    """One part: its machine, its folder, its configuration, its process."""

    def __init__(self, apart, name, part, config, kind=Machine):
        self.apart, self.name, self.part = apart, name, part
        self.machine = apart.wires.machine(name, kind)
        self.folder = apart.folder / name
        (self.folder / "log").mkdir(parents=True)
        self.config = self.folder / "freehold.toml"
        self.text, self.process = config, None

    def write(self, **addresses):
        folders = "".join(f'{kind}_dir = "{self.folder}/{kind}"\n' for kind in ("data", "run", "log"))
        self.config.write_text(folders + self.text.format(own=self.machine.address, **addresses))

    def signal(self, number):
        self.process.send_signal(number)

    def freehold(self, *words, check=True, stdin=None, machine=None, seconds=120):
        """Runs the command line on this machine, or with its configuration on another one, to its end."""
        done = subprocess.run(
            (machine or self.machine).command(BINARY, "--config", self.config, *words),
            env=self.apart.environment, input=stdin, stdin=None if stdin else subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds,
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done

    def json(self, *words, **options):
        return json.loads(self.freehold("--output", "json", *words, **options).stdout)

    def start(self, *words):
        with open(self.folder / "log/out.log", "a") as log:
            self.process = subprocess.Popen(
                self.machine.command(BINARY, "--config", self.config, self.part, *words),
                env=self.apart.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(timeout=60)
            self.process = None

    def log(self):
        return (self.folder / "log/out.log").read_text(errors="replace")

    def trust_folder(self):
        return self.folder / "data" / self.part / "trust"

    def credentials(self):
        return json.loads((self.trust_folder() / "credentials.json").read_text())


class Apart:
    """Scheduler, image store, gateway and two hosts, five machines. With a `database`, two schedulers share it; it may be `elsewhere`, on this
    machine ([`DATABASE_ADDRESS`]). Host `a` may be a `real` one: this machine, with real guests; or `both` are, `b` on its own."""

    def __init__(self, database=None, real=False, elsewhere=False):
        self.wires = Wires()
        self.store = self.wires.machine("store", Here) if elsewhere else None
        self.folder = Path(tempfile.mkdtemp(prefix="fhap-"))
        agent = '[agent]\ndrivers = ["simulated"]\n' + SIMULATED_CAPACITY
        scheduler = f"""
[scheduler]
listen = "0.0.0.0:8774"
advertise = [{{schedulers}}]
certificate_seconds = {CERTIFICATE_SECONDS}
{f'database = "{database}"' if database else ""}

[image_store]
advertise = ["{{images}}:8775"]
"""
        self.schedulers = [Place(self, name, "scheduler", scheduler) for name in (("one", "two") if database else ("scheduler",))]
        self.scheduler = self.schedulers[0]
        self.images = Place(self, "images", "image-store", '[image_store]\nlisten = "0.0.0.0:8775"\n')
        self.gateway = Place(self, "gateway", "gateway", '[gateway]\nlisten = "0.0.0.0:8773"\nnames = ["{own}", "api.cloud.example"]\n')
        real_agent = '[agent]\ndrivers = ["qemu"]\nstop_timeout_seconds = 10\n'
        self.a = Place(self, "a", "agent", *((real_agent, Here) if real else (agent,)))
        self.b = Place(self, "b", "agent", *((real_agent, Lasting) if real == "both" else (agent,)))
        self.places = [*self.schedulers, self.images, self.gateway, self.a, self.b]
        schedulers = ", ".join(f'"{place.machine.address}:8774"' for place in self.schedulers)
        for place in self.places:
            place.write(images=self.images.machine.address, schedulers=schedulers)

    @property
    def environment(self):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_") and not k.lower().endswith("_proxy") and k != "SUDO_USER"}
        return kept | {
            "HOME": str(self.folder / "home"), "AWS_PAGER": "", "AWS_PROFILE": "apart", "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": str(self.folder / "aws/config"), "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "aws/credentials"),
        }

    def token(self, part="host", *more):
        return self.scheduler.json("host", "token", "--for", part, *more)["token"]

    def begin(self):
        for place in self.schedulers:
            if place is not self.scheduler:
                shared = Path("data/scheduler/sealing.key")
                (place.folder / shared).parent.mkdir(parents=True, mode=0o700)
                shutil.copy(self.scheduler.folder / shared, place.folder / shared)
            place.start()
            wait_until("the scheduler answers operators", lambda at=place: at.freehold("account", "ls", check=False).returncode == 0)
        self.images.start("--join", self.token("image-store"))
        self.gateway.start("--join", self.token("gateway"))
        for host in (self.a, self.b):
            host.start("--join", self.token())
        wait_until("both hosts are connected", lambda: [h["connected"] for h in self.hosts()] == [True, True])
        self.account = self.scheduler.json("account", "create", "--name", "apart")
        wait_until("the API answers", lambda: self.gateway.freehold("status", check=False).stdout.count("API: answers"))
        self.write_profile()

    def write_profile(self):
        """As `account create --profile` writes it where the gateway and the scheduler share a machine."""
        (self.folder / "aws").mkdir()
        pem = self.folder / "aws/ca.pem"
        pem.write_text(certificate(self.gateway.credentials()["authority"]))
        (self.folder / "aws/config").write_text(
            f"[profile apart]\nregion = us-east-1\nendpoint_url = https://{self.gateway.machine.address}:8773\nca_bundle = {pem}\n"
        )
        (self.folder / "aws/credentials").write_text(
            f"[apart]\naws_access_key_id = {self.account['access_key_id']}\naws_secret_access_key = {self.account['secret_access_key']}\n"
        )

    def aws(self, *words, check=True, machine=None):
        """The AWS CLI as it is, on another machine than the gateway's."""
        aws = Path(sys.executable).parent / "aws"
        command = (machine or self.b.machine).command(aws, "--output", "json", "--cli-connect-timeout", "10", *words)
        done = subprocess.run(command, env=self.environment | {"AWS_MAX_ATTEMPTS": "1"}, capture_output=True, text=True, timeout=120)
        if not check:
            return done
        assert done.returncode == 0, f"aws {words}: {done.stderr}\n{self.gateway.log()[-3000:]}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    def hosts(self, of=None):
        listed = (of or self.scheduler).freehold("--output", "json", "host", "ls", check=False)
        return json.loads(listed.stdout) if listed.returncode == 0 else []

    def tiny_ami(self):
        """An AMI that boots. Its packages come by the machine that the tests run on, where guests are real: the others reach no package host."""
        return self.scheduler.json("image", "build", "tiny", "--public", machine=self.a.machine, seconds=300)["image_id"]

    def ami(self):
        disk = self.folder / "disk.raw"
        disk.write_bytes(os.urandom(64).ljust(1 << 20, b"\0"))
        return self.scheduler.json("image", "import", disk, "--format", "raw", "--name", f"disk-{disk.stat().st_mtime_ns}", "--public")["image_id"]

    def close(self):
        for place in self.places:
            place.kill()
        self.wires.close()
        shutil.rmtree(self.folder)


def certificate(text):
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module")
def apart(binary):
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    apart = Apart()
    try:
        apart.begin()
        yield apart
    finally:
        apart.close()
