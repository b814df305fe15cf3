"""Receipts of a distribution against those of earlier mornings: the facts for `receipts`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, DateTimeField, F, Q, QuerySet
from django.db.models.functions import Coalesce, TruncSecond

from distribution.models import Delivery, Distribution, Kind, ReceiptCurve
from distribution.runtime.text_formats import percent
from distribution.service_level import receipts
from distribution.service_level.receipts import AGES, Curve, Morning, Receipts

LONGEST = timedelta(minutes=30)  # of the series; by then every curve is flat
UNKNOWN_CATEGORY = "UTILITY"
# The first word after acceptance. What Meta refused at once was never accepted.
FIRST_RECEIPT = Coalesce("delivered_at", "read_at", "failed_at", output_field=DateTimeField())


def keep(distribution: Distribution) -> None:
    """Store how receipts came, once a daily distribution is completed. One pass over its rows."""
    if distribution.kind != Kind.DAILY:
        return
    rows = _accepted(distribution).annotate(receipt_at=FIRST_RECEIPT)
    within = {
        f"by_{age}": Count("pk", filter=Q(receipt_at__lte=F("accepted_at") + _seconds(age)))
        for age in AGES
    }
    counted = rows.aggregate(accepted=Count("pk"), **within)
    if not counted["accepted"]:
        return
    ReceiptCurve.objects.get_or_create(
        distribution=distribution,
        defaults={
            "category": _category(distribution),
            "accepted": counted["accepted"],
            "receipts": [counted[f"by_{age}"] for age in AGES],
        },
    )


def learned(distribution: Distribution) -> Curve:
    """From the latest mornings before this one, of the same category."""
    rows = ReceiptCurve.objects.filter(
        category=_category(distribution),
        distribution__local_date__lt=distribution.local_date,
    ).order_by("-distribution__local_date")[: receipts.MORNINGS]
    return receipts.learn(
        Morning(row.accepted, row.receipts) for row in rows if len(row.receipts) == len(AGES)
    )


def measure(distribution: Distribution, *, now: datetime) -> Receipts:
    """Two queries over the deliveries accepted in the last half hour."""
    end = now.replace(microsecond=0)
    opened = distribution.opened_at or now
    start = max(opened.replace(microsecond=0), end - LONGEST)
    rows = _accepted(distribution).filter(accepted_at__gte=start, accepted_at__lt=end)
    with_receipt = rows.annotate(receipt_at=FIRST_RECEIPT).exclude(receipt_at=None)
    return Receipts(
        accepted=_per_second(rows.annotate(second=TruncSecond("accepted_at")), start, end),
        received=_per_second(
            with_receipt.annotate(second=TruncSecond("receipt_at", output_field=DateTimeField())),
            start,
            end,
        ),
    )


def words(measured: Receipts, curve: Curve) -> str:
    """The figure in a sentence; '' while it says nothing."""
    ratio = measured.ratio(curve)
    if ratio is None:
        return ""
    return f"{percent(ratio)} of the receipts expected by now have come."


def _per_second(rows: QuerySet[Any], start: datetime, end: datetime) -> list[int]:
    """By whole seconds from `start` to `end`; what is dated before or after is counted at the
    ends: Meta's clock is not ours."""
    seconds = max(0, round((end - start).total_seconds()))
    counted = [0] * seconds
    counts = rows.order_by().values_list("second").annotate(Count("pk"))
    for second, count in counts if seconds else ():
        place = round((second - start).total_seconds())
        counted[min(max(0, place), seconds - 1)] += count
    return counted


def _accepted(distribution: Distribution) -> QuerySet[Delivery]:
    return Delivery.objects.filter(distribution=distribution, accepted_at__isnull=False)


def _category(distribution: Distribution) -> str:
    template = distribution.first_template
    return template.category if template else UNKNOWN_CATEGORY


def _seconds(number: int) -> timedelta:
    return timedelta(seconds=number)
