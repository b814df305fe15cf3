"""Numbers in old deliveries: after DELIVERY_NUMBER_KEEP_DAYS a blank stands in their place.

The deliveries stay, so sums and evidence do; whose they were still tells the subscriber's id.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Concat, LPad

from distribution.ledger.partitions import keys
from distribution.models import Delivery, Distribution, Duplicate
from distribution.models.deliveries import UNSETTLED
from distribution.runtime import india_time
from subscribers.consent.erased_phones import OPAQUE
from subscribers.phones import BLANK_DIGITS, BLANK_PREFIX

ROWS_TOGETHER = 5_000  # in one statement: about 0.2 s on PostgreSQL
FIRST_NUMBER = "+1"  # sorts after every blank and before every number

_ID = CharField(max_length=20)
_BLANK = Concat(Value(BLANK_PREFIX), LPad(Cast("subscriber_id", _ID), BLANK_DIGITS, Value("0")))


def hide_old_numbers(now: datetime, *, seconds: float) -> int:
    """Blank numbers and Meta's message ids of old deliveries, for about `seconds`; how many."""
    keep = timedelta(days=settings.DELIVERY_NUMBER_KEEP_DAYS)
    end, done = time.monotonic() + seconds, 0
    numbers = _with_numbers(Delivery.objects.filter(distribution=OuterRef("pk")))
    old = Distribution.objects.filter(
        Exists(numbers),
        local_date__lt=india_time.local_date(now - keep),
        deliveries_removed_at=None,
    )
    for distribution_id in old.order_by("pk").values_list("pk", flat=True):
        rows = _with_numbers(Delivery.objects.filter(distribution=distribution_id))
        while time.monotonic() < end:
            pks = list(rows.order_by("phone").values_list("pk", flat=True)[:ROWS_TOGETHER])
            if not pks:
                break
            done += _hide(pks, distribution_id)
    return done


def _with_numbers(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Settled ones whose number is still there, by the index on distribution and phone."""
    return rows.filter(phone__gte=FIRST_NUMBER).exclude(state__in=UNSETTLED)


def _hide(pks: list[int], distribution_id: int) -> int:
    Duplicate.objects.filter(delivery__in=pks).update(
        earlier_wamid=_opaque("earlier_wamid"), later_wamid=_opaque("later_wamid")
    )
    rows = keys.rows(pks, distribution_id)
    return rows.update(phone=_BLANK, wamid=_opaque("wamid"))


def _opaque(column: str) -> Case:
    """Of one that is there: no hash is needed any more, for nothing is reported so late."""
    none = Q(**{column: ""}) | Q(**{column: None})
    return Case(When(none, then=F(column)), default=Concat(Value(OPAQUE), Cast("pk", _ID)))
