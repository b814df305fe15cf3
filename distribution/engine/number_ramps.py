"""Looks at each morning once: a number that is warmed up may send more after a clean one, and one
whose quality fell sends less from the next one on.

Between distributions only. What was judged is in the number's row, so that two engines do not take
two steps.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from django.db.models import Count, Q, Sum

from distribution.models import (
    Attempt,
    Channel,
    Distribution,
    DistributionState,
    Heartbeat,
    Kind,
    OutcomeTally,
    QualityChange,
)
from distribution.models.heartbeats import NUMBER_RAMPS
from phonepool.errors import ABOUT_NUMBERS
from phonepool.models import PhoneNumber, RampCause
from phonepool.numbers import health, ramp_rule, ramps
from phonepool.numbers.ramp_rule import FULL, Morning, Ramp

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=60)
FALLS_READ = timedelta(days=2)


def review_if_due(now: datetime) -> None:
    """Review once in EVERY, in one of the processes that call it; a failure is logged only."""
    try:
        if Heartbeat.take_turn(NUMBER_RAMPS, EVERY, now):
            review(now)
    except Exception:
        log.exception("the ramps of the phone numbers could not be reviewed")


def review(now: datetime) -> int:
    """Apply what fell and what the last morning showed; how many numbers were judged."""
    if Distribution.objects.running().exists():
        return 0
    return _note_falls(now) + _judge_morning(now)


def _note_falls(now: datetime) -> int:
    changes = QualityChange.objects.filter(number__isnull=False, at__gt=now - FALLS_READ)
    fallen = [
        change
        for change in changes.select_related("number").order_by("at", "pk")
        if ramp_rule.has_fallen(change.before, change.after)
    ]
    noted = 0
    for number, at in {one.number: one.at for one in fallen if one.number}.items():
        if number.ramp_at is None or at > number.ramp_at:
            noted += ramps.change(number, ramp_rule.after_fall(_ramp(number)), "fell", now=now)
    return noted


def _judge_morning(now: datetime) -> int:
    """Of the last daily distribution, if it ended and was not judged before."""
    waiting = list(PhoneNumber.objects.filter(ramp__lt=FULL))
    if not waiting:
        return 0
    done = Distribution.objects.filter(kind=Kind.DAILY, state=DistributionState.COMPLETED)
    latest = done.filter(opened_at__isnull=False).order_by("-opened_at").first()
    if latest is None or latest.opened_at is None:
        return 0
    new = [one for one in waiting if one.ramp_at is None or one.ramp_at < latest.opened_at]
    mornings = _mornings(latest, new) if new else {}
    return sum(_judge(number, mornings[number.pk], now) for number in new)


def _judge(number: PhoneNumber, morning: Morning, now: datetime) -> bool:
    ramp = ramp_rule.after(_ramp(number), morning)
    return ramps.change(number, ramp, "a clean morning", now=now)


def _ramp(number: PhoneNumber) -> Ramp:
    return Ramp(number.ramp, RampCause(number.ramp_cause))


def _mornings(distribution: Distribution, numbers: Collection[PhoneNumber]) -> dict[int, Morning]:
    sent = _sent(distribution)
    weights = {
        one.pk: health.ceiling(one) * one.ramp
        for one in PhoneNumber.objects.filter(
            Q(pk__in=[pk for pk, count in sent.items() if count])
            | Q(pk__in=[one.pk for one in numbers])
        )
    }
    total, weight = sum(sent.values()), sum(weights.values())
    refusals = _refusals(distribution, weights)
    return {
        one.pk: Morning(
            sent=sent.get(one.pk, 0),
            expected=total * weights[one.pk] / weight if weight else 0.0,
            refusals=refusals.get(one.pk, 0),
        )
        for one in numbers
    }


def _sent(distribution: Distribution) -> Mapping[int, int]:
    """Messages that were accepted from each number."""
    rows = OutcomeTally.objects.filter(
        distribution=distribution, channel=Channel.ANSWER, reason=""
    ).order_by()
    return dict(rows.values_list("number_id").annotate(Sum("count")))


def _refusals(distribution: Distribution, numbers: Collection[int]) -> dict[int, int]:
    """Calls, and messages that failed later, refused because of the number."""
    rows = Attempt.objects.filter(
        delivery__distribution=distribution, number__in=numbers, reason__in=ABOUT_NUMBERS
    ).order_by()
    return {pk: count for pk, count in rows.values_list("number").annotate(Count("pk")) if pk}
