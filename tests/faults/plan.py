"""What will be done and what will go wrong, made of a seed alone: no answer, no clock and no other source of chance has a part in it.

A plan is a list of rounds. In a round every client takes one step, all at the same time, and meanwhile its faults happen. Rounds follow each
other, so that the order of steps and faults is the same each time.
"""

import random
from dataclasses import dataclass, field

# How often a client does what. What needs an instance becomes a launch while there is none.
ACTIONS = {
    "run": 5, "stop": 5, "start": 5, "reboot": 3, "terminate": 4, "tag": 6, "untag": 3, "describe": 5, "power-off": 1, "hang": 1,
    "create-key": 2, "import-key": 1, "delete-key": 2, "authorize": 2, "revoke": 2, "console": 1, "import-image": 0.3,
}
MOST_LAUNCHES, COUNTS = 3, (1, 1, 2)
# A group takes 60, of all clients.
MOST_RULES = 5
# What real guests are asked for: one at a time and client, and nothing that only simulated ones can be told to do.
REAL_ACTIONS = {"run": 5, "stop": 4, "start": 6, "reboot": 3, "terminate": 2, "tag": 1, "describe": 1}
# Milliseconds after which both ends have hung up on a silent peer.
LONG = 45_000
# Of commands that EC2 would settle with one try, how many are given up after it.
IMPATIENT = 0.15
KINDS = {
    "kill": 8, "stop": 3, "silent": 1, "slow": 1, "refused": 1, "cut": 3, "full": 1.5, "read-only": 0.5, "clock": 1,
}


@dataclass(frozen=True)
class Step:
    client: int
    number: int
    action: str
    # Which launch of this client, and which instance of that launch.
    launch: int = 0
    index: int = 0
    # What is written: a tag's value, a rule's port, how many instances …
    value: int = 0
    # Asks again under the same token until it is answered.
    patient: bool = True


@dataclass(frozen=True)
class Fault:
    kind: str
    part: str
    # Milliseconds into the round, and how many it lasts.
    after: int
    lasts: int
    # Bytes until a cut, milliseconds that a clock is shifted.
    amount: int = 0


@dataclass
class Round:
    number: int
    steps: list
    faults: list = field(default_factory=list)


class Client:
    """What one client will have done, as far as that can be known beforehand."""

    def __init__(self, seed, client, real):
        self.random = random.Random(f"{seed}/client-{client}")
        self.actions, self.most, self.counts = (REAL_ACTIONS, 1, (1,)) if real else (ACTIONS, MOST_LAUNCHES, COUNTS)
        self.client, self.number, self.launches = client, 0, 0
        self.alive, self.keys, self.rules = [], [], []

    def step(self):
        self.number += 1
        action = self.random.choices(list(self.actions), list(self.actions.values()))[0]
        details = {"value": self.random.randrange(1 << 20), "patient": self.random.random() >= IMPATIENT}
        action, chosen = self._possible(action)
        return Step(self.client, self.number, action, **{**details, **chosen})

    def _possible(self, action):
        if action in ("create-key", "import-key"):
            self.keys.append(self.number)
            return action, {"value": self.number}
        if action == "delete-key" and self.keys:
            return action, {"value": self.keys.pop(self.random.randrange(len(self.keys)))}
        if action == "authorize" and len(self.rules) < MOST_RULES:
            self.rules.append(port := 1024 + self.client * 2048 + self.number % 2048)
            return action, {"value": port}
        if action in ("authorize", "revoke") and self.rules:
            action = "revoke"
            return action, {"value": self.rules.pop(self.random.randrange(len(self.rules)))}
        if action in ("describe", "import-image"):
            return action, {}
        if action in ("delete-key", "revoke"):
            return "describe", {}
        return self._on_an_instance(action)

    def _on_an_instance(self, action):
        if action == "run" and len(self.alive) >= self.most:
            action = "terminate"
        if action == "run" or not self.alive:
            self.launches += 1
            self.alive.append((self.launches, count := self.random.choice(self.counts)))
            return "run", {"launch": self.launches, "value": count}
        launch, count = self.random.choice(self.alive)
        if action == "terminate":
            self.alive.remove((launch, count))
        return action, {"launch": launch, "index": self.random.randrange(count)}


def faults_of(source, parts, lines, rate, long):
    """About `rate` faults of any kind."""
    faults = []
    for _ in range(int(rate) + (source.random() < rate % 1)):
        kind = source.choices(list(KINDS), list(KINDS.values()))[0]
        fault = {
            "kill": lambda: (source.choice(parts), 0, 0),
            "stop": lambda: (source.choice(parts), source.randrange(20, 1500), 0),
            "silent": lambda: (source.choice(lines), source.randrange(100, 2000) if source.random() >= long else LONG, 0),
            "slow": lambda: (source.choice(lines), source.randrange(100, 1500), source.randrange(1, 80)),
            "refused": lambda: (source.choice(lines), source.randrange(50, 600), 0),
            "cut": lambda: (source.choice(lines), 0, source.choice([0, source.randrange(1, 20_000)])),
            "full": lambda: (source.choice([p for p in parts if p != "gateway"]), source.randrange(50, 1000), 0),
            "read-only": lambda: (source.choice([p for p in parts if p != "gateway"]), source.randrange(50, 500), 0),
            "clock": lambda: (
                source.choice([p for p in parts if p == "scheduler" or p.startswith("agent")]), source.randrange(50, 1500),
                source.randrange(-7_200_000, 7_200_000),
            ),
        }[kind]
        part, lasts, amount = fault()
        faults.append(Fault(kind, part, source.randrange(0, 150), lasts, amount))
    return faults


def mixed(seed, rounds, clients, parts, lines, rate=1.5, long=0.0, real=False):
    """Everything that can go wrong, now and then: round after round. Of silences, the share `long` is."""
    walkers = [Client(seed, client, real) for client in range(clients)]
    source = random.Random(f"{seed}/faults")
    for number in range(rounds):
        yield Round(number, [walker.step() for walker in walkers], faults_of(source, parts, lines, rate, long))


def kills(seed, operations, clients, parts, each, real=False):
    """`each` kills of each part, spread by chance over as many operations."""
    rounds = -(-operations // clients)
    plan = list(mixed(seed, rounds, clients, parts, [], rate=0, real=real))
    source = random.Random(f"{seed}/kills")
    for part in parts:
        for _ in range(each):
            plan[source.randrange(rounds)].faults.append(Fault("kill", part, source.randrange(0, 150), 0))
    return plan
