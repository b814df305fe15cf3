"""The pace of a running distribution, measured and put into words: the facts for `pace`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from distribution.analytics import counts
from distribution.analytics.counts import Reach, Tally
from distribution.models import Distribution, State
from distribution.service_level import pace
from distribution.service_level.pace import Finding, Pace
from phonepool.models import PhoneNumber
from phonepool.numbers import health


def measure(
    distribution: Distribution,
    tally: Tally,
    reach: Reach,
    numbers: Iterable[PhoneNumber],
    *,
    now: datetime,
) -> Pace:
    """Two queries; of the deliveries, they read those due and those of the last seconds."""
    ready = counts.due(distribution, now=now) + tally.count(State.CLAIMED, State.INFLIGHT)
    missing = math.ceil(settings.SLA_TARGET * tally.owed) - reach.accepted_in_time
    began = distribution.resumed_at or distribution.opened_at or now
    deadline = distribution.sla_deadline or now
    per_second, slowest = counts.accepted_per_second(distribution, pace.HISTORY, now=now)
    return Pace(
        sending=(now - began).total_seconds(),
        left=(deadline - now).total_seconds(),
        owed_now=min(missing, ready),
        capacity=health.pool_rate(numbers, now),
        per_second=per_second,
        slowest_answer=slowest,
        begun=_has_begun(tally, reach),
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
