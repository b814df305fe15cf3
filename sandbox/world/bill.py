"""What Meta bills: each delivered message, by account, day, number and category.

A message counts on the day of its delivery in the account's time zone, at that day's price, and
with steps by the volume of the portfolio's month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sandbox.world.accounts import Waba

TIME_ZONES = {"1": "America/Los_Angeles", "7": "America/New_York", "71": "Asia/Kolkata"}
MINUTE_S = 60


class Price(NamedTuple):
    """A price from a day on, from the message `from_n` of a month on."""

    valid_from: date
    from_n: int
    price: Decimal


def _since(price: str, day: str = "2025-07-01") -> Price:
    return Price(date.fromisoformat(day), 1, Decimal(price))


class Minute(NamedTuple):
    """Where a message is counted. Nothing is billed before it is delivered: hence the minute."""

    waba: str
    minute: int
    number: str
    category: str


@dataclass(slots=True)
class Line:
    """A sum of the bill."""

    waba: str
    day: date
    number: str
    category: str
    volume: int = 0
    unpriced: int = 0  # of them: no status told a price
    cost: Decimal = Decimal(0)


def _prices() -> dict[str, list[Price]]:
    return {
        "UTILITY": [_since("0.115")],
        "MARKETING": [_since("0.7846"), _since("0.8631", "2026-01-01")],
        "AUTHENTICATION": [_since("0.115")],
        "SERVICE": [_since("0.115", "2026-10-01")],
    }


@dataclass(slots=True)
class Bill:
    """All that was delivered, and the prices."""

    prices: dict[str, list[Price]] = field(default_factory=_prices)
    _delivered: Counter[Minute] = field(default_factory=Counter)
    _unpriced: Counter[Minute] = field(default_factory=Counter)

    def charge(
        self, waba: Waba, number: str, category: str, delivered_at: float, *, priced: bool
    ) -> None:
        """Note one message; it is billed once that moment has come."""
        minute = Minute(waba.id, int(delivered_at // MINUTE_S), number, category)
        self._delivered[minute] += 1
        if not priced:
            self._unpriced[minute] += 1

    def lines(self, wabas: Mapping[str, Waba], now: float) -> list[Line]:
        """The sums up to now, in the order of the days."""
        found: dict[tuple[str, date, str, str], Line] = {}
        month: Counter[tuple[str, str, int, int]] = Counter()
        for minute in sorted(self._delivered, key=lambda one: one.minute):
            waba = wabas.get(minute.waba)
            if waba is None or minute.minute * MINUTE_S > now:
                continue
            day = day_of(waba, minute.minute * MINUTE_S)
            key = (minute.waba, day, minute.number, minute.category)
            line = found.setdefault(key, Line(*key))
            volume, of_month = (
                self._delivered[minute],
                (
                    waba.portfolio.id,
                    minute.category,
                    day.year,
                    day.month,
                ),
            )
            line.volume += volume
            line.unpriced += self._unpriced[minute]
            line.cost += self._cost(minute.category, day, month[of_month], volume)
            month[of_month] += volume
        return list(found.values())

    def _cost(self, category: str, day: date, before: int, volume: int) -> Decimal:
        steps = _steps_on(self.prices.get(category, ()), day)
        total = Decimal(0)
        for step, following in zip(steps, [*steps[1:], None], strict=True):
            end = following.from_n if following else before + volume + 1
            part = min(end, before + volume + 1) - max(step.from_n, before + 1)
            total += step.price * max(0, part)
        return total


def _steps_on(prices: Iterable[Price], day: date) -> list[Price]:
    known = [price for price in prices if price.valid_from <= day]
    latest = max((price.valid_from for price in known), default=day)
    return sorted(price for price in known if price.valid_from == latest)


def zone_of(waba: Waba) -> ZoneInfo:
    """The account's time zone."""
    return ZoneInfo(TIME_ZONES.get(waba.timezone_id, "UTC"))


def day_of(waba: Waba, moment: float) -> date:
    """The account's day of a moment, in Unix seconds."""
    return datetime.fromtimestamp(moment, UTC).astimezone(zone_of(waba)).date()
