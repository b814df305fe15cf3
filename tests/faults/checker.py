"""The invariants after every fault, asked of the sandbox's journal and of our own tables.

`violations` answers sentences; none means that the promise was kept. Numbers in front of the
sentences are the invariants' own (docs/reliability-faults.md lists them).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from distribution.ledger.attempts import ids
from distribution.ledger.integrity.check import check_ledger
from distribution.models import Attempt, Delivery, Distribution, Kind, State
from distribution.models.deliveries import UNSETTLED
from tests.faults import pace
from tests.faults.cloud import Acceptance
from tests.faults.stack import SCALED, Stack
from webhooks.applying import integrity as inbox
from webhooks.models import WebhookEvent

DELIVERED = {"delivered", "read"}
TERMINAL = (State.ACCEPTED, State.FAILED, State.SKIPPED, State.UNCONFIRMED)
FAILED_LATER = {
    *("invalid", "capped", "opted_out", "experiment", "server_error", "throttled"),
    "late_failure",
}
PHONE = re.compile(r"(?<![\d.])(?:\+?91)?98\d{8}(?!\d)")
# Of a task: ten digits in a row come about in it by chance.
TASK_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A call that had begun when the window closed or the distribution was cancelled may still end.
GRACE = timedelta(seconds=float(SCALED["CLOUD_API_READ_TIMEOUT"]) + 2.0)

REPORT: list[Found] = []  # what the test that runs came to


@dataclass
class Found:
    """What a distribution came to; `doubled` and `missed` count people."""

    people: int = 0
    missed: int = 0
    doubled: int = 0
    silence: float = 0.0  # the longest time without an acceptance while some were to come, seconds
    sentences: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.sentences)

    def __str__(self) -> str:
        return (
            f"{self.people:>5} people {self.missed:>3} missed {self.doubled:>3} doubled"
            f" {self.silence:>6.1f} s longest silence"
        )


def examine(stack: Stack, *pks: int, unexplained_ends: bool = False) -> Found:
    """Every invariant that can be asked at rest. `unexplained_ends` allows people whose delivery
    ended FAILED, SKIPPED or UNCONFIRMED (the test itself says why)."""
    found = Found()
    journal = stack.cloud.journal()
    known = {d.pk: d for d in Distribution.objects.filter(pk__in=pks)}
    rows = {d.pk: d for d in Delivery.objects.filter(distribution__in=pks)}
    mine = _by_delivery(journal, rows)
    found.people = len(rows)
    found.silence = max((_silence(run, rows, mine) for run in known.values()), default=0.0)
    told = found.sentences
    for pk, entries in mine.items():
        told += _once(rows[pk], entries, found)
    told += _known_attempts(journal)
    told += _nobody_missed(rows, mine, found, unexplained_ends=unexplained_ends)
    told += _right_person_and_time(rows, mine, known)
    told += pace.within_rates(mine)
    told += pace.breakers_held(mine, known)
    told += pace.attempts_are_numbered(rows, mine)
    if not unexplained_ends:
        told += pace.in_time(known, rows.values(), mine)
    told += _counts(known, rows)
    told += _progress(rows, mine)
    told += _inbox(stack)
    told += _one_a_day()
    told += _no_leaks()
    told += _logs(stack)
    told += _integrity(*pks)
    return found


def assert_kept(stack: Stack, *pks: int, unexplained_ends: bool = False) -> None:
    """The promise was kept; fails with every sentence otherwise."""
    found = examine(stack, *pks, unexplained_ends=unexplained_ends)
    REPORT.append(found)
    assert not found, "\n".join([*found.sentences, stack.story()])


def _silence(
    run: Distribution, rows: dict[int, Delivery], mine: dict[int, list[Acceptance]]
) -> float:
    moments = sorted(
        entry.accepted_at
        for pk, entries in mine.items()
        if rows[pk].distribution_id == run.pk
        for entry in entries
    )
    start = run.opened_at.timestamp() if run.opened_at else 0.0
    return max((after - before for before, after in pairwise([start, *moments])), default=0.0)


def _by_delivery(
    journal: Iterable[Acceptance], rows: dict[int, Delivery]
) -> dict[int, list[Acceptance]]:
    mine: dict[int, list[Acceptance]] = defaultdict(list)
    for entry in journal:
        key = ids.parse(entry.attempt_id)
        if key is not None and key.delivery_id in rows:
            mine[key.delivery_id].append(entry)
    return mine


def _once(row: Delivery, entries: list[Acceptance], found: Found) -> Iterator[str]:
    lost = sum(entry.outcome in FAILED_LATER for entry in entries[:-1])
    if len(entries) - lost > 1:
        found.doubled += 1
        times = ", ".join(f"{entry.accepted_at:.2f} {entry.attempt_id}" for entry in entries)
        yield f"I1 delivery {row.pk} ({row.state}) was accepted {len(entries)} times: {times}"


def _known_attempts(journal: Iterable[Acceptance]) -> Iterator[str]:
    archived = set(Attempt.objects.values_list("attempt_id", flat=True))
    last = {
        pk: (no, token)
        for pk, no, token in Delivery.objects.values_list("pk", "attempt_no", "claim_token")
    }
    for entry in journal:
        key = ids.parse(entry.attempt_id)
        if key is None or (
            last.get(key.delivery_id) != (key.attempt_no, key.claim_token)
            and entry.attempt_id not in archived
        ):
            yield f"I3 nobody knows the accepted attempt {entry.attempt_id}"


def _nobody_missed(
    rows: dict[int, Delivery],
    mine: dict[int, list[Acceptance]],
    found: Found,
    *,
    unexplained_ends: bool,
) -> Iterator[str]:
    for pk, row in rows.items():
        if row.state == State.ACCEPTED and pk not in mine:
            found.missed += 1
            yield f"I2 delivery {pk} is ACCEPTED here and was never accepted there"
        elif row.state in UNSETTLED:
            found.missed += pk not in mine
            told = f"{row.reason}; calls {row.attempt_no}, of them after doubt {row.ambiguous_no}"
            yield f"I7 delivery {pk} is still {row.state}: {told}"
        elif row.state != State.ACCEPTED and pk not in mine and not unexplained_ends:
            found.missed += 1
            yield f"I2 delivery {pk} ended {row.state} ({row.reason}) without reason from the test"


def _right_person_and_time(
    rows: dict[int, Delivery],
    mine: dict[int, list[Acceptance]],
    known: dict[int, Distribution],
) -> Iterator[str]:
    for pk, entries in mine.items():
        row = rows[pk]
        run = known[row.distribution_id]
        assert run.opened_at is not None
        assert run.window_end is not None
        for entry in entries:
            if entry.to != row.phone.removeprefix("+"):
                yield f"I4 delivery {pk} went to somebody else"
            if not run.opened_at.timestamp() <= entry.accepted_at:
                yield f"I6 delivery {pk} was accepted before the distribution opened"
            if entry.arrived_at > (run.window_end + GRACE).timestamp():
                yield f"I6 delivery {pk} was accepted after the window"


def _counts(known: dict[int, Distribution], rows: dict[int, Delivery]) -> Iterator[str]:
    owed = Counter(row.distribution_id for row in rows.values())
    for pk, run in known.items():
        if run.opened_at is not None and owed[pk] != run.recipients:
            yield f"I8 distribution {pk} froze {run.recipients} and has {owed[pk]} deliveries"
        ended = sum(row.distribution_id == pk and row.state in TERMINAL for row in rows.values())
        if run.state == "COMPLETED" and ended != run.recipients:
            yield f"I8 distribution {pk} is closed with {run.recipients - ended} not ended"


def _progress(rows: dict[int, Delivery], mine: dict[int, list[Acceptance]]) -> Iterator[str]:
    for pk, row in rows.items():
        if row.state == State.ACCEPTED and not (row.wamid or row.progress):
            yield f"I9 delivery {pk} is ACCEPTED without a message id and without a report"
        reached = any(entry.outcome in DELIVERED for entry in mine.get(pk, ()))
        if reached and row.progress < 2:
            yield f"I9 delivery {pk} was delivered and stands at progress {row.progress}"


def _inbox(stack: Stack) -> Iterator[str]:
    stored, answered = WebhookEvent.objects.count(), stack.cloud.stats()["webhooks"]["ok"]
    if stored > answered + 50 or (answered and not stored):
        yield f"I10 {answered} webhooks were answered 200 and {stored} are stored"
    pending = WebhookEvent.objects.pending().count()
    if pending:
        yield f"I10 {pending} webhooks wait in the inbox"


def _integrity(*pks: int) -> Iterator[str]:
    """What `manage.py check_integrity` would say."""
    now = timezone.now()
    found = [finding for pk in pks for finding in check_ledger(now=now, distribution_id=pk)]
    for finding in [*found, *inbox.findings(now=now, thorough=True)]:
        if finding.broken:
            yield f"{finding.rule}: {finding.promise} Broken by {finding.count}: {finding.ids}"


def _one_a_day() -> Iterator[str]:
    days = Distribution.objects.filter(kind=Kind.DAILY).values("local_date")
    for day in days.annotate(times=Count("pk")).filter(times__gt=1):
        yield f"I11 {day['local_date']} has {day['times']} daily distributions"


def _no_leaks() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%' AND now() - state_change > interval '5 s'"
        )
        idle = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid"
            " WHERE locktype = 'advisory' AND datname = current_database()"
        )
        locks = cursor.fetchone()[0]
    if idle:
        yield f"I15 {idle} sessions are idle in a transaction"
    if locks:
        yield f"I15 {locks} advisory locks are held"


def _logs(stack: Stack) -> Iterator[str]:
    secrets = {
        "access token": stack.cloud.stand_in.access_token,
        "app secret": stack.cloud.stand_in.app_secret,
        "verify token": stack.cloud.stand_in.verify_token,
    }
    for log in stack.supervisor.logs.glob("*.log"):
        if log.stem == "sandbox":
            continue
        text = log.read_text(errors="replace")
        for name, secret in secrets.items():
            if secret in text:
                yield f"I16 {log.name} holds the {name}"
        if phone := PHONE.search(TASK_ID.sub("", text)):
            yield f"I16 {log.name} holds a phone number: …{phone[0][-4:]}"
