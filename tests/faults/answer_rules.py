"""What clients were answered, against what is; and what is now, against what was."""

from store_rules import by

MILLISECONDS_SHOWN = 60 * 60 * 1000


def lost(evidence, journal):
    """Every answered launch is there, at any time. What is terminated is forgotten after an hour, and clocks jump."""
    with journal.lock:
        answered = {i: one for i, one in journal.instances.items() if "terminated" not in one.state.possible() and i not in journal.excused}
    there = {row["instance_id"] for row in evidence.rows["instance"]}
    return [f"{name} was answered ({one.launch}) and is lost" for name, one in answered.items() if name not in there]


def instances(evidence, journal):
    """Each instance is in a state that its owner's commands lead to."""
    rows = {row["instance_id"]: row for row in evidence.rows["instance"]}
    found = []
    for instance in list(journal.instances.values()):
        row = rows.get(instance.instance_id)
        possible = instance.state.possible()
        if row is None:
            continue
        if row["account_id"] != instance.account:
            found.append(f"{instance.instance_id} belongs to {row['account_id']}, not to {instance.account}")
        if row["state"] not in possible and not (instance.instance_id in journal.excused and given_up(row)):
            found.append(f"{instance.instance_id} is {row['state']}; its owner's commands lead to {sorted(possible)}")
    return found


def given_up(row):
    """A host whose disk failed may fail a launch for good: `terminated`, or `stopped` where it ran before. Both say why."""
    return row["state_reason_code"] == "Server.InternalError" and row["state"] in ("terminated", "stopped")


def launches(evidence, journal):
    """One launch per token, however often it was asked for, and no instance that nobody asked for."""
    tagged = {}
    for row in evidence.rows["tag"]:
        if row["key"] == "launch" and row["resource_type"] == "instance":
            tagged.setdefault(row["value"], []).append(row["resource_id"])
    known = {row["instance_id"] for row in evidence.rows["instance"]}
    found = [f"nobody asked for launch {token}" for token in tagged if token not in journal.launches]
    for token, launch in list(journal.launches.items()):
        ids = tagged.get(token, [])
        if launch.ids is None and len(ids) not in (0, launch.count):
            found.append(f"launch {token} asked for {launch.count} instances and has {sorted(ids)}")
        if launch.ids is not None and set(ids) != set(launch.ids) & known:
            found.append(f"launch {token} was answered with {sorted(launch.ids)} and has {sorted(ids)}")
    named = {name for ids in tagged.values() for name in ids}
    return found + [f"{name} is of no launch" for name in sorted(known - named)]


def tags(evidence, journal):
    rows = by(evidence.rows["tag"], "resource_id")
    known = {row["instance_id"] for row in evidence.rows["instance"]}
    found = []
    for instance in list(journal.instances.values()):
        if instance.instance_id not in known:
            continue
        held = {row["key"]: row["value"] for row in rows[instance.instance_id]}
        for key in {*instance.tags, *held} - {"launch"}:
            possible = instance.tags[key].possible() if key in instance.tags else {None}
            if held.get(key) not in possible:
                found.append(f"{instance.instance_id} has {key}={held.get(key)}; its owner wrote {possible}")
    return found


def key_pairs(evidence, journal):
    held = {(row["account_id"], row["key_name"]) for row in evidence.rows["key_pair"]}
    return presence("key pair", held, journal.keys)


def rules(evidence, journal):
    held = {(r["account_id"], r["from_port"]) for r in evidence.rows["security_group_rule"] if not r["is_egress"] and r["cidr_ipv4"] == "10.1.2.0/24"}
    return presence("rule", held, journal.rules)


def images(evidence, journal):
    held = {row["name"] for row in evidence.rows["image"]}
    return [one for one in presence("image", held, journal.images) if "nobody" not in one]


