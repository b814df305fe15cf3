"""What is left of Meta's limit of people in 24 hours, and each phone number's recent rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from distribution.cached import audience
from distribution.models import Delivery, Distribution
from phonepool.models import Portfolio

ROLLING_WINDOW = timedelta(hours=24)
RATE_WINDOW_SECONDS = 10.0  # over which the rate is measured


@dataclass(frozen=True, slots=True)
class Headroom:
    """A portfolio's limit of unique people in 24 hours, and what is used of it."""

    portfolio: Portfolio
    used: int
    limit: int | None  # None: unlimited
    audience: int  # recipients of the next distribution

    @property
    def left(self) -> int | None:
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def percent(self) -> int:
        return min(100, 100 * self.used // self.limit) if self.limit else 0

    @property
    def enough(self) -> bool:
        """Whether the limit alone carries the next audience; by then today's use has expired."""
        return self.limit is None or self.limit >= self.audience


def headroom(now: datetime) -> list[Headroom]:
    """Each portfolio's limit and use, by name."""
    used = _recipients_by_portfolio(now)
    people = audience.total()
    return [
        Headroom(portfolio, used.get(portfolio.pk, 0), portfolio.recipient_limit, people)
        for portfolio in Portfolio.objects.order_by("name", "business_id")
    ]


def recent_rates(now: datetime) -> Mapping[int, float]:
    """Messages accepted per second, by phone number id; numbers without any are absent."""
    since = now - timedelta(seconds=RATE_WINDOW_SECONDS)
    rows = Delivery.objects.filter(
        distribution__in=_recent_distributions(now), accepted_at__gt=since
    ).order_by()
    counts = rows.values_list("number_id").annotate(Count("pk"))
    return {number: count / RATE_WINDOW_SECONDS for number, count in counts}


def _recipients_by_portfolio(now: datetime) -> dict[int, int]:
    rows = Delivery.objects.filter(
        distribution__in=_recent_distributions(now),
        accepted_at__gt=now - ROLLING_WINDOW,
        number__isnull=False,
    )
    by_portfolio = rows.order_by().values_list("number__portfolio")
    return dict(by_portfolio.annotate(Count("phone", distinct=True)))


def _recent_distributions(now: datetime) -> list[int]:
    """Distributions that may have sent in the last 24 hours: few, so an index serves."""
    recent = Distribution.objects.filter(window_end__gt=now - ROLLING_WINDOW)
    return list(recent.values_list("pk", flat=True))
