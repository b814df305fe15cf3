"""Mistakes that would break the promise, each as small replacements in our own sources.

Exact pieces of text and not diffs: a piece that no longer occurs exactly once stops the run, so
nobody believes in a mutant that was not there. Each names the tests that have to fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class PatchError(Exception):
    """The text to be replaced is not there, or there more than once."""


@dataclass(frozen=True, slots=True)
class Replacement:
    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake, and the tests that should notice it."""

    name: str
    mistake: str
    replacements: tuple[Replacement, ...]
    tests: tuple[str, ...]
    cheap: bool = False

    def apply(self, tree: Path) -> None:
        """Make the mistake in a copy of the sources; PatchError when it cannot be made."""
        for change in self.replacements:
            path = tree / change.file
            source = path.read_text() if path.exists() else ""
            found = source.count(change.old)
            if found != 1:
                raise PatchError(f"{self.name}: {change.file} has it {found} times: {change.old!r}")
            path.write_text(source.replace(change.old, change.new))


STATEMENTS, SENDING = "distribution/ledger/statements.py", "distribution/sending/batch.py"
TABLES = "distribution/migrations/0001_squashed_0018.py"

MUTANTS = (
    Mutant(
        "call-before-mark",
        "messages go out before the intent to send them is committed",
        (
            Replacement(
                SENDING,
                "        marked = deliveries.mark_inflight(",
                "        self.calls.submit(messages)\n        marked = deliveries.mark_inflight(",
            ),
            Replacement(
                SENDING,
                "self.calls.submit([message for message in messages if message.key in marked])",
                "pass",
            ),
        ),
        (
            "tests/distribution/sending/test_batch.py::test_nothing_is_sent_that_was_not_marked_before",
        ),
    ),
    Mutant(
        "timeout-is-refusal",
        "a call without an answer is sent again like one that was refused",
        (
            Replacement(
                "distribution/sending/retry_policy.py",
                "        after = State.UNKNOWN\n",
                "        after, next_at = State.RETRY_WAIT, outcome.ended_at\n",
            ),
        ),
        ("tests/distribution/sending/test_retry_policy.py",),
    ),
    Mutant(
        "no-token",
        "whoever lost a claim may mark it in flight all the same",
        (
            Replacement(
                STATEMENTS,
                "    d.claim_token = %(token)s AND d.state || '' = 'CLAIMED'\n",
                "    d.state || '' = 'CLAIMED'\n",
            ),
        ),
        ("tests/distribution/ledger/test_deliveries.py::test_a_lost_claim_may_not_send",),
        cheap=True,
    ),
    Mutant(
        "no-lease",
        "a claim with no lease left may begin calls",
        (Replacement(STATEMENTS, "    AND d.lease_until > %(least_lease)s\n", ""),),
        (
            "tests/distribution/ledger/test_deliveries.py::test_a_claim_with_little_lease_left_may_not_send",
        ),
    ),
    Mutant(
        "no-recipient",
        "whoever opts out after the claim is marked in flight all the same",
        (Replacement(STATEMENTS, "{OPEN_TO_CALLS} AND {WANTED}", "{OPEN_TO_CALLS}"),),
        ("tests/distribution/sending/test_leaving.py::test_between_claim_and_mark",),
    ),
    Mutant(
        "no-guard",
        "a process that slept past its lease writes to the network when it wakes",
        (
            Replacement(
                "phonepool/cloud_api/sends.py",
                "        if time.monotonic() >= self.message.deadline:",
                "        if False:",
            ),
        ),
        ("tests/phonepool/cloud_api/test_sends.py",),
        cheap=True,
    ),
    Mutant(
        "last-write-wins",
        "progress is what was heard last, not the highest that was heard",
        (
            Replacement(
                "distribution/outcomes/report_rules.py",
                "    facts.progress = max(facts.progress, progress)",
                "    facts.progress = progress",
            ),
        ),
        ("tests/distribution/outcomes/test_report_rules.py",),
        cheap=True,
    ),
    Mutant(
        "ack-before-insert",
        "a webhook is answered 200 whether or not it is on disk",
        (
            Replacement(
                "webhooks/views.py",
                '        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "not_stored") from error',
                "        return False",
            ),
        ),
        ("tests/webhooks/test_views.py",),
    ),
    Mutant(
        "careless-commits",
        "PostgreSQL answers a commit before it is on disk, and then crashes",
        (
            Replacement(
                "config/settings/databases.py",
                '    "options": " ".join(',
                '    "options": "-c synchronous_commit=off " + " ".join(',
            ),
        ),
        (
            "tests/config/processes/test_private_postgres.py::test_a_commit_is_on_disk_before_it_is_answered",
        ),
    ),
    Mutant(
        "no-unique-key",
        "nothing keeps a person from being owed one distribution twice",
        tuple(
            Replacement(
                TABLES,
                f'fields=("distribution", "{column}"), name="{name}"',
                f'fields=("distribution", "{column}"), name="{name}", '
                'condition=models.Q(("pk", -1))',
            )
            for column, name in (
                ("subscriber", "delivery_once_per_subscriber"),
                ("phone", "delivery_once_per_phone"),
            )
        ),
        (
            "tests/distribution/lifecycle/test_audience.py::test_doing_it_twice_changes_nothing",
            "tests/distribution/ledger/test_deliveries.py::test_nobody_can_be_owed_a_distribution_twice",
        ),
    ),
)
