"""Portfolio pacing: Meta holds a portfolio's bulk messages and, when it judges them bad, drops them
with 135000 and reviews the whole portfolio.

Of a message that was held the code says so at once. Of others it may be one broken request; several
within a minute in one portfolio are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import Q

from distribution.models import Delivery, Distribution, State
from distribution.outcomes.reported_failures import ReportedFailure
from phonepool.errors import PORTFOLIO_PACING, REQUEST_DROPPED
from phonepool.models import PhoneNumber

DROPS = 3
WITHIN = timedelta(seconds=60)
SLUGS = (PORTFOLIO_PACING.slug, REQUEST_DROPPED.slug)


def name_reviews(failures: Sequence[ReportedFailure]) -> list[ReportedFailure]:
    """The same failures; a drop in a portfolio that drops several at a time is its pacing."""
    dropped = [one for one in failures if one.failure is REQUEST_DROPPED and one.number_id]
    if not dropped:
        return list(failures)
    numbers = PhoneNumber.objects.filter(pk__in={one.number_id for one in dropped})
    portfolios = dict(numbers.values_list("pk", "portfolio_id"))
    reviewed = {
        portfolio_id
        for portfolio_id in set(portfolios.values())
        if is_burst(_times_of_drops(portfolio_id, dropped))
    }
    return [
        replace(one, failure=PORTFOLIO_PACING)
        if one in dropped and portfolios.get(one.number_id or 0) in reviewed
        else one
        for one in failures
    ]


def is_burst(times: Sequence[datetime]) -> bool:
    """Whether DROPS of these fall WITHIN a minute."""
    ordered = sorted(times)
    later = ordered[DROPS - 1 :]
    return any(last - first <= WITHIN for first, last in zip(ordered, later, strict=False))


def _times_of_drops(portfolio_id: int, dropped: Sequence[ReportedFailure]) -> list[datetime]:
    """When this portfolio's drops were reported around these, which are written already."""
    times = [one.at for one in dropped]
    distributions = Distribution.objects.filter(
        Q(pk__in={one.distribution_id for one in dropped}) | Q(pk__in=_running())
    )
    rows = Delivery.objects.filter(
        distribution__in=distributions.values_list("pk", flat=True),
        state=State.FAILED,
        reason__in=SLUGS,
        number__portfolio=portfolio_id,
        failed_at__range=(min(times) - WITHIN, max(times) + WITHIN),
    )
    return [at for at in rows.values_list("failed_at", flat=True) if at is not None]


def _running() -> list[int]:
    return list(Distribution.objects.running().values_list("pk", flat=True))
