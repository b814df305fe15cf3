"""WhatsApp's reports, applied to deliveries in bulk: one read, pure rules, one write.

The rows are locked while the rules run (SQLite: the transaction is the lock), and the write
still names the state it leaves. Late, doubled and foreign reports change nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from distribution.analytics import rollups
from distribution.ledger import deliveries, outbox
from distribution.ledger.attempt_ids import AttemptKey
from distribution.ledger.evidence import Conflict
from distribution.models import Attempt, AttemptOutcome, Delivery, Distribution, Progress, State
from distribution.models.distributions import RUNNING
from distribution.outcomes import duplicates
from distribution.outcomes.duplicates import Double
from distribution.outcomes.report_rules import (
    FAILED,
    SENT,
    Standing,
    StatusReport,
    apply,
    resend_time,
)
from phonepool.errors import classify

STANDING_COLUMNS = [field_.name for field_ in fields(Standing)]
# A message of the latest attempt is, or may be, with WhatsApp.
OUT = (State.INFLIGHT, State.UNKNOWN, State.ACCEPTED, State.HELD)


class _Row(NamedTuple):
    """What is read of a delivery: whole records cost several times as much."""

    pk: int
    distribution_id: int
    subscriber_id: int
    number_id: int | None
    attempt_no: int
    claim_token: int | None
    state: str
    progress: int
    standing: dict[str, Any]


ROW_COLUMNS = [name for name in _Row._fields if name != "standing"]


@dataclass(slots=True)
class Applied:
    """What a bundle of reports came to."""

    changed: int = 0
    unmatched: list[StatusReport] = field(default_factory=list)  # not ours, as far as we know
    doubled: list[Double] = field(default_factory=list)  # proof of two messages
    reached: set[int] = field(default_factory=set)  # subscribers
    refused: dict[int, int | None] = field(default_factory=dict)  # subscriber → code, newly failed
    failed: list[int] = field(default_factory=list)  # deliveries that failed now, for good


def advance(reports: Sequence[StatusReport], *, now: datetime) -> Applied:
    """Apply reports in any order, any number of times; the result is the same."""
    applied = Applied()
    with transaction.atomic():
        by_delivery = _by_delivery(reports, applied)
        locked = _lock(by_delivery)
        archive = _archived(by_delivery, locked)
        resend_at = _resend_times(by_delivery, locked, now)
        writes, touched = [], set()
        for pk, theirs in by_delivery.items():
            if pk not in locked:
                applied.unmatched.extend(theirs)
            elif (write := _judge(locked[pk], theirs, archive, resend_at, applied)) is not None:
                writes.append(write)
                touched.add(locked[pk].distribution_id)
        conflicts: list[Conflict] = []
        applied.changed = deliveries.record_reports(writes, conflicts=conflicts, now=now)
        rollups.mark(touched, now=now)
        _keep_failures(by_delivery, locked)
        outbox.failures(applied.failed, now=now)
        duplicates.record(applied.doubled, now=now)
        duplicates.tell_conflicts(conflicts, now=now)
    return applied


def _by_delivery(
    reports: Iterable[StatusReport], applied: Applied
) -> dict[int, list[StatusReport]]:
    """Reports by delivery: by the attempt they name, else by the message id."""
    found: dict[int, list[StatusReport]] = defaultdict(list)
    nameless = [report for report in reports if report.attempt is None]
    wamids = {report.wamid for report in nameless if report.wamid}
    known = dict(Delivery.objects.filter(wamid__in=wamids).values_list("wamid", "pk"))
    for report in reports:
        if report.attempt is not None:
            found[report.attempt.delivery_id].append(report)
        elif report.wamid in known:
            found[known[report.wamid]].append(report)
        else:
            applied.unmatched.append(report)
    return found


def _lock(pks: Iterable[int]) -> dict[int, _Row]:
    rows = Delivery.objects.filter(pk__in=list(pks)).order_by("pk").select_for_update()
    found: Iterable[tuple[Any, ...]] = rows.values_list(*ROW_COLUMNS, *STANDING_COLUMNS)
    width = len(ROW_COLUMNS)
    return {
        values[0]: _Row._make(
            (*values[:width], dict(zip(STANDING_COLUMNS, values[width:], strict=True)))
        )
        for values in found
    }


def _archived(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, _Row]
) -> dict[str, bool]:
    """Earlier attempts of ours that the reports name: by id, whether Meta reported it as failed."""
    asked = {
        str(report.attempt)
        for pk, reports in by_delivery.items()
        for report in reports
        if pk in locked and report.attempt and report.attempt != _current(locked[pk])
    }
    if not asked:
        return {}
    rows = Attempt.objects.filter(attempt_id__in=asked).values_list("attempt_id", "outcome")
    return {attempt_id: outcome == AttemptOutcome.REPORTED for attempt_id, outcome in rows}


def _current(row: _Row) -> AttemptKey | None:
    return None if row.claim_token is None else AttemptKey(row.pk, row.attempt_no, row.claim_token)


def _judge(
    row: _Row,
    reports: list[StatusReport],
    archive: dict[str, bool],
    resend_at: dict[int, datetime | None],
    applied: Applied,
) -> dict[str, object] | None:
    """The row's new columns, or None when these reports change nothing."""
    standing, current = Standing(**row.standing), _current(row)
    for report in reports:
        if report.attempt is None or report.attempt == current:
            if _is_another_message(row, report):
                applied.doubled.append(_double(row, report, earlier=str(current)))
            apply(standing, report, resend_at=resend_at.get(row.distribution_id))
        elif str(report.attempt) not in archive:
            applied.unmatched.append(report)
        elif report.status == SENT and archive[str(report.attempt)]:
            continue  # a late `sent` does not contradict `failed`
        elif report.status != FAILED and not _went_out_before(row, standing, report):
            applied.doubled.append(_double(row, report, earlier=str(report.attempt)))
    after = {name: getattr(standing, name) for name in STANDING_COLUMNS}
    if after == row.standing:
        return None
    _note_effects(row, standing, applied)
    return {**after, "id": row.pk, "attempt_no": row.attempt_no, "old_state": row.state}


