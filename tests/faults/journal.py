"""What clients were answered, and what therefore must be: the other side of every comparison, made without a look at the cloud.

A command that was answered has happened. One that was sent and not answered may happen, at any time until everything has come to rest,
also after later ones: the process that holds it may only be stopped. So each thing has a last answered value and a set of values that it
may have besides; at rest the set collapses to what was found.
"""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field

# What an instance rests in after a command.
TARGETS = {"run": "running", "start": "running", "stop": "stopped", "terminate": "terminated", "power-off": "stopped"}
LAST_SHOWN = 40


@dataclass
class Value:
    """`None` means: it is not there."""

    last: object = None
    maybe: set = field(default_factory=set)

    def possible(self):
        return {self.last} | self.maybe

    def note(self, value, answered):
        if answered:
            self.last = value
        else:
            self.maybe.add(value)

    def settle(self, found):
        self.last, self.maybe = found, set()


@dataclass
class Instance:
    instance_id: str
    launch: str
    account: str
    state: Value = field(default_factory=lambda: Value("running"))
    tags: dict = field(default_factory=dict)
    # Somebody asked for a change of its power since everything was last at rest: it may have been restarted.
    touched: bool = True


@dataclass
class Launch:
    token: str
    account: str
    count: int
    ids: list = None


class Journal:
    def __init__(self):
        self.lock = threading.RLock()
        self.began = time.monotonic()
        self.entries = []
        self.last = deque(maxlen=LAST_SHOWN)
        self.launches, self.instances = {}, {}
        self.keys, self.rules, self.images = {}, {}, {}
        # Instances of hosts whose disks failed: they may be given up.
        self.excused = set()
        self.findings = []
        self.answered = self.refused = self.unanswered = 0

    def write(self, **entry):
        with self.lock:
            entry = {"at": round(time.monotonic() - self.began, 3), **entry}
            self.entries.append(entry)
            self.last.append(entry)

    def find(self, sentence):
        """Something that a client saw and that must not be."""
        with self.lock:
            self.findings.append(sentence)
            self.write(finding=sentence)

    def launched(self, launch, ids):
        """The launch is answered, perhaps not for the first time."""
        with self.lock:
            if launch.ids is None:
                launch.ids = ids
                for instance_id in ids:
                    self.instances[instance_id] = Instance(instance_id, launch.token, launch.account)
            elif sorted(launch.ids) != sorted(ids):
                self.find(f"launch {launch.token} was answered with {launch.ids} and then with {ids}")

    def power(self, instance_id, action, answered):
        with self.lock:
            instance = self.instances[instance_id]
            instance.touched = True
            if action in TARGETS:
                instance.state.note(TARGETS[action], answered)

    def tag(self, instance_id, key, value, answered):
        with self.lock:
            self.instances[instance_id].tags.setdefault(key, Value()).note(value, answered)

    def note(self, values, key, value, answered):
        with self.lock:
            values.setdefault(key, Value()).note(value, answered)

    def excuse(self, instance_ids):
        with self.lock:
            self.excused.update(instance_ids)

    def tail(self):
        return "\n".join(json.dumps(entry) for entry in self.last)

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.lock:
            path.write_text("".join(json.dumps(entry) + "\n" for entry in self.entries))
