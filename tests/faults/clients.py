"""Carries out a plan's steps with unmodified boto3, and writes down what was answered."""

import sqlite3
import time
from dataclasses import replace

import botocore.exceptions
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from evidence import read_database
from journal import Launch, Value
from store_rules import free

# A patient client asks again for this long; a cloud whose parts all run answers long before.
PATIENCE = 90
PAUSE = 0.05
# Never sent, so that nothing can come of it.
UNSENT = (botocore.exceptions.EndpointConnectionError, botocore.exceptions.ConnectTimeoutError)
NO_ANSWER = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError)
# What may be answered instead of success, by action. Anything else is a finding.
REFUSALS = {
    "stop": {"IncorrectInstanceState"}, "start": {"IncorrectInstanceState"}, "reboot": {"IncorrectInstanceState"},
    "authorize": {"InvalidPermission.Duplicate"}, "revoke": {"InvalidPermission.NotFound"},
    "create-key": {"InvalidKeyPair.Duplicate"}, "import-key": {"InvalidKeyPair.Duplicate"},
    "console": {"IncorrectInstanceState", "UnsupportedOperation"},
}
KEY_OF_NOBODY = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)


class Unanswered(Exception):
    """`sent`: something may come of it all the same."""

    def __init__(self, sent, cause):
        super().__init__(repr(cause))
        self.sent = sent


