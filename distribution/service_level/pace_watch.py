"""The pace of a running distribution, measured and put into words: the facts for `pace`."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import datetime

from django.conf import settings

from distribution.analytics import counts, shared_counts
from distribution.analytics.counts import Reach, Tally
from distribution.models import Distribution, State
from distribution.models.deliveries import CLAIMABLE, IN_HAND
from distribution.service_level import pace
from distribution.service_level.pace import Finding, Pace
from phonepool.models import Breaker, PhoneNumber
from phonepool.numbers import health


def measure(
    distribution: Distribution,
    tally: Tally,
    reach: Reach,
    numbers: Collection[PhoneNumber],
    *,
    now: datetime,
    counted_at: datetime | None = None,
) -> Pace:
    """Two or three queries; of the deliveries, they read those due and those of the last
    seconds."""
    sending = (now - (distribution.resumed_at or distribution.opened_at or now)).total_seconds()
    if any(one.is_usable and one.breaker == Breaker.CLOSED for one in numbers):
        due, oldest_due = shared_counts.due(distribution, now=now)
    else:  # people are put off again and again: they wait for a number, not for a later time
        due, oldest_due = tally.count(*CLAIMABLE), sending
    in_hand = tally.count(*IN_HAND)
    missing = math.ceil(settings.SLA_TARGET * tally.owed) - reach.accepted_in_time
    waited = oldest_due
    if in_hand and waited < sending:
        waited = max(waited, counts.oldest_in_hand(distribution, now=now))
    deadline = distribution.sla_deadline or now
    per_second, slow_answer = counts.accepted_per_second(distribution, pace.HISTORY, now=now)
    return Pace(
        sending=min(sending, waited),
        left=(deadline - (counted_at or now)).total_seconds(),  # from when so many were missing
        owed_now=min(missing, due + in_hand),
        capacity=health.pool_rate(numbers, now),
        per_second=per_second,
        slow_answer=slow_answer,
        begun=_has_begun(tally, reach) or any(per_second),
        due=due,
        oldest_due=oldest_due,
    )


def _has_begun(tally: Tally, reach: Reach) -> bool:
    """Whether a message has left, by whichever of the figures is known."""
    left = tally.count(State.INFLIGHT, State.UNKNOWN, State.RETRY_WAIT, State.FAILED)
    return left > 0 or reach.accepted > 0 or reach.first_inflight_at is not None


def objection(measured: Pace) -> str:
    """Why the service level is at risk, in two sentences; '' if it is not."""
    finding = pace.judge(measured)
    if finding is None:
        return ""
    if finding == Finding.NOT_BEGUN:
        fact = f"not one message was sent within {pace.FIRST_LOOK} seconds."
    elif finding == Finding.CAPACITY:
        fact = f"the phone numbers can send {measured.capacity:,.1f} messages per second."
    elif finding == Finding.STALLED:
        fact = f"no message was accepted for at least {pace.QUIET} seconds."
    else:
        fact = f"{measured.achieved(pace.LONG):,.1f} messages per second are accepted."
    target = f"{settings.SLA_TARGET:.0%}"
    return f"{fact} {measured.needed:,.1f} per second are needed for {target} in time."
