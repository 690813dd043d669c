"""Random work and random faults on a simulated cloud, against a model of what EC2 would answer. The same seed asks the same.

    target/test-python/bin/python tests/soak.py --minutes 10 --seed 1
"""

import argparse
import os
import random
import sys
import time

from botocore.exceptions import ClientError
from cloud import Cloud, wait_until

MOST_INSTANCES = 20
# What an instance settles into after the last command it accepted.
SETTLED = {"run": "running", "start": "running", "stop": "stopped", "terminate": "terminated"}


class Soak:
    def __init__(self, cloud, seed):
        self.cloud, self.random = cloud, random.Random(seed)
        self.ec2 = cloud.accounts[0].client("ec2", retries={"max_attempts": 10, "mode": "standard"})
        self.ami = cloud.ami()
        self.expected = {}
        self.done = self.refused = self.kills = 0

    def alive(self):
        return sorted(i for i, state in self.expected.items() if state != "terminated")

    def step(self):
        action = self.random.choice(["run", "run", "stop", "start", "reboot", "terminate", "tag", "kill agent", "kill control-plane", "settle"])
        if action == "settle":
            return self.settle()
        if action.startswith("kill "):
            return self.kill(action.removeprefix("kill "))
        if action == "run":
            return self.run()
        if not self.alive():
            return None
        chosen = self.random.choice(self.alive())
        try:
            self.command(action, chosen)
            self.done += 1
        except ClientError as error:
            # An instance on its way elsewhere may refuse; anything else is a fault of ours.
            if error.response["Error"]["Code"] != "IncorrectInstanceState":
                raise
            self.refused += 1
        return None

    def run(self):
        count = self.random.randint(1, 3)
        if len(self.alive()) + count > MOST_INSTANCES:
            return
        token = f"{self.random.getrandbits(64):x}"
        answer = self.ec2.run_instances(ImageId=self.ami, InstanceType="t3.nano", MinCount=count, MaxCount=count, ClientToken=token)
        self.expected |= {i["InstanceId"]: SETTLED["run"] for i in answer["Instances"]}
        self.done += 1

    def command(self, action, instance_id):
        if action == "tag":
            self.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": "n", "Value": str(self.random.randint(0, 9))}])
        else:
            getattr(self.ec2, f"{action}_instances")(InstanceIds=[instance_id])
            self.expected[instance_id] = SETTLED.get(action, self.expected[instance_id])

    def kill(self, part):
        before = self.cloud.process(part)
        if before:
            self.cloud.kill(part)
            self.kills += 1
        wait_until(f"{part} runs again", lambda: self.cloud.process(part) not in (None, before), 120)
        self.cloud.wait_for_api()

    def states(self):
        pages = self.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 100})
        return {i["InstanceId"]: i["State"]["Name"] for page in pages for r in page["Reservations"] for i in r["Instances"]}

    def settle(self):
        def differences():
            states = self.states()
            return {i: (states.get(i), wanted) for i, wanted in self.expected.items() if states.get(i, "terminated") != wanted}

        wait_until("every instance is what was asked for", lambda: not differences() or None, 180)
        unknown = set(self.states()) - set(self.expected)
        assert not unknown, f"instances that nobody ran: {unknown}"
        host = self.cloud.host()
        assert not host["quarantined"], host


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    cloud = Cloud("simulated")
    failed = 0
    try:
        cloud.up()
        soak = Soak(cloud, options.seed)
        deadline = time.monotonic() + options.minutes * 60
        while time.monotonic() < deadline:
            soak.step()
        soak.settle()
        print(f"seed {options.seed}: {soak.done} commands, {soak.refused} refused by state, {soak.kills} kills, {len(soak.expected)} instances")
    except Exception as error:
        failed = 1
        print(f"seed {options.seed}: {error!r}\n{cloud.logs()}", file=sys.stderr)
    left = cloud.close()
    print(f"{1 - failed} passed, {failed + bool(left)} failed in {options.minutes * 60:.2f}s", *left, sep="\n")
    return failed or bool(left)


if __name__ == "__main__":
    sys.exit(main())
