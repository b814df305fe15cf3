"""What a report from WhatsApp means for a delivery: pure rules, independent of order.

Reports arrive late, repeated and reordered. So a rule only raises the progress, keeps the earliest
time, or weighs proof of delivery against a failure; none depends on which report came first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.hidden_ids import hidden_if_erased
from distribution.ledger.reasons import DeliveryReason
from distribution.models import Progress, State
from distribution.outcomes.reported_pricing import ReportedPricing
from distribution.outcomes.retry_rule import is_final, next_attempt
from phonepool.errors import Failure, classify
from subscribers.phones import is_blank

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
    code: int | None = None  # this and the next only with failed
    details: str = ""  # Meta's text, masked
    pricing: ReportedPricing | None = None  # never with failed
    wa_id: str = ""  # this and the next: what WhatsApp calls the recipient, if it tells
    user_id: str = ""
    mark: str = ""  # our callback data of a message that has no attempt


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
    pricing_id: int | None = None  # by `reported_pricing`
    rate_id: int | None = None  # by `cost/charging`


def as_stored(phone: str, reports: list[StatusReport]) -> list[StatusReport]:
    """Reports on the delivery to this phone, with the message ids that it has of them."""
    return (
        [
            replace(report, wamid=hidden_if_erased(phone, report.wamid)) if report.wamid else report
            for report in reports
        ]
        if is_blank(phone)
        else reports
    )


def apply_report(
    facts: DeliveryFacts,
    report: StatusReport,
    *,
    attempts: int,
    now: datetime,
    window_end: datetime | None,
) -> Failure | None:
    """Apply one report of the delivery's message to `facts`; the failure that is new by it.

    `attempts` is how often it was tried; `window_end` is until when the message may be sent again;
    None: no longer.
    """
    failure = None
    if report.status == FAILED:
        failure = _apply_failure(facts, report, _Resending(attempts, now, window_end))
    else:
        _apply_progress(facts, report)
    facts.wamid = facts.wamid or report.wamid or None
    return failure


def failure_in(report: StatusReport, facts: DeliveryFacts) -> Failure:
    """What a report of a failure means for this delivery."""
    held = facts.state == State.HELD or (
        facts.state == State.UNCONFIRMED and facts.reason == DeliveryReason.NEVER_RELEASED
    )
    return classify(report.code, details=report.details, late=True, held=held)


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


class _Resending(NamedTuple):
    """What decides, beside the failure, whether and when a message is sent again."""

    attempts: int
    now: datetime
    window_end: datetime | None


def _apply_failure(
    facts: DeliveryFacts, report: StatusReport, resending: _Resending
) -> Failure | None:
    failure, new = failure_in(report, facts), facts.failed_at is None
    if facts.failed_at is None or report.at < facts.failed_at:
        facts.failed_at, facts.failed_code = report.at, report.code
    # What waits after a failure that is known already waits because somebody decided so.
    if facts.state in GIVEN_UP or (facts.state in WAITING and not new):
        return failure if new else None
    if facts.progress < Progress.DELIVERED:
        facts.accepted_at = facts.accepted_at or facts.inflight_at or report.at
        facts.reason = failure.slug
        _end_or_wait(facts, failure, resending)
    return failure if new else None


def _end_or_wait(facts: DeliveryFacts, failure: Failure, resending: _Resending) -> None:
    """Meta reports that it did not deliver the message: the one case in which a second send is
    right, unless the failure forbids it. For our own trouble nobody is given up, and it uses up
    none of the resends that a failure of the message allows."""
    next_at = next_attempt(
        failure,
        tries=facts.resend_no if failure.charged else max(0, resending.attempts - 1),
        at=resending.now,
        window_end=resending.window_end,
        late=True,
    )
    if facts.state in WAITING and not is_final(failure):
        facts.next_at = max(facts.next_at, next_at or facts.next_at)
    elif next_at is not None:
        facts.state, facts.next_at = State.RETRY_WAIT, next_at
        facts.resend_no += failure.charged
    else:
        facts.state = State.FAILED


def _earlier(known: datetime | None, reported: datetime) -> datetime:
    return reported if known is None else min(known, reported)