class Worker:
    """One client of one account, and its steps one after the other."""

    def __init__(self, number, parts, journal, bad_disk):
        account = parts.cloud.accounts[number % 2]
        self.number, self.parts, self.journal, self.account = number, parts, journal, account.account_id
        self.ec2 = account.client("ec2", connect_timeout=2, read_timeout=4, max_pool_connections=1)
        # Whether somebody's disk is bad just now: an internal error is then an honest answer.
        self.bad_disk = bad_disk
        self.group = None

    def take(self, step):
        began = time.monotonic()
        outcome = getattr(self, "_" + step.action.replace("-", "_"))(step)
        self.journal.write(client=step.client, step=step.number, action=step.action, launch=step.launch, index=step.index,
                           value=step.value, outcome=outcome, took=round(time.monotonic() - began, 3))

    # Asking

    def _once(self, action, ask):
        try:
            return ask()
        except UNSENT as error:
            raise Unanswered(False, error) from None
        except NO_ANSWER as error:
            raise Unanswered(True, error) from None
        except botocore.exceptions.ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
                raise
            code = error.response["Error"]["Code"]
            if code == "InsufficientInstanceCapacity":
                # Every host that has room is away just now, or there is none for this: see `_is_full`.
                raise Unanswered(False, error) from None
            if code != "Unavailable" and not self.bad_disk():
                self.journal.find(f"{action}: {error}, while no disk was bad")
            raise Unanswered(True, error) from None

    def _ask(self, step, ask, note=lambda answered: None):
        """Says how it ended; `note` is told of each try that may have had an effect."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._once(step.action, ask)
            except Unanswered as error:
                if error.sent:
                    note(False)
                elif step.action == "start" and self._is_full(step):
                    self.journal.refused += 1
                    return "its host is full", None
                if not step.patient or time.monotonic() > deadline:
                    if step.patient:
                        self.journal.find(f"{step} was not answered within {PATIENCE} s: {error}")
                    self.journal.unanswered += 1
                    return f"no answer: {error}", None
                time.sleep(PAUSE)
            except botocore.exceptions.ClientError as error:
                return self._refused(step, error), None
            else:
                note(True)
                self.journal.answered += 1
                return "answered", answer

    def _is_full(self, step):
        """Whether the host that has a stopped instance's disk has no room to run it. Read by itself, so that a refusal without a reason is
        one more try, and a finding in the end."""
        try:
            rows, _ = read_database(self.parts.database)
        except sqlite3.Error:
            return False
        instances = [row for row in rows["instance"] if row["instance_id"] == self._instance(step) and row["state"] == "stopped"]
        for row in instances:
            for host in rows["host"]:
                left = free(rows, host)
                if host["host_id"] == row["host_id"] and (left["vcpus"] < row["vcpus"] or left["memory_mib"] < row["memory_mib"]):
                    return True
        return False

    def _refused(self, step, error):
        code = error.response["Error"]["Code"]
        self.journal.refused += 1
        if code not in REFUSALS.get(step.action, set()) and not self._gone(step, code):
            self.journal.find(f"{step} was refused: {error}")
        return code

    def _gone(self, step, code):
        """Terminated, or perhaps terminated, instances may be forgotten when a clock jumps past their hour."""
        instance = self.journal.instances.get(self._instance(step)) if step.launch else None
        ended = instance and (instance.instance_id in self.journal.excused or "terminated" in instance.state.possible())
        return code == "InvalidInstanceID.NotFound" and ended

    def _token(self, launch):
        return f"fault-{self.number}-{launch}"

    def _instance(self, step):
        launch = self.journal.launches.get(self._token(step.launch))
        return launch.ids[step.index] if launch and launch.ids else None

    # Steps

    def _run(self, step):
        token = self._token(step.launch)
        launch = self.journal.launches.setdefault(token, Launch(token, self.account, step.value))
        tags = [{"Key": "launch", "Value": token}]
        outcome, answer = self._ask(step, lambda: self.ec2.run_instances(
            ImageId=self.parts.ami, InstanceType="t3.nano", MinCount=step.value, MaxCount=step.value, ClientToken=token,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        ))
        if answer:
            self.journal.launched(launch, [instance["InstanceId"] for instance in answer["Instances"]])
        return outcome

    def _power(self, step, ask):
        instance_id = self._instance(step)
        if not instance_id:
            return "skipped: it was never launched"
        # Before it is asked: what it leads to may be seen before the answer is.
        self.journal.power(instance_id, None, True)
        return self._ask(step, lambda: ask(instance_id), lambda answered: self.journal.power(instance_id, step.action, answered))[0]

    def _stop(self, step):
        return self._power(step, lambda i: self.ec2.stop_instances(InstanceIds=[i], Force=step.value % 3 == 0))

    def _start(self, step):
        return self._power(step, lambda i: self.ec2.start_instances(InstanceIds=[i]))

    def _reboot(self, step):
        return self._power(step, lambda i: self.ec2.reboot_instances(InstanceIds=[i]))

    def _terminate(self, step):
        """All of the launch."""
        outcomes = []
        launch = self.journal.launches.get(self._token(step.launch))
        for index in range(len(launch.ids) if launch and launch.ids else 0):
            one = replace(step, index=index)
            outcomes.append(self._power(one, lambda i: self.ec2.terminate_instances(InstanceIds=[i])))
        return ", ".join(outcomes) or "skipped: it was never launched"

    def _word(self, step, word):
        """The guest does something by its own will."""
        instance_id = self._instance(step)
        for folder in self.parts.agents.values():
            if instance_id and (folder / "simulated/guests" / instance_id).exists():
                self.journal.power(instance_id, "power-off" if word == "power-off" else None, False)
                try:
                    (folder / "simulated/control" / instance_id).write_text(word)
                except OSError as error:
                    return f"not written: {error}"
                return "written"
        return "skipped: no host has it"

    def _power_off(self, step):
        return self._word(step, "power-off")

    def _hang(self, step):
        return self._word(step, "hang")

    def _tag(self, step):
        instance_id, key, value = self._instance(step), f"k{step.value % 3}", str(step.number)
        if not instance_id:
            return "skipped: it was never launched"
        return self._ask(step, lambda: self.ec2.create_tags(Resources=[instance_id], Tags=[{"Key": key, "Value": value}]),
                         lambda answered: self.journal.tag(instance_id, key, value, answered))[0]

    def _untag(self, step):
        instance_id, key = self._instance(step), f"k{step.value % 3}"
        if not instance_id:
            return "skipped: it was never launched"
        return self._ask(step, lambda: self.ec2.delete_tags(Resources=[instance_id], Tags=[{"Key": key}]),
                         lambda answered: self.journal.tag(instance_id, key, None, answered))[0]

    def _key(self, step, ask, there):
        name = f"key-{self.number}-{step.value}"
        key = (self.account, name)
        outcome, _ = self._ask(step, lambda: ask(name), lambda answered: self.journal.note(self.journal.keys, key, there, answered))
        if outcome == "InvalidKeyPair.Duplicate" and True not in self.journal.keys.get(key, Value()).possible():
            self.journal.find(f"{step}: {name} is there and nobody asked for it")
        return outcome

    def _create_key(self, step):
        return self._key(step, lambda name: self.ec2.create_key_pair(KeyName=name, KeyType="ed25519"), True)

    def _import_key(self, step):
        return self._key(step, lambda name: self.ec2.import_key_pair(KeyName=name, PublicKeyMaterial=KEY_OF_NOBODY), True)

    def _delete_key(self, step):
        return self._key(step, lambda name: self.ec2.delete_key_pair(KeyName=name), None)

    def _rule(self, step, ask, there):
        def call():
            self.group = self.group or self.ec2.describe_security_groups(GroupNames=["default"])["SecurityGroups"][0]["GroupId"]
            return ask(GroupId=self.group, IpProtocol="tcp", FromPort=step.value, ToPort=step.value, CidrIp="10.1.2.0/24")

        key = (self.account, step.value)
        return self._ask(step, call, lambda answered: self.journal.note(self.journal.rules, key, there, answered))[0]

    def _authorize(self, step):
        return self._rule(step, self.ec2.authorize_security_group_ingress, True)

    def _revoke(self, step):
        return self._rule(step, self.ec2.revoke_security_group_ingress, None)

    def _console(self, step):
        instance_id = self._instance(step)
        if not instance_id:
            return "skipped: it was never launched"
        # An agent that is away can not say; its instance is there all the same.
        one = replace(step, patient=False)
        return self._ask(one, lambda: self.ec2.get_console_output(InstanceId=instance_id, Latest=True))[0]

    def _describe(self, step):
        """Whoever was answered reads what it wrote."""
        mine = {i.instance_id: i for i in list(self.journal.instances.values()) if i.launch.startswith(f"fault-{self.number}-")}
        expected = {i for i, instance in mine.items() if "terminated" not in instance.state.possible() and i not in self.journal.excused}
        outcome, answer = self._ask(step, lambda: self.ec2.describe_instances(
            Filters=[{"Name": "tag:launch", "Values": [f"fault-{self.number}-*"]}]))
        if answer:
            found = {i["InstanceId"]: i for r in answer["Reservations"] for i in r["Instances"]}
            self._compare(mine, expected, found)
        return outcome

    def _compare(self, mine, expected, found):
        if missing := expected - set(found):
            self.journal.find(f"answered launches are not described: {sorted(missing)}")
        for instance_id, described in found.items():
            tags = {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])}
            known = mine[instance_id].tags if instance_id in mine else {}
            for key, value in known.items():
                if tags.get(key) not in value.possible():
                    self.journal.find(f"{instance_id} is described with {key}={tags.get(key)}; possible are {value.possible()}")

    def _import_image(self, step):
        name = f"image-{self.number}-{step.number}"
        disk = self.parts.folder / f"{name}.raw"
        disk.write_bytes(name.encode().ljust(1 << 20, b"\1"))
        done = self.parts.cloud.freehold("--output", "json", "image", "import", disk, "--format", "raw", "--name", name, "--public", check=False)
        disk.unlink()
        if done.returncode == 0:
            self.journal.note(self.journal.images, name, True, True)
            return "answered"
        self.journal.note(self.journal.images, name, True, False)
        return f"exit {done.returncode}: {done.stderr.strip()[-200:]}"
