"""Repairs the numbers' times after the system clock was set back, so that none lies far ahead."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from phonepool.cloud_api.retry_after import MAX_RETRY_AFTER_SECONDS
from phonepool.models import NumberState, PhoneNumber, Portfolio
from phonepool.numbers.health import MAX_REST_FACTOR

SKEW_SECONDS = 60.0  # allowed difference between two machines' clocks


def repair(now: datetime) -> int:
    """Resets times that lie further ahead than they could be set; how many were changed."""
    moment = now.timestamp()
    horizon = moment + settings.SLOT_HORIZON_SECONDS + SKEW_SECONDS
    ahead = moment + SKEW_SECONDS
    pause = moment + settings.BREAKER_COOLDOWN_SECONDS + SKEW_SECONDS
    rest = now + timedelta(seconds=settings.NUMBER_REST_SECONDS * MAX_REST_FACTOR + SKEW_SECONDS)
    fixes: list[tuple[Q, dict[str, object]]] = [
        (Q(next_slot__gt=horizon), {"next_slot": moment}),
        (Q(cut_at__gt=ahead), {"cut_at": moment}),
        (Q(breaker_until__gt=pause), {"breaker_until": moment}),
        (Q(breaker_at__gt=ahead), {"breaker_at": moment}),
        (Q(return_at__gt=ahead), {"return_at": moment, "return_not_before": moment}),
        (Q(heard_at__gt=ahead), {"heard_at": moment}),
        (Q(state=NumberState.RESTING, rest_until__gt=rest), {"rest_until": now}),
    ]
    longest = moment + MAX_RETRY_AFTER_SECONDS + SKEW_SECONDS
    Portfolio.objects.filter(paused_until__gt=longest).update(paused_until=moment)
    return sum(PhoneNumber.objects.filter(wrong).update(**fields) for wrong, fields in fixes)
