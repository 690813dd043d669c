"""A PostgreSQL of a test's own."""

import os
import signal
import subprocess
from contextlib import contextmanager

from cloud import ROOT


@contextmanager
def server():
    """The address of one that is there as long as this lasts."""
    script = [ROOT / "deploy/with-postgres", "bash", "-c", 'echo "$FREEHOLD_TEST_DATABASE"; exec sleep 900']
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
