"""What a distribution will cost, before it is sent: pure, over people, category and prices.

Nobody knows who will receive it: an estimate is what it costs if everybody does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.utils.translation import gettext as _

from distribution.cost.price_book import NOTHING, PriceBook


@dataclass(frozen=True, slots=True)
class People:
    """Recipients of one tier whose phones begin alike."""

    tier: str
    phone: str  # the beginning of their phones, long enough to tell the market: +91
    count: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """What it costs if everybody receives it; without tax."""

    category: str
    currency: str
    people: int = 0
    unpriced: int = 0  # of them: no price is known
    amount: Decimal = NOTHING  # of the others
    by_tier: Mapping[str, Decimal] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()  # why prices are missing, in sentences

    @property
    def per_message(self) -> Decimal | None:
        """The average price of those that have one; None if none has."""
        priced = self.people - self.unpriced
        return self.amount / priced if priced else None


def estimate(
    people: Sequence[People],
    *,
    category: str,
    currency: str,
    on: date,
    book: PriceBook,
    before: int = 0,
) -> Estimate:
    """The cost of one message to each of them on a day.

    `category` is the message template's, in any case; `currency` what the sending account is billed
    in; `before` how many such messages its portfolio has had this month, for prices by volume.
    """
    category = category.lower()
    counts = {"people": 0, "unpriced": 0}
    by_tier: dict[str, Decimal] = {}
    missing: dict[str, int] = {}
    for group in people:
        counts["people"] += group.count
        prices = book.find(group.phone, category, currency, on)
        if prices is None:
            counts["unpriced"] += group.count
            missing[group.phone] = missing.get(group.phone, 0) + group.count
            continue
        amount = prices.amount(group.count, before=before)
        by_tier[group.tier] = by_tier.get(group.tier, NOTHING) + amount
        before += group.count
    return Estimate(
        category,
        currency,
        **counts,
        amount=sum(by_tier.values(), NOTHING),
        by_tier=by_tier,
        reasons=tuple(_reasons(missing, category, currency, on, book)),
    )


def _reasons(
    missing: Mapping[str, int], category: str, currency: str, on: date, book: PriceBook
) -> list[str]:
    if not missing:
        return []
    facts = {
        "category": category or "?",
        "currency": currency,
        "count": f"{sum(missing.values()):,}",
    }
    if currency not in book.currencies:
        return [_("No rates in %(currency)s: import Meta's list for this currency.") % facts]
    starts = ", ".join(sorted(missing))
    facts |= {"phones": starts, "day": f"{on:%-d %b %Y}"}
    return [
        _(
            "No rate for %(category)s messages to %(phones)s in %(currency)s on %(day)s: "
            "%(count)s people are not in the estimate. Import the rates."
        )
        % facts
    ]
