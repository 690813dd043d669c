"""The independent checker: looks at everything by itself and says, in sentences, what must not be.

It uses none of the product's views: no API, no command line, no log but to find a panic in.
"""

import time

import answer_rules
import host_rules
import store_rules
from evidence import Damaged, Evidence


class Checker:
    def __init__(self, journal):
        self.journal = journal
        self.history = answer_rules.History()

    def at_rest(self, evidence, pids=None):
        """Everything that is wrong, where nothing is under way."""
        rules = (*store_rules.ALWAYS, *store_rules.AT_REST, *host_rules.ALWAYS, *host_rules.AT_REST)
        found = [sentence for rule in rules for sentence in rule(evidence)]
        found += [sentence for rule in answer_rules.AT_REST for sentence in rule(evidence, self.journal)]
        found += self.history.compare(evidence, self.journal)
        if pids is not None:
            found += host_rules.processes(evidence, pids)
        return found + list(self.journal.findings)

    def always(self, evidence):
        """What is wrong also while everything moves: rows are read in one transaction, hosts' files are not."""
        found = [sentence for rule in store_rules.ALWAYS for sentence in rule(evidence)]
        return found + answer_rules.lost(evidence, self.journal) + self.history.grows(evidence)

    def settle(self, evidence):
        self.history.settle(evidence, self.journal)


def wait_for_rest(checker, gather, pids, seconds=90):
    """Looks until nothing is wrong; answers what still is after so long, and the last evidence."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            evidence = gather()
            found = checker.at_rest(evidence, pids())
        except Damaged as error:
            evidence, found = None, [str(error)]
        if not found or time.monotonic() > deadline or checker.journal.findings:
            return found, evidence
        time.sleep(0.1)
