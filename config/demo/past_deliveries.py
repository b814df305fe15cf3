"""The deliveries of a past morning, each with its call and its reports, inserted in bulk.

By plain rows: through the models, 20 mornings of 2,000 people take ten times as long.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection

from distribution.cost import charging, rates
from distribution.cost.charging import REGULAR
from distribution.lifecycle import batch_sizes
from distribution.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    Distribution,
    Pricing,
    Progress,
    State,
)
from phonepool.models import PhoneNumber
from phonepool.numbers import utilisation
from subscribers.models import Subscriber


@dataclass(frozen=True)
class Day:
    """What share of a morning's messages failed at the call, and arrived too late."""

    failed: float = 0.001
    late: float = 0.004


class Failure(NamedTuple):
    reason: str
    code: int
    http_status: int | None  # None: accepted first, and reported as failed by a webhook
    details: str


SERVICE_DOWN = Failure("service_unavailable", 131000, 500, "Something went wrong.")
NOT_ON_WHATSAPP = Failure("undeliverable", 131026, None, "Message undeliverable.")
CURRENCY = charging.DEFAULT_CURRENCY
MANY = 0.01  # a share of failures above this is Meta's fault


@dataclass
class Row:
    """The columns of a delivery that differ from their defaults, by their names."""

    distribution_id: int
    subscriber_id: int
    phone: str
    tier: str
    language: str
    batch_no: int
    number_id: int
    claim_token: int
    next_at: datetime
    inflight_at: datetime
    state: str = State.ACCEPTED
    reason: str = ""
    attempt_no: int = 1
    tries_charged: int = 1
    progress: int = Progress.NONE
    wamid: str | None = None
    accepted_at: datetime | None = None
    sent_at: datetime | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    failed_at: datetime | None = None
    failed_code: int | None = None
    pricing_id: int | None = None
    rate_id: int | None = None


COLUMNS = [field.name for field in fields(Row)]


def insert(
    distribution: Distribution,
    people: Sequence[Subscriber],
    numbers: Sequence[PhoneNumber],
    day: Day,
    rng: random.Random,
) -> None:
    """Insert one delivery for each of `people`, and an attempt for each failure."""
    size = batch_sizes.of_numbers(numbers)
    rate = sum(utilisation.slots_per_second(number.rate_per_second) for number in numbers)
    category = distribution.content.message_template.category if distribution.content else ""
    pricing, prices = _pricing(category.lower()), rates.book()
    rows = []
    for place, person in enumerate(people):
        at = distribution.planned_at + timedelta(seconds=0.3 + place / rate)
        row = Row(
            distribution_id=distribution.pk,
            subscriber_id=person.pk,
            phone=person.phone,
            tier=person.tier,
            language=person.language,
            batch_no=place // size,
            number_id=numbers[place % len(numbers)].pk,
            claim_token=place + 1,
            next_at=at,
            inflight_at=at,
        )
        _settle(row, at + timedelta(milliseconds=rng.randint(90, 400)), day, rng)
        if row.progress >= Progress.DELIVERED:
            found = prices.find(row.phone, pricing.category, CURRENCY, distribution.local_date)
            row.pricing_id, row.rate_id = pricing.pk, found.first.id if found else None
        rows.append(row)
    _insert(rows)
    failed = Delivery.objects.filter(distribution=distribution, state=State.FAILED).order_by("pk")
    Attempt.objects.bulk_create(_attempts(failed))


def _pricing(category: str) -> Pricing:
    """What each report of these mornings says of the price."""
    found, _ = Pricing.objects.get_or_create(
        progress=Progress.DELIVERED, category=category, type=REGULAR, model="PMP", billable=True
    )
    return found


def _settle(row: Row, answered: datetime, day: Day, rng: random.Random) -> None:
    if rng.random() < day.failed:
        failure = SERVICE_DOWN if day.failed > MANY else NOT_ON_WHATSAPP
        row.state, row.reason, row.failed_code = State.FAILED, failure.reason, failure.code
        row.failed_at = answered if failure.http_status is None else None
        return
    row.accepted_at = answered
    row.wamid = f"wamid.past.{row.distribution_id}.{row.claim_token}"
    row.sent_at = answered + timedelta(milliseconds=rng.randint(100, 700))
    late = rng.random() < day.late
    wait = rng.uniform(600, 7200) if late else rng.expovariate(0.25)
    row.delivered_at = row.sent_at + timedelta(seconds=wait)
    row.progress = Progress.DELIVERED
    if rng.random() < 0.62:  # about six in ten are read
        row.read_at = row.delivered_at + timedelta(seconds=rng.expovariate(1 / 2400))
        row.progress = Progress.READ


def _insert(rows: Sequence[Row]) -> None:
    names, places = ", ".join(COLUMNS), ", ".join(["%s"] * len(COLUMNS))
    sql = f"INSERT INTO distribution_delivery ({names}) VALUES ({places})"  # noqa: S608 - our names
    adapt = connection.ops.adapt_datetimefield_value
    values = (
        [
            adapt(value) if isinstance(value, datetime) else value
            for value in (getattr(row, name) for name in COLUMNS)
        ]
        for row in rows
    )
    with connection.cursor() as cursor:
        cursor.executemany(sql, list(values))


def _attempts(failed: Iterable[Delivery]) -> Iterator[Attempt]:
    for row in failed:
        failure = SERVICE_DOWN if row.reason == SERVICE_DOWN.reason else NOT_ON_WHATSAPP
        refused = failure.http_status is not None
        yield Attempt(
            delivery=row,
            attempt_id=f"daybreak:{row.pk}.1.{row.claim_token:x}",
            number_id=row.number_id,
            outcome=AttemptOutcome.REJECTED if refused else AttemptOutcome.REPORTED,
            reason=failure.reason,
            code=failure.code,
            http_status=failure.http_status,
            details=failure.details,
            started_at=row.inflight_at,
            ended_at=row.failed_at or row.next_at,
        )
