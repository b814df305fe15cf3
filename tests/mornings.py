"""A distribution in the middle of its morning, written straight into the ledger, of any size."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, models

from distribution.models import Attempt, Delivery, Distribution, DistributionState, Kind, State
from distribution.runtime import statistics
from phonepool.models import PhoneNumber
from subscribers.models import Subscriber
from tests.builders import a_number, an_approved_content, serial

# (state, reason, progress, attempt outcome), and how many of a thousand
MIX: list[tuple[tuple[str, str, int, str], int]] = [
    (("ACCEPTED", "", 3, ""), 300),
    (("ACCEPTED", "", 2, ""), 500),
    (("ACCEPTED", "", 1, ""), 60),
    (("FAILED", "undeliverable", 0, "REPORTED"), 20),
    (("FAILED", "service_unavailable", 0, "REJECTED"), 10),
    (("FAILED", "marketing_capped", 0, "REPORTED"), 10),
    (("UNCONFIRMED", "never_answered", 0, "UNKNOWN"), 5),
    (("UNKNOWN", "no_answer", 0, ""), 5),
    (("SKIPPED", "opted_out", 0, ""), 10),
    (("RETRY_WAIT", "throughput_exceeded", 0, "REJECTED"), 10),
    (("PENDING", "", 0, ""), 70),
]


BLOCK = 1000  # people made one by one; of more than two blocks the others are copies
TWIN = "'+' || CAST(CAST(substr(old.phone, 2) AS bigint) + 1000000 * n AS text)"  # phone of copy n


def a_morning(people: int, *, now: datetime, seed: int = 1, **fields: Any) -> Distribution:
    """`people` deliveries, opened three minutes before `now`, in the states of MIX.

    More than two thousand are whole thousands, all like the first.
    """
    made = people if people <= 2 * BLOCK else BLOCK
    assert people == made or people % made == 0
    rng = random.Random(seed)
    numbers = list(PhoneNumber.objects.all()) or [a_number() for _ in range(3)]
    start = now - timedelta(minutes=3)
    distribution = Distribution.objects.create(
        **{
            "kind": Kind.MANUAL,
            "local_date": now.astimezone().date(),
            "planned_at": start,
            "opened_at": start,
            "window_end": start + timedelta(seconds=settings.SENDING_WINDOW_SECONDS),
            "sla_deadline": start + timedelta(seconds=settings.SLA_WINDOW_SECONDS),
            "state": DistributionState.SENDING,
            "content": an_approved_content(day=None, is_fallback=True),
            "recipients": people,
            "batches": -(-people // 50),
            **fields,
        }
    )
    subscribers = _people(made, rng)
    kinds = rng.choices([kind for kind, _ in MIX], [weight for _, weight in MIX], k=made)
    rows = [
        _delivery(distribution, subscriber, no, made, kind, start, numbers, rng)
        for no, (subscriber, kind) in enumerate(zip(subscribers, kinds, strict=True))
    ]
    _keep_attempts(Delivery.objects.bulk_create(rows, batch_size=2000), kinds, now)
    if people > made:
        _copy(distribution, times=people // made - 1)
    return distribution


def _copy(distribution: Distribution, *, times: int) -> None:
    """So many more of the people, deliveries and attempts that are there: the database copies
    twenty thousand in a tenth of the time that Python takes to make them."""
    subscriber, delivery, attempt = (one._meta.db_table for one in (Subscriber, Delivery, Attempt))
    ours = f"FROM {delivery} AS old CROSS JOIN numbers"
    theirs = f"WHERE old.distribution_id = {distribution.pk}"
    _insert(
        Subscriber,
        {"phone": TWIN.replace("old", "owed")},
        f"{ours} JOIN {subscriber} AS owed ON owed.id = old.subscriber_id {theirs}",
        times,
        source="owed",
    )
    _insert(
        Delivery,
        {
            "phone": "new.phone",
            "subscriber_id": "new.id",
            "batch_no": f"old.batch_no + n * {BLOCK // 50}",
            "wamid": "old.wamid || '.' || CAST(n AS text)",
        },
        f"{ours} JOIN {subscriber} AS new ON new.phone = {TWIN} {theirs}",
        times,
    )
    statistics.refresh_after_filling(delivery, rows=times * BLOCK)
    id_of_attempt = "replace(kept.attempt_id, CAST(old.id AS text), CAST(new.id AS text))"
    _insert(
        Attempt,
        {"delivery_id": "new.id", "attempt_id": id_of_attempt},
        f"{ours} JOIN {attempt} AS kept ON kept.delivery_id = old.id"
        f" JOIN {delivery} AS new ON new.distribution_id = old.distribution_id"
        f" AND new.phone = {TWIN} {theirs}",
        times,
        source="kept",
    )


def _insert(
    model: type[models.Model],
    different: dict[str, str],
    rows: str,
    times: int,
    *,
    source: str = "old",
) -> None:
    """Rows of `source` in the model's table again, but for the columns that are `different`."""
    columns = [field.column for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(different.get(column, f'{source}."{column}"') for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE numbers (n) AS"  # noqa: S608 - names and numbers of our own
            f" (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {times})"
            f" INSERT INTO {model._meta.db_table} ({names}) SELECT {values} {rows}"
        )


def _people(count: int, rng: random.Random) -> list[Subscriber]:
    tiers = rng.choices(["PREMIUM", "PRO", "BASIC"], [1, 3, 6], k=count)
    rows = [
        Subscriber(phone=f"+9197{next(serial):08}", name=f"Adviser {no}", tier=tier)
        for no, tier in enumerate(tiers)
    ]
    return Subscriber.objects.bulk_create(rows, batch_size=2000)


def _delivery(
    distribution: Distribution,
    subscriber: Subscriber,
    no: int,
    made: int,
    kind: tuple[str, str, int, str],
    start: datetime,
    numbers: list[PhoneNumber],
    rng: random.Random,
) -> Delivery:
    state, reason, progress, _ = kind
    begun = state not in (State.PENDING, State.SKIPPED)
    at = start + timedelta(seconds=170 * no / max(made, 1) + rng.random())
    arrived = at + timedelta(seconds=rng.expovariate(0.4))
    accepted = state == State.ACCEPTED
    return Delivery(
        distribution=distribution,
        subscriber=subscriber,
        phone=subscriber.phone,
        tier=subscriber.tier,
        batch_no=no // 50,
        state=state,
        reason=reason,
        next_at=start,
        number=rng.choice(numbers) if begun else None,
        attempt_no=int(begun),
        claim_token=no + 1 if begun else None,
        inflight_at=at if begun else None,
        unknown_at=at if state == State.UNKNOWN else None,
        accepted_at=at if accepted else None,
        wamid=f"wamid.{distribution.pk}.{no}" if accepted else None,
        progress=progress,
        sent_at=at if progress else None,
        delivered_at=arrived if progress >= 2 else None,
        read_at=arrived if progress == 3 else None,
    )


def _keep_attempts(
    rows: list[Delivery], kinds: list[tuple[str, str, int, str]], now: datetime
) -> None:
    kept = [
        Attempt(
            delivery=row,
            attempt_id=f"daybreak:{row.pk}.1.{row.claim_token:x}",
            number_id=row.number_id,
            outcome=kind[3],
            reason=row.reason,
            ended_at=now,
        )
        for row, kind in zip(rows, kinds, strict=True)
        if kind[3]
    ]
    Attempt.objects.bulk_create(kept, batch_size=2000)
