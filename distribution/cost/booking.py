"""The sums of what a distribution costs, kept beside its other stored figures.

Deliveries keep which price applied; the amount of a sum is count times price. Where a price depends
on the volume of the month, the sums of the month are walked in the order of the mornings.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, DateField, F, When
from django.db.models.functions import TruncDate

from distribution.cost import charging, rates
from distribution.cost.price_book import NOTHING, PriceBook
from distribution.ledger.template_shares import template_in_sql
from distribution.models import Charged, Cost, Delivery, Distribution, Pricing, Progress
from distribution.runtime import india_time

INSERT_BATCH_SIZE = 1000
ALIKE = ("tier", "number_id", "template", "pricing_id", "rate_id", "day")


def count(distribution: Distribution) -> list[Cost]:
    """The delivered messages of a distribution in groups: one long query."""
    delivered = Delivery.objects.filter(distribution=distribution, progress__gte=Progress.DELIVERED)
    delivered = delivered.order_by().annotate(day=_day(), template=template_in_sql(distribution))
    groups = delivered.values_list(*ALIKE).annotate(Count("pk"))
    blocks = Pricing.objects.in_bulk()
    sums: Counter[tuple[Any, ...]] = Counter()
    for tier, number, template, pricing, rate, day, people in groups:
        block = blocks.get(pricing)
        charged = _charged(block, rate)
        day = day or distribution.local_date  # restored rows may have no time of delivery
        sums[tier, number, template, block.category if block else "", charged, rate, day] += people
    return [
        Cost(
            distribution=distribution,
            morning=distribution.local_date,
            message_template_id=template,
            tier=tier,
            number_id=number,
            category=category,
            charged=charged,
            rate_id=rate,
            charged_on=day,
            count=people,
        )
        for (tier, number, template, category, charged, rate, day), people in sums.items()
    ]


def _charged(block: Pricing | None, rate: int | None) -> Charged:
    if block is None:
        return Charged.UNPRICED
    if not charging.is_charged(block):
        return Charged.FREE
    return Charged.NO_RATE if rate is None else Charged.CHARGED


def _day() -> Any:
    """The day of delivery in the time zone of the account that sent."""
    numbers: dict[ZoneInfo, list[int]] = defaultdict(list)
    for pk, account in charging.accounts().items():
        numbers[account.zone].append(pk)
    zones = [
        When(number_id__in=pks, then=TruncDate("delivered_at", tzinfo=zone))
        for zone, pks in numbers.items()
    ]
    here = TruncDate("delivered_at", tzinfo=india_time.zone())
    return Case(*zones, default=here, output_field=DateField())


def store(distribution: Distribution, rows: Iterable[Cost]) -> None:
    """Replace the sums of a distribution; call it in a transaction."""
    book = rates.book()
    rows = list(rows)
    for row in rows:
        prices = book.list_of(row.rate_id) if row.rate_id else None
        row.currency = prices.first.currency if prices else ""
        row.amount = prices.amount(row.count) if prices else NOTHING
    months = {row.charged_on.replace(day=1) for row in rows}
    months |= {row.replace(day=1) for row in _days_of(distribution)}
    Cost.objects.filter(distribution=distribution).delete()
    Cost.objects.bulk_create(rows, batch_size=INSERT_BATCH_SIZE)
    for month in sorted(months):
        price_by_volume(month, book)


def _days_of(distribution: Distribution) -> list[date]:
    rows = Cost.objects.filter(distribution=distribution).order_by()
    return list(rows.values_list("charged_on", flat=True).distinct())


def price_by_volume(month: date, book: PriceBook) -> None:
    """Give the sums of a calendar month the amounts of their place in it.

    Meta counts the charged messages of a portfolio, a market and a category together.
    """
    stepped = book.stepped()
    rows = Cost.objects.filter(
        charged_on__year=month.year, charged_on__month=month.month, rate__in=stepped
    )
    if not stepped or not rows.exists():
        return
    before: Counter[tuple[object, ...]] = Counter()
    changed = []
    portfolio = F("number__portfolio")
    for row in rows.annotate(portfolio=portfolio).order_by("charged_on", "distribution", "pk"):
        prices = book.list_of(row.rate_id or 0)
        assert prices is not None  # it is one of the book's
        first = prices.first
        key = (row.portfolio, first.prefix, first.category, first.currency)
        amount = prices.amount(row.count, before=before[key])
        before[key] += row.count
        if amount != row.amount:
            row.amount = amount
            changed.append(row)
    Cost.objects.bulk_update(changed, ["amount"], batch_size=INSERT_BATCH_SIZE)


def reprice(book: PriceBook) -> int:
    """Give every sum the amounts of the stored prices, after some were corrected; how many
    changed."""
    changed = []
    for row in Cost.objects.filter(rate__isnull=False).iterator():
        prices = book.list_of(row.rate_id or 0)
        amount = prices.amount(row.count) if prices else NOTHING
        if amount != row.amount:
            row.amount = amount
            changed.append(row)
    Cost.objects.bulk_update(changed, ["amount"], batch_size=INSERT_BATCH_SIZE)
    days = Cost.objects.filter(rate__in=book.stepped()).order_by()
    for month in sorted({day.replace(day=1) for day in days.values_list("charged_on", flat=True)}):
        price_by_volume(month, book)
    return len(changed)
