"""QEMU by itself: started as the agent starts an instance's, by the very command line that the agent made, and by nobody else.

It takes the place of a stopped instance: its tap in its VPC's namespace, its user, an overlay of its own on the same image.
"""

import concurrent.futures
import ctypes
import fcntl
import json
import os
import re
import socket
import struct
import subprocess
import time
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
CLONE_NEWNET = 0x40000000


def inside(namespace, act):
    """What `act` answers on a thread that has entered a network namespace; processes it starts are in there too."""

    def enter():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(namespace) as opened:
            if libc.setns(opened.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"the namespace {namespace} can not be entered")

    with concurrent.futures.ThreadPoolExecutor(1, initializer=enter) as room:
        return room.submit(act).result()


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    return tap


class Bare:
    """`spec` is what the agent handed its launcher for the instance."""

    def __init__(self, folder, spec):
        self.folder, self.spec, self.process = folder, spec, None
        (self.tap,) = spec["taps"]
        (disk,) = (json.loads(word) for word in spec["arguments"] if '"driver":"qcow2"' in word)
        self.overlay, self.base = disk["file"]["filename"], disk["backing"]["file"]["filename"]
        shown = subprocess.run(
            ["qemu-img", "info", "-f", "qcow2", "--output", "json", self.overlay], cwd=Path(spec["folder"]) / "inside", capture_output=True, check=True,
        )
        self.size = json.loads(shown.stdout)["virtual-size"]
        folder.mkdir(mode=0o700)
        os.chown(folder, spec["user"], spec["user"])
        os.link(Path(spec["folder"]) / "inside" / self.base, folder / self.base)

    def option(self, name):
        return self.spec["arguments"][self.spec["arguments"].index(name) + 1]

    def start(self):
        """Returns the moment at which it was started; its disk and its tap are there before."""
        for name in (self.overlay, "qmp.sock", "console.sock"):
            (self.folder / name).unlink(missing_ok=True)
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", self.base, self.overlay, str(self.size)], cwd=self.folder, check=True,
        )
        user = self.spec["user"]
        os.chown(self.folder / self.overlay, user, user)
        tap = inside(self.tap["namespace"], lambda: open_tap(self.tap["name"]))
        arguments = [re.sub("%TAP0%", str(tap), word) for word in self.spec["arguments"]]
        try:
            began = time.monotonic()
            self.process = subprocess.Popen(
                [self.spec["program"], *arguments], cwd=self.folder, env={}, user=user, group=user, extra_groups=self.spec["groups"],
                pass_fds=[tap], stdin=subprocess.DEVNULL, start_new_session=True,
            )
        finally:
            os.close(tap)
        return began

    def runs(self):
        """Whether its monitor says so."""
        assert self.process.poll() is None, f"QEMU ended with {self.process.returncode}"
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(60)
            try:
                monitor.connect(str(self.folder / "qmp.sock"))
            except OSError:
                return False
            lines = monitor.makefile("rw")
            lines.readline()
            for command in ("qmp_capabilities", "query-status"):
                lines.write(json.dumps({"execute": command}) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
            return answer["return"]["status"] == "running"

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait(60)
