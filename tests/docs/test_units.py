"""The systemd units are what systemd accepts, and start commands that exist."""

import shutil
import subprocess

import pytest
from cloud import BINARY, ROOT

UNITS = sorted((ROOT / "deploy/systemd").glob("freehold*"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(tmp_path):
    for unit in UNITS:
        (tmp_path / unit.name).write_text(unit.read_text().replace("/usr/local/bin/freehold", str(BINARY)))
    done = subprocess.run(["systemd-analyze", "verify", *sorted(tmp_path.iterdir())], capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "freehold" in line]
    assert done.returncode == 0 and not ours, done.stderr


def test_the_units_start_commands_that_exist():
    commands = [line.split()[1] for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("ExecStart=")]
    assert sorted(commands) == ["agent", "control-plane"]
    for command in commands:
        subprocess.run([BINARY, command, "--help"], check=True, capture_output=True, timeout=20)
