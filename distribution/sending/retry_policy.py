"""What a call's outcome makes of its delivery. Pure: outcome in, settlement out.

Whether and when it is tried again stands in `distribution/outcomes/retry_rule.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.reasons import DeliveryReason
from distribution.models import AttemptOutcome, State
from distribution.outcomes.retry_rule import next_attempt
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import WITHDRAWN

LAST_CALL_MARGIN = timedelta(seconds=5)  # before the window's end: time for one more call


def settlement(
    attempt: AttemptKey,
    outcome: SendOutcome,
    *,
    tries_charged: int,
    number_id: int,
    window_end: datetime,
) -> Settlement:
    """What one call's outcome makes of its delivery. `tries_charged` counts earlier tries."""
    at = outcome.ended_at
    if outcome.kind is OutcomeKind.ACCEPTED:
        return Settlement(attempt, State.ACCEPTED, at, wamid=outcome.wamid)
    if outcome.kind is OutcomeKind.HELD:
        return Settlement(attempt, State.HELD, at, wamid=outcome.wamid)
    failure = outcome.failure
    assert failure is not None  # every other outcome says why
    next_at = None
    reason = failure.slug
    if outcome.kind is OutcomeKind.UNKNOWN:
        after = State.UNKNOWN
    else:
        next_at = next_attempt(
            failure,
            tries=tries_charged if failure.charged else attempt.attempt_no - 1,
            at=at,
            window_end=window_end,
            retry_after=outcome.retry_after,
        )
        after = State.RETRY_WAIT if next_at else State.FAILED
        if next_at is None and failure is WITHDRAWN:  # and the window is over
            after, reason = State.SKIPPED, DeliveryReason.WINDOW_OVER
    return Settlement(
        attempt,
        after,
        at,
        reason=reason,
        next_at=next_at,
        charged=failure.charged and outcome.kind is not OutcomeKind.UNKNOWN,
        outcome=AttemptOutcome(outcome.kind.value),
        number_id=number_id,
        code=outcome.code,
        http_status=outcome.http_status,
        details=outcome.details,
        fbtrace_id=outcome.fbtrace_id,
        started_at=outcome.started_at,
    )


def put_off(settlement: Settlement, seconds: float, window_end: datetime) -> Settlement:
    """The same with its next try `seconds` later, but still inside the window: the retry budget
    makes no recipient be given up."""
    if not seconds or settlement.next_at is None:
        return settlement
    later = min(settlement.next_at + timedelta(seconds=seconds), window_end - LAST_CALL_MARGIN)
    return replace(settlement, next_at=max(settlement.next_at, later))
