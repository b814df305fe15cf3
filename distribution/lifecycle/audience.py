"""Freezes the audience: one delivery per person, PREMIUM → PRO → BASIC, in numbered batches.

One INSERT … SELECT inside the opening's transaction: a crash leaves all of it or nothing, a
second run inserts nothing, memory stays flat (a million rows in seconds).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Count, Max, Q, QuerySet

from distribution.content import eligible_numbers
from distribution.ledger import deliveries
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import portfolio_plan
from distribution.lifecycle.portfolio_plan import Portfolios
from distribution.models import Delivery, Distribution
from distribution.models.deliveries import UNSETTLED
from distribution.quality import sent_templates
from distribution.runtime import statistics
from distribution.runtime.long_statements import allow_long_statements
from phonepool.failpoints import failpoint
from phonepool.numbers import pool
from subscribers import audience_lock
from subscribers.models import TIER_ORDER

TIER_RANKS = " ".join(f"WHEN '{tier}' THEN {rank}" for rank, tier in enumerate(TIER_ORDER))
FREEZE_SQL = f"""
INSERT INTO distribution_delivery
       (distribution_id, subscriber_id, phone, tier, language, next_at, batch_no)
SELECT %(distribution)s, id, phone, tier, language, %(now)s,
       (ROW_NUMBER() OVER (ORDER BY CASE tier {TIER_RANKS} END, id) - 1) / %(size)s
  FROM subscribers_subscriber
 WHERE status = 'ACTIVE'
ON CONFLICT DO NOTHING
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class FrozenAudience:
    recipients: int
    batches: int
    over_limit: int  # skipped at once: the portfolio may not write to them today


def freeze(distribution: Distribution, *, now: datetime) -> FrozenAudience:
    """Insert one delivery per recipient. Call it inside the transaction of the opening."""
    allow_long_statements()
    audience_lock.hold_while_freezing()
    content, day = distribution.content, distribution.local_date
    sent = sent_templates.of(distribution, content).content if content else None
    allowed = eligible_numbers.for_content(sent, day).allowed if sent else None
    portfolios = portfolio_plan.look(allowed, now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            FREEZE_SQL,
            {
                "distribution": distribution.pk,
                "now": connection.ops.adapt_datetimefield_value(now),
                "size": portfolios.batch_size,
            },
        )
        inserted = cursor.rowcount
    statistics.refresh_after_filling(Delivery._meta.db_table, rows=inserted)
    failpoint("freeze")
    over_limit = _skip_over_limit(distribution, allowed, portfolios, now)
    rows = Delivery.objects.filter(distribution=distribution)
    last = rows.aggregate(last=Max("batch_no"))["last"]
    frozen = FrozenAudience(rows.count(), 0 if last is None else last + 1, over_limit)
    distribution.portfolio_plan = portfolio_plan.make(
        portfolios, recipients=frozen.recipients, batches=frozen.batches
    )
    return frozen


def _skip_over_limit(
    distribution: Distribution,
    allowed: Collection[int] | None,
    portfolios: Portfolios,
    now: datetime,
) -> int:
    """The portfolio's rolling 24 h: each recipient in it, or about to be, counts once."""
    limit = pool.recipient_limit(allowed)
    if limit is None:
        return 0
    since = now - portfolio_plan.PORTFOLIO_WINDOW
    lately = Distribution.objects.exclude(pk=distribution.pk).filter(window_end__gt=since)
    others = Q(distribution__in=list(lately.values_list("pk", flat=True))) & (
        Q(accepted_at__gt=since) | Q(state__in=UNSETTLED)
    )
    spent = Delivery.objects.filter(others).values("phone").distinct().count()
    left = max(0, limit - spent)
    if portfolios.are_several and portfolios.room is not None:
        left = min(left, portfolios.room)
    beyond = [pk for pk in _new_recipients(distribution, others)[left:] if pk is not None]
    deliveries.skip(beyond, DeliveryReason.PORTFOLIO_LIMIT)
    return len(beyond)


def _new_recipients(distribution: Distribution, others: Q) -> QuerySet[Delivery, int | None]:
    """Deliveries to people who are in no other, first tiers first.

    By grouping, not by a join: on a day's fresh rows PostgreSQL has no statistics yet, and may
    choose to compare every row with every other.
    """
    ours = Q(distribution=distribution)
    people = Delivery.objects.filter(ours | others).order_by().values("phone")
    people = people.annotate(
        delivery=Max("pk", filter=ours),
        batch=Max("batch_no", filter=ours),
        elsewhere=Count("pk", filter=~ours),
    )
    return (
        people.filter(elsewhere=0).order_by("batch", "delivery").values_list("delivery", flat=True)
    )
