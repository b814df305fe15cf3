"""What a report from WhatsApp means for a delivery: pure rules, independent of order.

Reports arrive late, repeated and reordered. So a rule only raises the progress, keeps the earliest
time, or weighs proof of delivery against a failure; none depends on which report came first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Progress, State
from phonepool.errors import RETRY_ONCE, Action, classify

SENT, FAILED = "sent", "failed"
PROGRESS_BY_STATUS = {SENT: Progress.SENT, "delivered": Progress.DELIVERED, "read": Progress.READ}
# `sent`, `delivered` or `read` moves all of these to ACCEPTED: the message went out.
WAITING = frozenset({State.PENDING, State.CLAIMED, State.RETRY_WAIT})
UNRESOLVED = frozenset({State.INFLIGHT, State.UNKNOWN, State.HELD, State.UNCONFIRMED})
GIVEN_UP = frozenset({State.FAILED, State.SKIPPED})


@dataclass(frozen=True, slots=True)
class StatusReport:
    """One status webhook about one message of ours."""

    status: str  # sent, delivered, read, failed
    at: datetime  # the event's own time
    wamid: str
    attempt: AttemptKey | None
    code: int | None = None  # only with failed


@dataclass(slots=True)
class DeliveryFacts:
    """The columns of a delivery that a report may change."""

    state: str
    progress: int
    resend_no: int
    reason: str
    wamid: str | None
    next_at: datetime
    inflight_at: datetime | None
    accepted_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    failed_code: int | None


def apply_report(facts: DeliveryFacts, report: StatusReport, *, resend_at: datetime | None) -> None:
    """Apply one report of the delivery's latest attempt to `facts`.

    `resend_at` is when a message that Meta itself lost may be sent again; None: no longer.
    """
    if report.status == FAILED:
        _apply_failure(facts, report, resend_at)
    else:
        _apply_progress(facts, report)
    facts.wamid = facts.wamid or report.wamid or None


def _apply_progress(facts: DeliveryFacts, report: StatusReport) -> None:
    progress = PROGRESS_BY_STATUS[report.status]
    facts.progress = max(facts.progress, progress)
    if progress == Progress.SENT:
        facts.sent_at = _earlier(facts.sent_at, report.at)
    else:  # Meta leaves out `delivered` when a message was read at once
        facts.delivered_at = _earlier(facts.delivered_at, report.at)
    if progress == Progress.READ:
        facts.read_at = _earlier(facts.read_at, report.at)
    if _went_out(facts):
        facts.accepted_at = facts.accepted_at or facts.inflight_at or report.at
        facts.state, facts.reason = State.ACCEPTED, ""


def _went_out(facts: DeliveryFacts) -> bool:
    """Whether WhatsApp accepted the message and has not reported its failure."""
    if facts.failed_at is not None and facts.progress < Progress.DELIVERED:
        return False  # `sent` does not contradict `failed`
    return facts.state in WAITING | UNRESOLVED | GIVEN_UP


def _apply_failure(facts: DeliveryFacts, report: StatusReport, resend_at: datetime | None) -> None:
    if facts.failed_at is None or report.at < facts.failed_at:
        facts.failed_at, facts.failed_code = report.at, report.code
    if facts.progress >= Progress.DELIVERED or facts.state in WAITING | GIVEN_UP:
        return
    failure = classify(report.code)
    again = failure.action is Action.ABORT or (
        facts.resend_no == 0 and (failure.action is Action.BACKOFF or failure in RETRY_ONCE)
    )
    facts.accepted_at = facts.accepted_at or facts.inflight_at or report.at
    if again and resend_at is not None:
        # Meta reports that it lost the message: the one case in which a second send is right.
        # After an account error no recipient is given up: the distribution pauses, this one waits.
        facts.state, facts.next_at = State.RETRY_WAIT, resend_at
        facts.resend_no += 1
    else:
        facts.state = State.FAILED
    facts.reason = failure.slug


def _earlier(known: datetime | None, reported: datetime) -> datetime:
    return reported if known is None else min(known, reported)


def resend_time(now: datetime, window_end: datetime | None, delay: timedelta) -> datetime | None:
    """When a lost message may be sent again; None when that would be after the window."""
    at = now + delay
    return at if window_end is not None and at < window_end else None
