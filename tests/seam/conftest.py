"""The seam alone: the gateway's codec and the scheduler's messages behind a pipe. No cloud."""

import base64
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from messages import Messages  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("FREEHOLD_SEED") or random.SystemRandom().randrange(10**9))


class Seam:
    """The example `seam` of the gateway: a line in, a line out."""

    def __init__(self):
        built = ["cargo", "build", "--quiet", "--package", "freehold-api-gateway", "--example", "seam"]
        subprocess.run(built, cwd=ROOT, check=True, timeout=900)
        self.process = subprocess.Popen([ROOT / "target/debug/examples/seam"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")

    def _ask(self, **line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def request(self, service, action, parameters):
        """Query parameters to the request's bytes, or {"code", "message"}."""
        answer = self._ask(service=service, action=action, parameters=[list(pair) for pair in parameters])
        return base64.b64decode(answer["message"]) if set(answer) == {"message"} else answer

    def answer(self, service, action, message, raw=False):
        """The answer's bytes to XML; raw ones do not pass through prost, which would put them into order."""
        answer = self._ask(service=service, action=action, answer=base64.b64encode(message).decode(), raw=raw)
        assert "document" in answer, answer
        return answer["document"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def seam():
    seam = Seam()
    yield seam
    seam.close()


@pytest.fixture(scope="session")
def messages(tmp_path_factory):
    file = tmp_path_factory.mktemp("seam") / "aws.protoset"
    subprocess.run(["cargo", "xtask", "descriptors", file], cwd=ROOT, check=True, timeout=900)
    return Messages.read(file.read_bytes())


@pytest.fixture(scope="session")
def seed():
    print(f"\nFREEHOLD_SEED={SEED}")
    return SEED
