"""The charge of a message: decided with the status that brings its price, in one transaction.

Meta charges a message once it is delivered, at the price of that day in the account's time zone and
of the category that the `pricing` block names. A delivery keeps which price applied, so a repeated
status charges nothing again, and a price that is corrected later corrects every sum.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from django.conf import settings

from distribution.cost import rates
from distribution.cost.price_book import PriceBook
from distribution.models import Progress
from phonepool.models import PhoneNumber

REGULAR = "regular"
DEFAULT_CURRENCY = "INR"  # of accounts that Meta has not told of yet


class Block(Protocol):
    """The `pricing` of a status."""

    @property
    def category(self) -> str: ...

    @property
    def type(self) -> str: ...

    @property
    def billable(self) -> bool | None: ...


class Blocks(Protocol):
    """The stored ones."""

    def block(self, pk: int) -> Block | None: ...

    def categories(self) -> Collection[str]: ...


class Account(NamedTuple):
    """What decides about prices beside the message."""

    currency: str
    zone: ZoneInfo


class Chargeable(Protocol):
    """The columns of a delivery that decide about its charge."""

    progress: int
    pricing_id: int | None
    delivered_at: datetime | None
    rate_id: int | None


def is_charged(block: Block) -> bool:
    """Whether Meta charges a delivered message with this block."""
    return block.billable is not False and block.type in (REGULAR, "")


def account_of(currency: str, time_zone: str) -> Account:
    """What is assumed where Meta has told nothing yet: rupees, and the zone of the settings."""
    return Account(currency or DEFAULT_CURRENCY, ZoneInfo(time_zone or settings.TIME_ZONE))


def accounts() -> Mapping[int, Account]:
    """Of each phone number."""
    rows = PhoneNumber.objects.order_by().values_list("pk", "waba__currency", "waba__time_zone")
    return {pk: account_of(currency or "", zone or "") for pk, currency, zone in rows}


class Charging:
    """Finds the prices of a bundle's messages; reads nothing before the first that has one."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks

    def rate_of(
        self, phone: str, number_id: int | None, before: Chargeable, after: Chargeable
    ) -> int | None:
        """The id of the price that applies after a report; that of before if nothing changed."""
        if after.pricing_id is None or after.progress < Progress.DELIVERED:
            return None
        same = (after.pricing_id, after.delivered_at) == (before.pricing_id, before.delivered_at)
        if (same and before.rate_id is not None) or after.delivered_at is None:
            return before.rate_id
        block = self._blocks.block(after.pricing_id)
        if block is None or not is_charged(block):
            return None
        account = self._accounts.get(number_id or 0) or account_of("", "")
        day = after.delivered_at.astimezone(account.zone).date()
        found = self._book.find(phone, block.category, account.currency, day)
        return found.first.id if found else None

    @cached_property
    def _accounts(self) -> Mapping[int, Account]:
        return accounts()

    @cached_property
    def _book(self) -> PriceBook:
        return rates.book(self._blocks.categories())
