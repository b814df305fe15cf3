"""The audience, frozen: one delivery a person, PREMIUM → PRO → BASIC, in numbered batches.

One INSERT … SELECT inside the opening's transaction: a crash leaves all of it or nothing, a
second run inserts nothing, memory stays flat (a million rows in seconds).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Exists, Max, OuterRef

from distribution.models import Delivery, Distribution, State
from distribution.models.distributions import RUNNING
from phonepool import pool

PORTFOLIO_LIMIT = "portfolio_limit"
ROLLING = timedelta(hours=24)

FREEZE = """
INSERT INTO distribution_delivery
       (distribution_id, subscriber_id, phone, tier, next_at, batch_no)
SELECT %(distribution)s, id, phone, tier, %(now)s,
       (ROW_NUMBER() OVER (ORDER BY CASE tier WHEN 'PREMIUM' THEN 0 WHEN 'PRO' THEN 1 ELSE 2 END,
                                    id) - 1) / %(size)s
  FROM subscribers_subscriber
 WHERE status = 'ACTIVE'
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Frozen:
    recipients: int
    batches: int
    over_limit: int  # skipped at once: the portfolio may not write to them today


def freeze(distribution: Distribution, *, now: datetime) -> Frozen:
    """Write down who is owed this distribution. Call it inside the opening's transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            FREEZE,
            {
                "distribution": distribution.pk,
                "now": connection.ops.adapt_datetimefield_value(now),
                "size": settings.BATCH_SIZE,
            },
        )
    over_limit = _skip_over_limit(distribution, now)
    rows = Delivery.objects.filter(distribution=distribution)
    last = rows.aggregate(last=Max("batch_no"))["last"]
    return Frozen(rows.count(), 0 if last is None else last + 1, over_limit)


def _skip_over_limit(distribution: Distribution, now: datetime) -> int:
    """The portfolio's rolling 24 h: who was written to in it, or is about to be, counts once."""
    limit = pool.recipient_limit()
    if limit is None:
        return 0
    others = Delivery.objects.exclude(distribution=distribution)
    recent = others.filter(accepted_at__gt=now - ROLLING) | others.filter(
        distribution__state__in=RUNNING, state=State.PENDING
    )
    spent = recent.values("phone").distinct().count()
    known = recent.filter(phone=OuterRef("phone"))
    new = Delivery.objects.filter(~Exists(known), distribution=distribution)
    room = max(0, limit - spent)
    beyond = list(new.order_by("batch_no", "pk").values_list("pk", flat=True)[room:])
    for start in range(0, len(beyond), 5000):  # SQLite bounds the parameters of one statement
        Delivery.objects.filter(pk__in=beyond[start : start + 5000], state=State.PENDING).update(
            state=State.SKIPPED, reason=PORTFOLIO_LIMIT
        )
    return len(beyond)