def presence(what, held, values):
    found = [f"{what} {key} is there and nobody asked for it" for key in held if key not in values]
    for key, value in list(values.items()):
        if (True if key in held else None) not in value.possible():
            found.append(f"{what} {key} is {'there' if key in held else 'lost'}; its owner's commands lead to {value.possible()}")
    return found


AT_REST = (lost, instances, launches, tags, key_pairs, rules, images)


class History:
    """What may only grow, and what must not have been touched, from one rest to the next."""

    def __init__(self):
        self.epoch = 0
        self.grown, self.ended, self.boots, self.running = {}, set(), {}, set()

    def compare(self, evidence, journal):
        states = {row["instance_id"]: row["state"] for row in evidence.rows["instance"]}
        return self.grows(evidence) + self._guests(evidence, journal, states)

    def grows(self, evidence):
        """Epochs and generations only grow, and what has ended does not begin again."""
        found = []
        (cluster,) = evidence.rows["cluster"]
        if cluster["epoch"] < self.epoch:
            found.append(f"the scheduler's epoch went from {self.epoch} to {cluster['epoch']}")
        for name, value in self._counts(evidence).items():
            if value < self.grown.get(name, value):
                found.append(f"{name} went from {self.grown[name]} to {value}")
        states = {row["instance_id"]: row["state"] for row in evidence.rows["instance"]}
        found += [f"{name} was terminated and is {states[name]}" for name in self.ended if states.get(name, "terminated") != "terminated"]
        return found

    @staticmethod
    def _counts(evidence):
        counts = {}
        for table, key in (("instance", "instance_id"), ("vpc", "vpc_id"), ("security_group", "group_id")):
            counts |= {f"generation of {row[key]}": row["generation"] for row in evidence.rows[table]}
        for row in evidence.rows["instance"]:
            counts |= {f"{c} of {row['instance_id']}": row[c] for c in ("observed_generation", "desired_reboot_count", "desired_start_count")}
        return counts

    def _guests(self, evidence, journal, states):
        """A guest is never made anew (its history goes on), and one that nobody touched was not restarted, whatever died around it."""
        found = []
        for host in evidence.hosts:
            for name, guest in host.guests.items():
                before, now = self.boots.get(name), list(guest["boots"])
                owned = journal.instances.get(name)
                if not before or states.get(name) is None:
                    continue
                if now[: len(before)] != before and now[0] not in before[1:]:
                    found.append(f"the guest of {name} was made anew: it booted at {before} and now at {now}")
                elif name in self.running and owned and not owned.touched and now != before:
                    found.append(f"the guest of {name} was restarted and nobody asked for it: {before}, {now}")
        return found

    def settle(self, evidence, journal):
        """Everything is as it should be: this is what the next look is compared with."""
        (cluster,) = evidence.rows["cluster"]
        self.epoch, self.grown = cluster["epoch"], self._counts(evidence)
        states = {row["instance_id"]: row["state"] for row in evidence.rows["instance"]}
        self.ended |= {name for name, state in states.items() if state == "terminated"}
        self.running = {name for name, state in states.items() if state == "running"}
        self.boots = {name: list(guest["boots"]) for host in evidence.hosts for name, guest in host.guests.items()}
        settle_journal(evidence, journal, states)


def settle_journal(evidence, journal, states):
    with journal.lock:
        journal.excused.clear()
        for instance in journal.instances.values():
            instance.state.settle(states.get(instance.instance_id, "terminated"))
            instance.touched = False
            held = {row["key"]: row["value"] for row in evidence.rows["tag"] if row["resource_id"] == instance.instance_id}
            for key, value in instance.tags.items():
                value.settle(held.get(key))
        held = {(row["account_id"], row["key_name"]) for row in evidence.rows["key_pair"]}
        for key, value in journal.keys.items():
            value.settle(True if key in held else None)
        ports = {(r["account_id"], r["from_port"]) for r in evidence.rows["security_group_rule"] if not r["is_egress"]}
        for key, value in journal.rules.items():
            value.settle(True if key in ports else None)
