"""Apply WhatsApp's reports to deliveries in bulk: one read, pure rules, one write.

The rows are locked while the rules run (SQLite: the transaction is the lock), and the write
names the state it leaves. Late and repeated reports, and those of others, change nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from distribution.ledger import deliveries, outbox, rollup_marks
from distribution.ledger.attempts.conflicts import Conflict
from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Attempt, AttemptOutcome, Delivery, Distribution, Progress, State
from distribution.models.distributions import RUNNING
from distribution.outcomes import duplicates
from distribution.outcomes.duplicates import SuspectedDuplicate
from distribution.outcomes.report_rules import (
    FAILED,
    SENT,
    DeliveryFacts,
    StatusReport,
    apply_report,
    resend_time,
)
from phonepool.errors import classify

FACTS_COLUMNS = [column.name for column in fields(DeliveryFacts)]
# In these states a message of the latest attempt is, or may be, with WhatsApp.
POSSIBLY_WITH_WHATSAPP = (State.INFLIGHT, State.UNKNOWN, State.ACCEPTED, State.HELD)


class _Row(NamedTuple):
    """The columns of a delivery that are read: reading whole records costs several times more."""

    pk: int
    distribution_id: int
    subscriber_id: int
    number_id: int | None
    attempt_no: int
    claim_token: int | None
    facts: DeliveryFacts  # as stored


ROW_COLUMNS = [name for name in _Row._fields if name != "facts"]


@dataclass(slots=True)
class AppliedReports:
    """The effects of a sequence of reports."""

    changed: int = 0
    unmatched: list[StatusReport] = field(default_factory=list)  # of no known attempt of ours
    duplicates: list[SuspectedDuplicate] = field(default_factory=list)
    reached: set[int] = field(default_factory=set)  # subscribers
    refused: dict[int, int | None] = field(default_factory=dict)  # subscriber → code, newly failed
    failed: list[int] = field(default_factory=list)  # deliveries that failed now, for good


def apply_reports(reports: Sequence[StatusReport], *, now: datetime) -> AppliedReports:
    """Apply reports in any order, any number of times; the result is the same."""
    applied = AppliedReports()
    with transaction.atomic():
        by_delivery = _by_delivery(reports, applied)
        locked = _lock(by_delivery)
        earlier = _earlier_attempts(by_delivery, locked)
        resend_at = _resend_times(by_delivery, locked, now)
        writes, touched = [], set()
        for pk, its_reports in by_delivery.items():
            if pk not in locked:
                applied.unmatched.extend(its_reports)
            elif write := _changes(locked[pk], its_reports, earlier, resend_at, applied):
                writes.append(write)
                touched.add(locked[pk].distribution_id)
        conflicts: list[Conflict] = []
        applied.changed = deliveries.record_reports(writes, conflicts=conflicts, now=now)
        rollup_marks.mark_changed(touched, now=now)
        _record_failed_attempts(by_delivery, locked)
        outbox.failures(applied.failed, now=now)
        duplicates.record_duplicates(applied.duplicates, now=now)
        duplicates.alert_conflicts(conflicts, now=now)
    return applied


def _by_delivery(
    reports: Iterable[StatusReport], applied: AppliedReports
) -> dict[int, list[StatusReport]]:
    """Group reports by delivery: by the attempt they name, else by the message id."""
    grouped: dict[int, list[StatusReport]] = defaultdict(list)
    nameless = [report for report in reports if report.attempt is None]
    wamids = {report.wamid for report in nameless if report.wamid}
    known = dict(Delivery.objects.filter(wamid__in=wamids).values_list("wamid", "pk"))
    for report in reports:
        if report.attempt is not None:
            grouped[report.attempt.delivery_id].append(report)
        elif report.wamid in known:
            grouped[known[report.wamid]].append(report)
        else:
            applied.unmatched.append(report)
    return grouped


def _lock(pks: Iterable[int]) -> dict[int, _Row]:
    rows = Delivery.objects.filter(pk__in=list(pks)).order_by("pk").select_for_update()
    records: Iterable[tuple[Any, ...]] = rows.values_list(*ROW_COLUMNS, *FACTS_COLUMNS)
    width = len(ROW_COLUMNS)
    return {
        values[0]: _Row._make((*values[:width], DeliveryFacts(*values[width:])))
        for values in records
    }


def _earlier_attempts(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, _Row]
) -> dict[str, bool]:
    """Earlier attempts of ours that reports name: by id, whether Meta reported it as failed."""
    named = {
        str(report.attempt)
        for pk, reports in by_delivery.items()
        for report in reports
        if pk in locked and report.attempt and report.attempt != _current(locked[pk])
    }
    if not named:
        return {}
    rows = Attempt.objects.filter(attempt_id__in=named).values_list("attempt_id", "outcome")
    return {attempt_id: outcome == AttemptOutcome.REPORTED for attempt_id, outcome in rows}


def _current(row: _Row) -> AttemptKey | None:
    return None if row.claim_token is None else AttemptKey(row.pk, row.attempt_no, row.claim_token)


def _changes(
    row: _Row,
    reports: list[StatusReport],
    earlier: dict[str, bool],
    resend_at: dict[int, datetime | None],
    applied: AppliedReports,
) -> dict[str, object] | None:
    """The row's new columns, or None when these reports change nothing."""
    facts, current = replace(row.facts), _current(row)
    for report in reports:
        if report.attempt is None or report.attempt == current:
            if _is_another_message(row, report):
                applied.duplicates.append(_duplicate(row, report, earlier=str(current)))
            apply_report(facts, report, resend_at=resend_at.get(row.distribution_id))
        elif str(report.attempt) not in earlier:
            applied.unmatched.append(report)
        elif report.status == SENT and earlier[str(report.attempt)]:
            continue  # a late `sent` does not contradict `failed`
        elif report.status != FAILED and not _accept_earlier(row, facts, report):
            applied.duplicates.append(_duplicate(row, report, earlier=str(report.attempt)))
    if facts == row.facts:
        return None
    _note_effects(row, facts, applied)
    columns = {name: getattr(facts, name) for name in FACTS_COLUMNS}
    return {**columns, "id": row.pk, "attempt_no": row.attempt_no, "old_state": row.facts.state}


