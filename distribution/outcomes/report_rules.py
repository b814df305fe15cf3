"""What a report from WhatsApp means for a delivery: pure rules, the same in any order.

Reports come late, doubled and reordered, so each rule only raises (progress), keeps the
earliest time, or weighs good evidence against bad; none looks at which came first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.ledger.attempt_ids import AttemptKey
from distribution.models import Progress, State
from phonepool.errors import RETRY_ONCE, Action, classify

SENT, FAILED = "sent", "failed"
GOOD_NEWS = {SENT: Progress.SENT, "delivered": Progress.DELIVERED, "read": Progress.READ}
# A good word from WhatsApp ends these: the message went out, whatever we had believed.
WAITING = frozenset({State.PENDING, State.CLAIMED, State.RETRY_WAIT})
IN_DOUBT = frozenset({State.INFLIGHT, State.UNKNOWN, State.HELD, State.UNCONFIRMED})
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
class Standing:
    """Where a delivery stands: the columns that a report may change."""

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


def apply(standing: Standing, report: StatusReport, *, resend_at: datetime | None) -> None:
    """Take one report of the delivery's own attempt into account.

    `resend_at` is when a message that Meta itself lost may go again; None: not any more.
    """
    if report.status == FAILED:
        _apply_failure(standing, report, resend_at)
    else:
        _apply_progress(standing, report)
    standing.wamid = standing.wamid or report.wamid or None


def _apply_progress(standing: Standing, report: StatusReport) -> None:
    progress = GOOD_NEWS[report.status]
    standing.progress = max(standing.progress, progress)
    if progress == Progress.SENT:
        standing.sent_at = _earlier(standing.sent_at, report.at)
    else:  # Meta leaves out `delivered` when a message was read at once
        standing.delivered_at = _earlier(standing.delivered_at, report.at)
    if progress == Progress.READ:
        standing.read_at = _earlier(standing.read_at, report.at)
    if _went_out(standing):
        standing.accepted_at = standing.accepted_at or standing.inflight_at or report.at
        standing.state, standing.reason = State.ACCEPTED, ""


def _went_out(standing: Standing) -> bool:
    """Whether what is known now amounts to "WhatsApp took it and did not fail it"."""
    if standing.failed_at is not None and standing.progress < Progress.DELIVERED:
        return False  # `sent` does not contradict `failed`
    return standing.state in WAITING | IN_DOUBT | GIVEN_UP


def _apply_failure(standing: Standing, report: StatusReport, resend_at: datetime | None) -> None:
    if standing.failed_at is None or report.at < standing.failed_at:
        standing.failed_at, standing.failed_code = report.at, report.code
    if standing.progress >= Progress.DELIVERED or standing.state in WAITING | GIVEN_UP:
        return
    failure = classify(report.code)
    again = failure.action is Action.ABORT or (
        standing.resend_no == 0 and (failure.action is Action.BACKOFF or failure in RETRY_ONCE)
    )
    standing.accepted_at = standing.accepted_at or standing.inflight_at or report.at
    if again and resend_at is not None:
        # Meta says that it lost the message: the one case in which a second send is right. For
        # the account's trouble nobody is given up: its distribution pauses, this one waits too.
        standing.state, standing.next_at = State.RETRY_WAIT, resend_at
        standing.resend_no += 1
    else:
        standing.state = State.FAILED
    standing.reason = failure.slug


def _earlier(known: datetime | None, heard: datetime) -> datetime:
    return heard if known is None else min(known, heard)


def resend_time(now: datetime, window_end: datetime | None, delay: timedelta) -> datetime | None:
    """When a lost message may go again; None when that would be after the window."""
    at = now + delay
    return at if window_end is not None and at < window_end else None
