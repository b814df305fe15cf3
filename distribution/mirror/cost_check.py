"""Compares what we charged with what Meta says it charges, account by account, day by day.

Meta calls its own sums approximate, so a difference counts beyond 2%, and beyond five messages.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import Sum

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.cost import staff_messages
from distribution.cost.amounts import AmountSum
from distribution.cost.charging import Account, account_of
from distribution.cost.figures import exact
from distribution.cost.price_book import NOTHING
from distribution.ledger import outbox
from distribution.models import Charged, Cost, CostCheck
from phonepool.cloud_api.client import CloudApi
from phonepool.cloud_api.pricing import PricedMessages
from phonepool.exceptions import CloudApiError
from phonepool.models import PhoneNumber, Waba

log = logging.getLogger(__name__)

DAYS = 3  # complete days that are compared again: reports may be late
TOLERATED_PERCENT, TOLERATED_MESSAGES = 2, 5


class Key(NamedTuple):
    """What is compared: the charged messages of one number in one category."""

    number_id: int | None
    category: str


@dataclass(slots=True)
class Sums:
    messages: int = 0
    amount: Decimal = NOTHING


def differs(ours: int, metas: int) -> bool:
    """Whether two counts differ by more than Meta's own inexactness."""
    return 100 * abs(ours - metas) > max(
        100 * TOLERATED_MESSAGES, TOLERATED_PERCENT * max(ours, metas)
    )


def check(api: CloudApi, *, now: datetime) -> int:
    """Compare the last complete days of every account; how many days differ."""
    found = 0
    for waba in Waba.objects.exclude(numbers=None).order_by("pk"):
        account = account_of(waba.currency, waba.time_zone)
        today = now.astimezone(account.zone).date()
        first = today - timedelta(days=DAYS)
        try:
            told = api.pricing_analytics(
                waba.meta_id, _midnight(first, account), _midnight(today, account)
            )
        except CloudApiError as error:
            log.warning("the costs of account %s could not be read: %s", waba.meta_id, error)
            continue
        for ago in range(DAYS, 0, -1):
            day = today - timedelta(days=ago)
            found += _compare(waba, account, day, told, now)
    return found


def _compare(
    waba: Waba, account: Account, day: date, told: Iterable[PricedMessages], now: datetime
) -> bool:
    """Store both sums of a day; True if they differ. Days on which neither knows of a message
    leave no row."""
    ours, metas = _ours(waba, day), _metas(waba, account, day, told)
    rows = [
        CostCheck(
            waba=waba,
            day=day,
            number_id=key.number_id,
            category=key.category,
            currency=account.currency,
            our_messages=ours[key].messages if key in ours else 0,
            our_amount=ours[key].amount if key in ours else NOTHING,
            metas_messages=metas[key].messages if key in metas else 0,
            metas_amount=metas[key].amount if key in metas else NOTHING,
            at=now,
        )
        for key in sorted({*ours, *metas}, key=str)
    ]
    wrong = [row for row in rows if differs(row.our_messages, row.metas_messages)]
    with transaction.atomic():
        CostCheck.objects.filter(waba=waba, day=day).delete()
        CostCheck.objects.bulk_create(rows)
        _tell(waba, day, wrong, now)
    return bool(wrong)


def _tell(waba: Waba, day: date, wrong: list[CostCheck], now: datetime) -> None:
    key = f"{day} {waba.pk}"
    if not wrong:
        incidents.close_alert(AlertRule.COST_DIFFERS, key, now=now)
        return
    ours, metas = (sum(getattr(row, name) for row in wrong) for name in COUNTS)
    unpriced = _unpriced(waba, day)
    message = (
        f"{waba}: on {day:%-d %b %Y} we charged {ours:,} messages, Meta {metas:,}. "
        f"{unpriced:,} messages had no pricing from Meta."
    )
    incidents.raise_alert(AlertRule.COST_DIFFERS, key, message=message, now=now)
    told = {
        "account": waba.meta_id,
        "day": day,
        "currency": wrong[0].currency,
        "our_messages": ours,
        "metas_messages": metas,
        "our_amount": exact(sum((row.our_amount for row in wrong), NOTHING)),
        "metas_amount": exact(sum((row.metas_amount for row in wrong), NOTHING)),
        "unpriced": unpriced,
    }
    outbox.cost_differs(told, now=now)


COUNTS = ("our_messages", "metas_messages")


def _charges(waba: Waba, day: date) -> Mapping[str, object]:
    return {"number__waba": waba, "charged_on": day}


def _ours(waba: Waba, day: date) -> dict[Key, Sums]:
    """What Meta charges by its statuses, with or without a rate of ours; test messages to staff
    too."""
    rows = Cost.objects.filter(
        **_charges(waba, day), charged__in=[Charged.CHARGED, Charged.NO_RATE]
    ).order_by()
    sums = rows.values_list("number_id", "category").annotate(Sum("count"), AmountSum("amount"))
    found = {Key(number, category): Sums(count, amount) for number, category, count, amount in sums}
    for number, category, count, amount in staff_messages.charged(waba, day):
        both = found.setdefault(Key(number, category), Sums())
        both.messages += count
        both.amount += amount
    return found


def _unpriced(waba: Waba, day: date) -> int:
    rows = Cost.objects.filter(**_charges(waba, day), charged=Charged.UNPRICED)
    return rows.aggregate(count=Sum("count"))["count"] or 0


def _metas(
    waba: Waba, account: Account, day: date, told: Iterable[PricedMessages]
) -> dict[Key, Sums]:
    """The charged data points of a day, by our numbers; those of others have none."""
    numbers = {
        "".join(filter(str.isdigit, shown)): pk
        for pk, shown in PhoneNumber.objects.filter(waba=waba).values_list("pk", "display_number")
    }
    found: dict[Key, Sums] = defaultdict(Sums)
    for point in told:
        at = datetime.fromtimestamp(point.start, UTC).astimezone(account.zone)
        if point.is_charged and at.date() == day:
            sums = found[Key(numbers.get(point.phone), point.category)]
            sums.messages += point.volume
            sums.amount += point.cost
    return dict(found)


def _midnight(day: date, account: Account) -> int:
    return int(datetime.combine(day, time(), account.zone).timestamp())