def _resend_times(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, _Row], now: datetime
) -> dict[int, datetime | None]:
    """When a message that Meta lost may be sent again, by distribution; only running ones."""
    with_failures = {
        locked[pk].distribution_id
        for pk, reports in by_delivery.items()
        if pk in locked and any(report.status == FAILED for report in reports)
    }
    if not with_failures:
        return {}
    delay = timedelta(seconds=settings.RETRY_DELAYS_SECONDS[0])
    running = Distribution.objects.filter(pk__in=with_failures, state__in=RUNNING)
    ends = running.values_list("pk", "window_end")
    return {pk: resend_time(now, window_end, delay) for pk, window_end in ends}


def _accept_earlier(row: _Row, facts: DeliveryFacts, report: StatusReport) -> bool:
    """Apply proof that an earlier attempt went out; False if a later one may be out, too."""
    later_exists = row.attempt_no != report.attempt.attempt_no if report.attempt else False
    if later_exists and facts.state in POSSIBLY_WITH_WHATSAPP:
        return False
    apply_report(facts, report, resend_at=None)
    return True


def _is_another_message(row: _Row, report: StatusReport) -> bool:
    """Whether WhatsApp reports a second message id for one attempt of ours."""
    names_attempt = report.attempt is not None and report.status != FAILED
    known = row.facts.wamid
    return bool(names_attempt and known and report.wamid and report.wamid != known)


def _duplicate(row: _Row, report: StatusReport, *, earlier: str) -> SuspectedDuplicate:
    return SuspectedDuplicate(
        delivery_id=row.pk,
        earlier_attempt=earlier,
        earlier_wamid=report.wamid,
        later_attempt=str(_current(row)),
        later_wamid=row.facts.wamid or "",
        proven=row.facts.state in duplicates.PROVEN,
    )


def _note_effects(row: _Row, facts: DeliveryFacts, applied: AppliedReports) -> None:
    if facts.progress >= Progress.DELIVERED > row.facts.progress:
        applied.reached.add(row.subscriber_id)
    if facts.state in (State.FAILED, State.RETRY_WAIT) and facts.state != row.facts.state:
        applied.refused[row.subscriber_id] = facts.failed_code
        if facts.state == State.FAILED:
            applied.failed.append(row.pk)


def _record_failed_attempts(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, _Row]
) -> None:
    """A reported failure ends an attempt: keep it as evidence, once."""
    attempts = [
        Attempt(
            delivery_id=pk,
            attempt_id=str(_current(locked[pk])),
            number_id=locked[pk].number_id,
            outcome=AttemptOutcome.REPORTED,
            reason=classify(report.code).slug,
            code=report.code,
            ended_at=report.at,
        )
        for pk, its_reports in by_delivery.items()
        for report in its_reports
        # A report without an attempt id was matched by the message id of the current attempt.
        if pk in locked
        and report.status == FAILED
        and report.attempt in (None, _current(locked[pk]))
    ]
    if attempts:
        Attempt.objects.bulk_create(attempts, ignore_conflicts=True)