def _resend_times(
    by_delivery: dict[int, list[StatusReport]], locked: dict[int, _Row], now: datetime
) -> dict[int, datetime | None]:
    """By distribution, when what Meta itself lost may go again; only those that send still."""
    asked = {
        locked[pk].distribution_id
        for pk, reports in by_delivery.items()
        if pk in locked and any(report.status == FAILED for report in reports)
    }
    if not asked:
        return {}
    delay = timedelta(seconds=settings.RETRY_DELAYS_SECONDS[0])
    running = Distribution.objects.filter(pk__in=asked, state__in=RUNNING)
    ends = running.values_list("pk", "window_end")
    return {pk: resend_time(now, window_end, delay) for pk, window_end in ends}


def _went_out_before(row: _Row, standing: Standing, report: StatusReport) -> bool:
    """Good news of an earlier attempt: end the waiting, or say False: it was sent twice."""
    newer_one_is_out = row.attempt_no != report.attempt.attempt_no if report.attempt else False
    if newer_one_is_out and standing.state in OUT:
        return False
    apply(standing, report, resend_at=None)
    return True


def _is_another_message(row: _Row, report: StatusReport) -> bool:
    """Whether one call of ours became two messages, by WhatsApp's own word."""
    named = report.attempt is not None and report.status != FAILED
    known = row.standing["wamid"]
    return bool(named and known and report.wamid and report.wamid != known)


def _double(row: _Row, report: StatusReport, *, earlier: str) -> Double:
    return Double(
        delivery_id=row.pk,
        earlier_attempt=earlier,
        earlier_wamid=report.wamid,
        later_attempt=str(_current(row)),
        later_wamid=row.standing["wamid"] or "",
        proven=row.state in duplicates.PROVEN,
    )


def _note_effects(row: _Row, standing: Standing, applied: Applied) -> None:
    if standing.progress >= Progress.DELIVERED > row.progress:
        applied.reached.add(row.subscriber_id)
    if standing.state in (State.FAILED, State.RETRY_WAIT) and standing.state != row.state:
        applied.refused[row.subscriber_id] = standing.failed_code
        if standing.state == State.FAILED:
            applied.failed.append(row.pk)


def _keep_failures(by_delivery: dict[int, list[StatusReport]], locked: dict[int, _Row]) -> None:
    """A reported failure is the end of a call, too: kept as evidence, once."""
    ended = [
        Attempt(
            delivery_id=pk,
            attempt_id=str(_current(locked[pk])),
            number_id=locked[pk].number_id,
            outcome=AttemptOutcome.REPORTED,
            reason=classify(report.code).slug,
            code=report.code,
            ended_at=report.at,
        )
        for pk, theirs in by_delivery.items()
        for report in theirs
        # Without a name it was found by the message id of the current attempt.
        if pk in locked
        and report.status == FAILED
        and report.attempt in (None, _current(locked[pk]))
    ]
    if ended:
        Attempt.objects.bulk_create(ended, ignore_conflicts=True)
