"""Meta's own sums of what an account's messages cost, by day, number and category."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from phonepool.json_values import as_constant, as_integer, as_object, as_text, objects_in

FIELD = "pricing_analytics"
REGULAR = "REGULAR"  # charged
DIMENSIONS = '["PRICING_CATEGORY","PRICING_TYPE","PHONE"]'
MOST = Decimal(10) ** 9


@dataclass(frozen=True, slots=True)
class PricedMessages:
    """One data point: the messages of one day, number, category and type."""

    start: int  # Unix seconds: midnight in the account's zone
    phone: str  # digits of our number
    category: str  # as statuses spell it: utility
    is_charged: bool
    volume: int
    cost: Decimal  # in the account's currency, without tax


def query(start: int, end: int) -> dict[str, str]:
    """The query of a read, for the days between two midnights."""
    asked = f".start({start}).end({end}).granularity(DAILY).dimensions({DIMENSIONS})"
    return {"fields": f"{FIELD}{asked}"}


def points(document: dict[str, Any]) -> list[PricedMessages]:
    """The data points in a response; those that cannot be read are left out."""
    told = as_object(document.get(FIELD))
    return [
        point
        for part in objects_in(told.get("data"))
        for item in objects_in(part.get("data_points"))
        for point in _point(item)
    ]


def _point(item: dict[str, Any]) -> Iterator[PricedMessages]:
    start, volume = as_integer(item.get("start"), high=2**40), as_integer(item.get("volume"))
    cost = _amount(item.get("cost"))
    if start is None or volume is None or cost is None:
        return
    yield PricedMessages(
        start,
        "".join(filter(str.isdigit, as_text(item.get("phone_number"), longest=40))),
        as_constant(item.get("pricing_category")).lower(),
        as_constant(item.get("pricing_type")) in (REGULAR, ""),
        volume,
        cost,
    )


def _amount(value: object) -> Decimal | None:
    """A price as JSON has it: a number, or one in quotes."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and 0 <= amount < MOST else None
