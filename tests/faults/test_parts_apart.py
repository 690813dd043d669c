"""The gateway and the scheduler as processes of their own: one goes and comes back, the other stays and needs nothing to be told."""

import http.client
import shutil
import subprocess

import pytest
from cloud import BINARY, Cloud, wait_until
from signed import Request


class Apart:
    """A cloud whose parts are started by the test, one by one."""

    def __init__(self):
        self.cloud = Cloud("simulated")
        self.parts = {}

    def start(self, part):
        (self.cloud.folder / "log").mkdir(exist_ok=True)
        with open(self.cloud.folder / f"log/{part}.log", "a") as log:
            self.parts[part] = subprocess.Popen(
                [BINARY, "--config", self.cloud.config, part], env=self.cloud.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )

    def kill(self, part):
        process = self.parts.pop(part)
        process.kill()
        process.wait(timeout=60)

    def close(self):
        for part in list(self.parts):
            self.kill(part)
        shutil.rmtree(self.cloud.folder)

    def account(self):
        def created():
            done = self.cloud.freehold("--output", "json", "account", "create", "--name", "apart", check=False)
            return done.returncode == 0

        wait_until("the scheduler answers operators", created)
        return self.cloud.create_account("caller")


@pytest.fixture
def apart(binary):
    apart = Apart()
    try:
        yield apart
    finally:
        apart.close()


def ask(account):
    """Status and code of a signed GetCallerIdentity; None where nothing listens."""
    try:
        answer = Request(account, "GetCallerIdentity", service="sts").sign().send()
    except ConnectionError:
        return None
    return (200, None) if answer.status == 200 else answer.refused


def test_a_scheduler_that_is_gone_makes_commands_unavailable_until_it_is_back(apart):
    apart.start("scheduler")
    account = apart.account()
    apart.start("gateway")
    wait_until("the gateway answers", lambda: ask(account) == (200, None))
    gateway = apart.parts["gateway"]
    apart.kill("scheduler")
    assert ask(account) == (503, "Unavailable")
    assert ask(account) == (503, "Unavailable")
    apart.start("scheduler")
    wait_until("commands are answered again", lambda: ask(account) == (200, None))
    assert gateway.poll() is None, "the same gateway all along"


def test_a_gateway_that_starts_first_waits_for_its_scheduler(apart):
    apart.start("scheduler")
    account = apart.account()
    apart.kill("scheduler")
    apart.start("gateway")
    wait_until("the gateway listens", lambda: ask(account) is not None)
    assert ask(account) == (503, "Unavailable")
    apart.start("scheduler")
    wait_until("commands are answered", lambda: ask(account) == (200, None))


def test_a_gateway_that_is_killed_takes_nothing_with_it(apart):
    apart.start("scheduler")
    account = apart.account()
    apart.start("gateway")
    wait_until("the gateway answers", lambda: ask(account) == (200, None))
    apart.kill("gateway")
    assert ask(account) is None
    apart.start("gateway")
    wait_until("the next gateway answers", lambda: ask(account) == (200, None))


def test_beyond_this_host_the_api_is_https_only(apart):
    text = apart.cloud.config.read_text()
    apart.cloud.config.write_text(text.replace('listen = "127.0.0.1:', 'listen = "0.0.0.0:'))
    apart.start("scheduler")
    account = apart.account()
    apart.start("gateway")
    wait_until("the API answers", lambda: "API: answers" in apart.cloud.freehold("status", check=False).stdout)
    assert "https://" in apart.cloud.freehold("status", check=False).stdout
    with pytest.raises((ConnectionError, OSError, http.client.HTTPException)):
        Request(account, "GetCallerIdentity", service="sts").sign().send()
