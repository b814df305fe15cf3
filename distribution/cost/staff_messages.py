"""What test messages to staff cost: of contents, of the set-up, of preflights.

They have no delivery, so each is charged by a row of its own, a few a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Protocol

from django.db.models import Count, QuerySet

from distribution.cost import rates
from distribution.cost.amounts import AmountSum
from distribution.cost.charging import Account, Block, account_of, accounts, is_charged
from distribution.cost.figures import Spent
from distribution.cost.price_book import NOTHING, PriceBook
from distribution.models import Charged, StaffCharge
from phonepool.models import Waba

DELIVERED = ("delivered", "read")


class Report(Protocol):
    """What is read of a status report."""

    @property
    def wamid(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def pricing(self) -> Block | None: ...
    @property
    def wa_id(self) -> str: ...


def note_reports(reports: Sequence[tuple[Report, int | None]]) -> None:
    """Charge the messages that were delivered, once each; with the number that sent each.

    `read` comes after `delivered` with the same price: what is known of a message stays.
    """
    delivered = [one for one in reports if one[0].status in DELIVERED and one[0].wamid]
    if not delivered:
        return
    book, known = rates.book(), accounts()
    rows = [
        _row(report, number, known.get(number or 0) or account_of("", ""), book)
        for report, number in delivered
    ]
    StaffCharge.objects.bulk_create(rows, ignore_conflicts=True)


def _row(report: Report, number: int | None, account: Account, book: PriceBook) -> StaffCharge:
    day, block = report.at.astimezone(account.zone).date(), report.pricing
    row = StaffCharge(
        digest=hashlib.sha256(report.wamid.encode()).hexdigest(),
        charged_on=day,
        number_id=number,
        category=block.category if block else "",
        charged=Charged.UNPRICED if block is None else Charged.FREE,
        currency="",
        amount=NOTHING,
    )
    if block is None or not is_charged(block):
        return row
    prices = book.find(f"+{report.wa_id}", block.category, account.currency, day)
    row.charged = Charged.NO_RATE if prices is None else Charged.CHARGED
    if prices is not None:
        row.currency, row.amount = prices.first.currency, prices.amount(1)
    return row


def between(start: date, end: date) -> Spent:
    """What they cost on these days, the last one included."""
    spent = Spent()
    for charged, currency, count, amount in _sums(
        StaffCharge.objects.filter(charged_on__range=(start, end)), "charged", "currency"
    ):
        spent.add(charged, currency, count, amount)
    return spent


def charged(waba: Waba, day: date) -> Iterable[tuple[int | None, str, int, Decimal]]:
    """What Meta charges of an account's day: number, category, messages, amount."""
    rows = StaffCharge.objects.filter(
        number__waba=waba, charged_on=day, charged__in=[Charged.CHARGED, Charged.NO_RATE]
    )
    found: Iterable[tuple[int | None, str, int, Decimal]] = _sums(rows, "number_id", "category")
    return found


def _sums(rows: QuerySet[StaffCharge], *columns: str) -> Any:
    return rows.order_by().values_list(*columns).annotate(Count("pk"), AmountSum("amount"))
