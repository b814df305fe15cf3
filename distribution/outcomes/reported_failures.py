"""What newly reported failures tell beyond their delivery: facts for the pool, the person and the
distribution, and the attempts to keep as evidence."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.template_shares import PLANNED, SentWith
from distribution.models import Attempt, AttemptOutcome
from distribution.outcomes.report_rules import StatusReport
from phonepool.errors import Failure


@dataclass(frozen=True, slots=True)
class ReportedFailure:
    """A failure of one message that was not known before."""

    delivery_id: int
    distribution_id: int
    subscriber_id: int
    number_id: int | None  # that sent the message
    failure: Failure
    code: int | None
    at: datetime  # the event's own time
    sent_at: datetime | None  # when the message was marked in flight
    was_sent: bool = False  # an earlier bundle had reported it, as a `SentMessage`
    was_resent: bool = False  # after an earlier message that failed
    sent_with: SentWith = PLANNED  # of an earlier attempt nobody knows


class SentMessage(NamedTuple):
    """A message that WhatsApp reported for the first time, and not as failed."""

    distribution_id: int
    number_id: int
    sent_at: datetime


class EarlierAttempt(NamedTuple):
    """An attempt before a delivery's latest one."""

    number_id: int | None
    started_at: datetime | None
    reported: bool = False  # as failed


def find_earlier(attempts: Iterable[AttemptKey]) -> dict[str, EarlierAttempt]:
    """Those of these attempts that are ours, by id."""
    names = {str(attempt) for attempt in attempts}
    if not names:
        return {}
    found: dict[str, EarlierAttempt] = {}
    rows = Attempt.objects.filter(attempt_id__in=names).order_by("pk")
    for name, outcome, number_id, started_at in rows.values_list(
        "attempt_id", "outcome", "number_id", "started_at"
    ):
        # One that ended unknown and was reported later has two rows.
        known = found.get(name, EarlierAttempt(None, None))
        found[name] = EarlierAttempt(
            known.number_id or number_id,
            known.started_at or started_at,
            known.reported or outcome == AttemptOutcome.REPORTED,
        )
    return found


def evidence(
    report: StatusReport,
    attempt: AttemptKey | None,
    failure: Failure,
    *,
    delivery_id: int,
    sent_by: EarlierAttempt,
) -> Attempt:
    """The record of an attempt that a report ended."""
    return Attempt(
        delivery_id=delivery_id,
        attempt_id=str(attempt),
        number_id=sent_by.number_id,
        outcome=AttemptOutcome.REPORTED,
        reason=failure.slug,
        code=report.code,
        details=report.details,
        started_at=sent_by.started_at,
        ended_at=report.at,
    )
