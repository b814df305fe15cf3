"""The portfolio's limit of people in 24 hours: whom of an audience it leaves out."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, Max, Q, QuerySet
from django.utils.translation import ngettext

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import deliveries
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import portfolio_plan
from distribution.lifecycle.portfolio_plan import Portfolios
from distribution.models import Delivery, Distribution, Severity
from distribution.models.deliveries import CLAIMABLE, UNSETTLED
from phonepool.numbers import pool

UNDER_WAY = [state for state in UNSETTLED if state not in CLAIMABLE]


def room(
    distribution: Distribution,
    allowed: Collection[int] | None,
    portfolios: Portfolios,
    *,
    now: datetime,
) -> int | None:
    """How many people the portfolio may still write to who are in no other distribution of the
    last 24 h, each recipient in one of those counted once. None: any number."""
    limit = pool.recipient_limit(allowed)
    if limit is None:
        return None
    others = Delivery.objects.filter(_others(distribution, now))
    left = max(0, limit - others.values("phone").distinct().count())
    if portfolios.are_several and portfolios.room is not None:
        left = min(left, portfolios.room)
    return left


def skip_beyond(
    distribution: Distribution, room: int, *, first_batch: int = 0, now: datetime
) -> tuple[int, int]:
    """Leave out, from a batch on, whom there is no room for; how many, and the room left then."""
    new = _new_recipients(distribution, first_batch, _others(distribution, now))
    known = [pk for pk in new if pk is not None]
    beyond = known[room:]
    deliveries.skip(beyond, DeliveryReason.PORTFOLIO_LIMIT, distribution_id=distribution.pk)
    return len(beyond), max(0, room - len(known))


def tell(distribution: Distribution, skipped: int, *, now: datetime) -> None:
    """The alert about those who were left out."""
    incidents.raise_alert(
        AlertRule.PORTFOLIO_LIMIT,
        distribution.pk,
        severity=Severity.CRITICAL,
        message=f"{distribution}: The portfolio's 24-hour messaging limit is reached. "
        f"{people_skipped(skipped)} Ask Meta for a higher limit.",
        now=now,
    )


def people_skipped(people: int) -> str:
    return ngettext("%d person was skipped.", "%d people were skipped.", people) % people


def _others(distribution: Distribution, now: datetime) -> Q:
    """Deliveries of other distributions that count, or are about to: what waits, only while it may
    be sent."""
    since = now - portfolio_plan.PORTFOLIO_WINDOW
    lately = Distribution.objects.exclude(pk=distribution.pk).filter(window_end__gt=since)
    ends = dict(lately.values_list("pk", "window_end"))
    still_sent = [pk for pk, end in ends.items() if end is not None and end > now]
    return Q(distribution__in=list(ends)) & (
        Q(accepted_at__gt=since)
        | Q(state__in=UNDER_WAY)
        | Q(distribution__in=still_sent, state__in=CLAIMABLE)
    )


def _new_recipients(
    distribution: Distribution, first_batch: int, others: Q
) -> QuerySet[Delivery, int | None]:
    """Deliveries to people who are in no other, first tiers first.

    By grouping, not by a join: on a day's fresh rows PostgreSQL has no statistics yet, and may
    choose to compare every row with every other.
    """
    ours = Q(distribution=distribution, batch_no__gte=first_batch)
    people = Delivery.objects.filter(ours | others).order_by().values("phone")
    people = people.annotate(
        delivery=Max("pk", filter=ours),
        batch=Max("batch_no", filter=ours),
        elsewhere=Count("pk", filter=~ours),
    )
    return (
        people.filter(elsewhere=0).order_by("batch", "delivery").values_list("delivery", flat=True)
    )
