"""A distribution in the middle of its morning, written straight into the ledger, of any size."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from distribution.models import Attempt, Delivery, Distribution, DistributionState, Kind, State
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


def a_morning(people: int, *, now: datetime, seed: int = 1, **fields: Any) -> Distribution:
    """`people` deliveries, opened three minutes before `now`, in the states of MIX."""
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
    subscribers = _people(people, rng)
    kinds = rng.choices([kind for kind, _ in MIX], [weight for _, weight in MIX], k=people)
    rows = [
        _delivery(distribution, subscriber, no, kind, start, numbers, rng)
        for no, (subscriber, kind) in enumerate(zip(subscribers, kinds, strict=True))
    ]
    made = Delivery.objects.bulk_create(rows, batch_size=2000)
    _keep_attempts(made, kinds, now)
    return distribution


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
    kind: tuple[str, str, int, str],
    start: datetime,
    numbers: list[PhoneNumber],
    rng: random.Random,
) -> Delivery:
    state, reason, progress, _ = kind
    begun = state not in (State.PENDING, State.SKIPPED)
    at = start + timedelta(seconds=170 * no / max(distribution.recipients, 1) + rng.random())
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
