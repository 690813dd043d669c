"""A PostgreSQL of a test's own."""

import os
import signal
import subprocess
from contextlib import contextmanager

from cloud import ROOT


@contextmanager
def server(options=""):
    """The address of one that is there as long as this lasts; `options` are the server's own."""
    environment = os.environ | ({"FREEHOLD_TEST_POSTGRES_OPTIONS": options} if options else {})
    script = [ROOT / "deploy/with-postgres", "bash", "-c", 'echo "$FREEHOLD_TEST_DATABASE"; exec sleep 900']
    with subprocess.Popen(script, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            os.killpg(process.pid, signal.SIGTERM)
