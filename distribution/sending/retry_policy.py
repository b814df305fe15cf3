"""Whether and when a delivery is tried again after a call. Pure: outcome in, settlement out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings

from distribution.ledger.attempts.ids import AttemptKey
from distribution.ledger.attempts.settlements import Settlement
from distribution.ledger.reasons import DeliveryReason
from distribution.models import AttemptOutcome, State
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import RETRY_ONCE, WITHDRAWN, Action, Failure

RETRIED = {Action.BACKOFF, Action.PAIR, Action.NUMBER, Action.TEMPLATE, Action.ABORT}
PAIR_DELAY = timedelta(seconds=6)  # one message in six seconds to the same person
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
        next_at = next_attempt(failure, attempt.attempt_no, tries_charged, outcome, window_end)
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


def next_attempt(
    failure: Failure,
    attempt_no: int,
    tries_charged: int,
    outcome: SendOutcome,
    window_end: datetime,
) -> datetime | None:
    """When to try again; None: never.

    Failures that may lie in the message are tried three times more. A refusal that says nothing
    of the person (the number's rate, a network that let nothing out) stays on the ladder's last
    step until the window ends: giving up would leave a recipient out for our own trouble.
    """
    delays = settings.RETRY_DELAYS_SECONDS
    once = failure in RETRY_ONCE
    if not once and failure.action not in RETRIED:
        return None
    if failure.charged and tries_charged >= (1 if once else len(delays)):
        return None
    step = tries_charged if failure.charged else attempt_no - 1
    delay = timedelta(seconds=delays[min(step, len(delays) - 1)])
    if failure.action is Action.NUMBER:
        delay = timedelta(0)  # another number can take it at once
    elif failure.action is Action.PAIR:
        delay = max(delay, PAIR_DELAY)
    if outcome.retry_after:
        delay = max(delay, timedelta(seconds=outcome.retry_after))
    at = outcome.ended_at + delay
    return at if at < window_end else None


def put_off(settlement: Settlement, seconds: float, window_end: datetime) -> Settlement:
    """The same with its next try `seconds` later, but still inside the window: the retry budget
    makes no recipient be given up."""
    if not seconds or settlement.next_at is None:
        return settlement
    later = min(settlement.next_at + timedelta(seconds=seconds), window_end - LAST_CALL_MARGIN)
    return replace(settlement, next_at=max(settlement.next_at, later))
