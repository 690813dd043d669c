"""What a part stands on, made so that it can fail: a disk of its own that fills up or turns read-only, a wall clock of its own that jumps.

A disk is a small tmpfs; a read-only one needs that nobody has a file open for writing, so the part is started anew on it. A clock is
shifted inside the part's process (see shifted_clock.c); the machine's own is never touched.
"""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_name("shifted_clock.c")


class Disk:
    """A file system of a part's own, mounted at `folder`. Without root it is a plain folder, whose faults are refused."""

    def __init__(self, folder, megabytes=96):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.filler = self.folder / "filler-of-the-test"
        self.mounted = os.geteuid() == 0
        if self.mounted:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "freehold-faults", self.folder], check=True)

    def fill(self):
        """Takes all that is left, to the last page."""
        with open(self.filler, "wb", buffering=0) as filler:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        filler.write(b"\xff" * size)
                except OSError:
                    continue

    def free(self):
        self.filler.unlink(missing_ok=True)

    def turn(self, mode):
        """`mode` is "ro" or "rw"."""
        subprocess.run(["mount", "-o", f"remount,{mode}", self.folder], check=True, capture_output=True)

    def close(self):
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.folder], check=True)
            self.mounted = False


class ShiftedClock:
    """The wall clock of the processes that are started with `environment`."""

    def __init__(self, path, library):
        self.path = Path(path)
        self.path.write_bytes(struct.pack("=q", 0))
        self.file = open(self.path, "r+b")
        self.page = mmap.mmap(self.file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(self.path)}

    def shift(self, milliseconds):
        self.page[:8] = struct.pack("=q", milliseconds)

    def close(self):
        self.page.close()
        self.file.close()


def build_clock(folder):
    """The library, or None where there is no C compiler."""
    compiler = shutil.which("cc")
    if not compiler:
        return None
    library = Path(folder) / "shifted_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, SOURCE], check=True)
    return library
