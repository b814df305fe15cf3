"""The plan by which several portfolios share a day's people: made when the audience is frozen, kept
with the distribution, asked by each batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, Q

from distribution.lifecycle import batch_sizes
from distribution.models import Delivery, Distribution
from phonepool.models import PhoneNumber
from phonepool.numbers import health, shares
from subscribers.models import Subscriber

PORTFOLIO_WINDOW = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Portfolios:
    """Those whose numbers may send, with what is left of their limits, and their speeds."""

    lefts: Mapping[int, int | None]  # people; None: unlimited
    speeds: Mapping[int, float]  # messages per second
    batch_size: int  # people, by the rates of their numbers

    @property
    def are_several(self) -> bool:
        """Whether anything is to be planned: one of several has a limit."""
        return len(self.lefts) > 1 and any(left is not None for left in self.lefts.values())

    @property
    def room(self) -> int | None:
        return shares.room(self.lefts, self.batch_size)


def look(allowed: Collection[int] | None, *, now: datetime) -> Portfolios:
    """The portfolios of the numbers that can send, of the `allowed` ones (None: any)."""
    numbers = [*PhoneNumber.objects.usable().select_related("portfolio")]
    numbers = numbers or [*PhoneNumber.objects.standing_by().select_related("portfolio")]
    speeds: dict[int, float] = defaultdict(float)
    limits: dict[int, int | None] = {}
    numbers = [number for number in numbers if allowed is None or number.pk in allowed]
    parts = health.reduced(numbers, now)
    for number in numbers:
        speeds[number.portfolio_id] += health.speed_of(number, parts)
        limits[number.portfolio_id] = number.portfolio.recipient_limit
    limited = [pk for pk, limit in limits.items() if limit is not None]
    used = messaged(now) if len(limits) > 1 and limited else {}
    lefts = {
        pk: None if limit is None else max(0, limit - used.get(pk, NOBODY).counted)
        for pk, limit in limits.items()
    }
    return Portfolios(lefts, speeds, batch_sizes.of_numbers(numbers))


def make(portfolios: Portfolios, *, recipients: int, batches: int) -> dict[str, Any]:
    """The plan to keep; {} if every portfolio has room for everybody, or there is one."""
    lefts = portfolios.lefts
    roomy = [pk for pk, left in lefts.items() if left is None or left >= recipients]
    if not portfolios.are_several or len(roomy) == len(lefts):
        return {}
    given = shares.divide(lefts, portfolios.speeds, batches, portfolios.batch_size)
    return {"shares": [list(share) for share in given], "roomy": roomy}


def numbers_for(
    distribution: Distribution, batch_no: int, allowed: Collection[int] | None
) -> Collection[int] | None:
    """Which of the `allowed` numbers carry a batch: its portfolio's, or, while none of these can
    send, those of portfolios that have room for everybody."""
    plan = distribution.portfolio_plan
    own = shares.portfolio_of(plan["shares"], batch_no) if plan else None
    if own is None:
        return allowed
    able = PhoneNumber.objects.able_to_send()
    found = able.filter(portfolio__in=[own, *plan["roomy"]]).values_list("pk", "portfolio_id")
    numbers = [(pk, of) for pk, of in found if allowed is None or pk in allowed]
    return {pk for pk, of in numbers if of == own} or {pk for pk, _ in numbers}


@dataclass(frozen=True, slots=True)
class Messaged:
    """Different people that a portfolio has written to in the 24 hours before a distribution."""

    others: int  # who are not in its audience
    counted: int  # all of them, without recipients who leave the 24 hours while it sends


NOBODY = Messaged(0, 0)


def messaged(at: datetime) -> dict[int, Messaged]:
    """Who counts against each portfolio's limit in a distribution that opens `at`.

    Recipients of yesterday's morning leave the 24 hours at the pace at which today's are written
    to, so they take no room; those of an hour ago do, since another portfolio may get them now.
    """
    since = at - PORTFOLIO_WINDOW
    leaving = since + timedelta(seconds=settings.SLA_WINDOW_SECONDS)
    lately = Distribution.objects.filter(window_end__gt=since).values_list("pk", flat=True)
    rows = Delivery.objects.filter(
        distribution__in=list(lately), accepted_at__gt=since, number__isnull=False
    )
    others = ~Q(subscriber__in=Subscriber.objects.eligible())
    counted = others | Q(accepted_at__gt=leaving)
    counts = (
        rows.order_by()
        .values("number__portfolio")
        .annotate(
            others=Count("phone", distinct=True, filter=others),
            counted=Count("phone", distinct=True, filter=counted),
        )
    )
    return {row["number__portfolio"]: Messaged(row["others"], row["counted"]) for row in counts}
