"""What becomes of a call that ended, and of everything that a crash left lying.

The policy is pure: outcome in, settlement out. The sweep is the tick's half: leases that
lapsed, outcomes in doubt, rows that are due and that nobody was told about.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max

from distribution.ledger import deliveries
from distribution.ledger.attempt_ids import AttemptKey
from distribution.ledger.settlements import Settlement
from distribution.models import AttemptOutcome, Delivery, Distribution, DistributionState, State
from distribution.outcomes import reconcile
from phonepool.cloud_api.client import OutcomeKind, SendOutcome
from phonepool.errors import ONCE_MORE, WITHDRAWN, Action, Failure

RETRIED = {Action.BACKOFF, Action.PAIR, Action.NUMBER, Action.TEMPLATE, Action.ABORT}
PAIR_DELAY = timedelta(seconds=6)  # one message in six seconds to the same person
# Rows this long overdue were forgotten: their nudge is lost or the worker died.
FORGOTTEN = timedelta(seconds=3)
STALLED = timedelta(seconds=10)
MOST_NUDGES = 200
LAST_MOMENT = timedelta(seconds=5)  # before the window's end: time for one more call


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
            after, reason = State.SKIPPED, deliveries.WINDOW_OVER
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
    step until the window ends: giving up on it would be missing somebody for our own trouble.
    """
    delays = settings.RETRY_DELAYS_SECONDS
    once = failure in ONCE_MORE
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
    """The same with its next try so much later, but still inside the window: nobody is given up
    for the sake of the budget."""
    if not seconds or settlement.next_at is None:
        return settlement
    later = min(settlement.next_at + timedelta(seconds=seconds), window_end - LAST_MOMENT)
    return replace(settlement, next_at=max(settlement.next_at, later))


@dataclass(frozen=True, slots=True)
class Sweep:
    """What the regular check found and did."""

    freed: int  # claims of workers that never came back
    doubtful: int  # calls whose end nobody wrote down
    resent: int  # unknown outcomes that every gate called "not accepted"
    unconfirmed: int  # unknown to the end
    nudges: list[tuple[int, int]]  # (distribution, batch) that somebody should send


def sweep(now: datetime) -> Sweep:
    """End leases, judge unknown outcomes, and find due rows that nobody works on."""
    freed, doubtful = deliveries.expire_leases(now)
    resent = unconfirmed = 0
    nudges: list[tuple[int, int]] = []
    for distribution in Distribution.objects.running():
        again, left = reconcile.judge(distribution, now=now)
        resent, unconfirmed = resent + again, unconfirmed + left
        if distribution.state == DistributionState.SENDING:
            nudges += [(distribution.pk, batch) for batch in forgotten(distribution, now=now)]
    for distribution in Distribution.objects.lately_ended(now):
        unconfirmed += _clear_up(distribution, now)
    return Sweep(freed, doubtful, resent, unconfirmed, nudges)


def _clear_up(distribution: Distribution, now: datetime) -> int:
    """What came back after the end: a claim given up, a refusal, an answer that never came."""
    if distribution.state == DistributionState.CANCELLED:
        deliveries.skip_waiting(distribution.pk, deliveries.CANCELLED)
        return reconcile.judge(distribution, now=now)[1]
    deliveries.skip_waiting(distribution.pk, deliveries.WINDOW_OVER)
    return 0


def forgotten(distribution: Distribution, *, now: datetime) -> list[int]:
    """Batches with due rows that no nudge seems to be on its way for.

    First sends belong to the chord, so they count as forgotten only when nothing moved for a
    while; retries and freed claims count as soon as they are overdue.
    """
    rows = Delivery.objects.filter(distribution=distribution)
    overdue = rows.due(now - FORGOTTEN)
    moved = rows.aggregate(last=Max("inflight_at"))["last"] or distribution.opened_at
    if moved is not None and moved > now - STALLED:
        overdue = overdue.exclude(state=State.PENDING, attempt_no=0, claim_token=None)
    batches = overdue.order_by("batch_no").values_list("batch_no", flat=True).distinct()
    return list(batches[:MOST_NUDGES])
