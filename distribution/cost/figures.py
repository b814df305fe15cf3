"""What was spent, from the stored sums: by morning, month, category, tier, number or template.

Amounts in different currencies are never added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db.models import Sum
from django.db.models.functions import TruncMonth

from distribution.cost.amounts import AmountSum
from distribution.cost.price_book import NOTHING
from distribution.models import Charged, Cost, Distribution
from distribution.runtime.money import money

RUPEES = "INR"


class By(StrEnum):
    """What costs can be grouped by."""

    MORNING = "morning"
    MONTH = "month"
    CATEGORY = "category"
    TIER = "tier"
    NUMBER = "number"
    TEMPLATE = "template"


COUNTS = ("messages", "charged", "free", "unpriced", "no_rate")
EXACT = Decimal("0.0001")
COLUMNS = {By.NUMBER: "number__label", By.TEMPLATE: "message_template__name"}


@dataclass(slots=True)
class Spent:
    """Delivered messages and what they cost, without tax."""

    key: date | str | None = None
    messages: int = 0  # delivered; the next four add up to them
    charged: int = 0
    free: int = 0
    unpriced: int = 0
    no_rate: int = 0
    amounts: dict[str, Decimal] = field(default_factory=dict)  # by currency

    def add(self, charged: str, currency: str, count: int, amount: Decimal) -> None:
        self.messages += count
        name = Charged(charged).name.lower()
        setattr(self, name, getattr(self, name) + count)
        if currency:
            self.amounts[currency] = self.amounts.get(currency, NOTHING) + amount

    def include(self, other: Spent) -> None:
        """Add all of another."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for currency, amount in other.amounts.items():
            self.amounts[currency] = self.amounts.get(currency, NOTHING) + amount

    @property
    def key_text(self) -> str:
        """For files and programs: 2026-11-29, PRO; empty without one."""
        return self.key.isoformat() if isinstance(self.key, date) else str(self.key or "")

    @property
    def not_priced(self) -> int:
        """Without pricing from Meta, or without a rate of ours."""
        return self.unpriced + self.no_rate

    @property
    def currency(self) -> str:
        """The only one, or rupees if there are none or several."""
        return next(iter(self.amounts)) if len(self.amounts) == 1 else RUPEES

    @property
    def amount(self) -> Decimal:
        """In `currency`."""
        return self.amounts.get(self.currency, NOTHING)

    @property
    def per_message(self) -> Decimal | None:
        """Per delivered message; None of none, or if their amounts do not add up."""
        return self.amount / self.messages if self.messages and len(self.amounts) < 2 else None

    @property
    def with_tax(self) -> Decimal:
        return with_tax(self.amount)

    @property
    def words(self) -> str:
        """₹230.00, or ₹230.00 + $1.20."""
        parts = [money(amount, currency) for currency, amount in sorted(self.amounts.items())]
        return " + ".join(parts) or money(NOTHING, RUPEES)

    @property
    def words_with_tax(self) -> str:
        parts = sorted(self.amounts.items())
        shown = [money(with_tax(amount), currency) for currency, amount in parts]
        return " + ".join(shown) or money(NOTHING, RUPEES)

    @property
    def per_message_words(self) -> str:
        price = self.per_message
        return "–" if price is None else money(price, self.currency)

    @property
    def is_over_limit(self) -> bool:
        return self.currency == RUPEES and (self.per_message or NOTHING) > limit_per_message()


def tax_percent() -> Decimal:
    """GST on top of Meta's prices."""
    return Decimal(str(settings.GST_PERCENT)).normalize()


def with_tax(amount: Decimal) -> Decimal:
    return amount * (100 + tax_percent()) / 100


def limit_per_message() -> Decimal:
    """What a message should cost at most, in rupees without tax."""
    return Decimal(str(settings.COST_LIMIT_PER_MESSAGE))


def of_distribution(distribution: Distribution) -> Spent | None:
    """What a distribution cost; None: not counted yet."""
    rows = Cost.objects.filter(distribution=distribution)
    return _sum(_totals(rows)) if rows.exists() else None


def between(start: date, end: date) -> Spent:
    """What the mornings of these days cost, the last one included."""
    return _sum(_totals(Cost.objects.filter(morning__range=(start, end))))


def grouped(start: date, end: date, by: By) -> list[Spent]:
    """The same by one dimension, in its order."""
    rows = Cost.objects.filter(morning__range=(start, end)).order_by()
    column = COLUMNS.get(by, by.value)
    if by is By.MONTH:
        rows = rows.annotate(month=TruncMonth("morning"))
    groups: dict[Any, Spent] = {}
    for key, *figures in rows.values_list(column, "charged", "currency").annotate(
        Sum("count"), AmountSum("amount")
    ):
        groups.setdefault(key, Spent(key)).add(*figures)
    return [groups[key] for key in sorted(groups, key=lambda key: (key is None, str(key)))]


def _totals(rows: Any) -> Iterable[tuple[str, str, int, Decimal]]:
    sums: Iterable[tuple[str, str, int, Decimal]] = (
        rows.order_by()
        .values_list("charged", "currency")
        .annotate(Sum("count"), AmountSum("amount"))
    )
    return sums


def _sum(rows: Iterable[tuple[str, str, int, Decimal]]) -> Spent:
    spent = Spent()
    for row in rows:
        spent.add(*row)
    return spent


def exact(amount: Decimal) -> str:
    """An amount for files and programs: 0.1150."""
    return f"{amount.quantize(EXACT):f}"


def table(rows: Iterable[Spent], by: By) -> Iterator[list[str]]:
    """A file: one row for each key and currency, a header first."""
    yield [by.value, *COUNTS, "currency", "amount", "amount_with_gst"]
    for row in rows:
        counts = [str(getattr(row, name)) for name in COUNTS]
        for currency, amount in sorted(row.amounts.items()) or [("", NOTHING)]:
            yield [row.key_text, *counts, currency, exact(amount), exact(with_tax(amount))]
