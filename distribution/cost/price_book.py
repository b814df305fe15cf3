"""Which price applies to a message, and what some messages cost: pure, over Meta's dated prices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# Marketing messages that Meta delivers at a lower price have no row of their own in its lists.
SAME_PRICE = {"marketing_lite": "marketing"}
NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Price:
    """The price of one message, from the message `from_n` of a calendar month on."""

    id: int
    prefix: str  # of the recipients' phones: +91
    category: str
    currency: str
    valid_from: date
    price: Decimal
    from_n: int = 1


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of a market and category from a day on, by volume, the first step first."""

    valid_from: date
    steps: tuple[Price, ...]

    @property
    def first(self) -> Price:
        return self.steps[0]

    def amount(self, count: int, *, before: int = 0) -> Decimal:
        """What `count` messages cost after `before` others of the same month."""
        total, start = NOTHING, before + 1
        ends = [step.from_n for step in self.steps[1:]] + [before + count + 1]
        for step, end in zip(self.steps, ends, strict=True):
            part = min(end, before + count + 1) - max(start, step.from_n)
            total += step.price * max(0, part)
        return total


class PriceBook:
    """All prices that were given, found by phone, category, currency and day."""

    def __init__(self, prices: Iterable[Price]) -> None:
        dated: dict[tuple[str, str, str], dict[date, list[Price]]] = defaultdict(dict)
        for price in prices:
            key = (price.prefix, price.category, price.currency)
            dated[key].setdefault(price.valid_from, []).append(price)
        self._lists = {
            key: [
                PriceList(day, tuple(sorted(steps, key=lambda step: step.from_n)))
                for day, steps in sorted(by_day.items(), reverse=True)
            ]
            for key, by_day in dated.items()
        }
        self._by_id = {
            price.id: one for lists in self._lists.values() for one in lists for price in one.steps
        }
        # The longest first: an area may have its own price.
        lengths = {len(prefix) for prefix, _, _ in self._lists}
        self._lengths = sorted(lengths, reverse=True)

    def find(self, phone: str, category: str, currency: str, day: date) -> PriceList | None:
        """The list that applies to a phone (or its beginning) on a day; None: no price is known."""
        category = SAME_PRICE.get(category, category)
        for length in self._lengths:
            for one in self._lists.get((phone[:length], category, currency), ()):
                if one.valid_from <= day:
                    return one
        return None

    def list_of(self, price_id: int) -> PriceList | None:
        """The list that a price belongs to."""
        return self._by_id.get(price_id)

    def stepped(self) -> list[int]:
        """The ids of the first prices of the lists that depend on the volume."""
        lists = [one for lists in self._lists.values() for one in lists if len(one.steps) > 1]
        return [one.first.id for one in lists]

    @property
    def currencies(self) -> set[str]:
        return {currency for _, _, currency in self._lists}
