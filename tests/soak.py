"""Hours of random work and random faults, judged by the independent checker (tests/faults). The same seed does the same.

    tests/soak.py --minutes 60 --seed 1                      everything that can go wrong, on simulated guests
    tests/soak.py --kills 1000 --operations 10000            so many kills of each part, over so many commands
    tests/soak.py --kills 1000 --operations 2000 --supervised    of the supervisor, the control plane and the agent as `freehold up` runs them
    tests/soak.py --kills 50 --operations 50 --real          on real tiny guests, two at a time
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "faults"))

from machines import RealParts, RealSuite  # noqa: E402
from parts import Parts  # noqa: E402
from plan import kills, mixed  # noqa: E402
from suite import Suite, announce  # noqa: E402
from supervised import Supervised  # noqa: E402

# More rounds than anybody has time for.
ENDLESS = 10_000_000


def kind(options):
    """The cloud, how it is judged, and how many clients it has."""
    if options.real:
        return RealParts(), RealSuite, 2
    if options.supervised:
        return Supervised(), Suite, 8
    return Parts(hosts=3), Suite, 8


def run(options, replay):
    parts, suite, clients = kind(options)
    try:
        parts.up()
        suite = suite(parts, options.seed, replay, clients)
        began = time.monotonic()
        if options.kills:
            suite.run(kills(options.seed, options.operations, clients, sorted(parts.parts), options.kills, options.real))
        else:
            plan = mixed(options.seed, ENDLESS, clients, sorted(parts.parts), sorted(parts.lines), long=0.02, real=options.real)
            suite.run(plan, until=time.monotonic() + options.minutes * 60)
        print(suite.summary(), f"{time.monotonic() - began:.0f} s", sep="\n")
    finally:
        left = parts.close()
    assert not left, left


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--kills", type=int, default=0, help="of each part; instead of --minutes")
    parser.add_argument("--operations", type=int, default=10_000, help="with --kills")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--supervised", action="store_true", help="with --kills")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    replay = " ".join(["target/test-python/bin/python", "tests/soak.py", *sys.argv[1:], *([] if "--seed" in sys.argv else ["--seed 1"])])
    announce(options.seed, replay)
    began = time.monotonic()
    failed = 0
    try:
        run(options, replay)
    except Exception as error:  # noqa: BLE001: what it was stands in its words.
        failed = 1
        print(error, file=sys.stderr)
    print(f"{1 - failed} passed, {failed} failed in {time.monotonic() - began:.2f}s")
    return failed


if __name__ == "__main__":
    sys.exit(main())
