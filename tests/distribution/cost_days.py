"""Mornings whose messages are with WhatsApp, quickly made, and what the sandbox bills for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Content, Delivery, Distribution, DistributionState, Kind, State
from phonepool.models import PhoneNumber
from sandbox.behaviour.outcomes import MessageOutcome
from sandbox.formats.identifiers import new_wamid
from sandbox.webhooks.billing import bill
from sandbox.webhooks.payloads import body_of, status_update
from sandbox.webhooks.timeline import Message, choose_outcome, steps_for
from sandbox.world.clock import Clock
from sandbox.world.options import Options
from sandbox.world.world import World
from subscribers.models import Subscriber

SIX = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)  # 06:00 in India
TOKEN = 7


class SetClock(Clock):
    """A clock that a test sets."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> float:
        return self.at.timestamp()


def a_world(at: datetime, *, numbers: Sequence[PhoneNumber], **overrides: object) -> World:
    """The sandbox's state with our accounts and numbers, without its server."""
    wabas = list(dict.fromkeys(number.waba.meta_id for number in numbers if number.waba))
    options = Options(
        "realistic",
        7,
        overrides,
        "token",
        "secret",
        "verify",
        wabas[0],
        "",
        "",
        wabas[1:],
        [
            f"{number.meta_id}:+9198000{place:05}:80@{number.waba.meta_id}"
            for place, number in enumerate(numbers)
            if number.waba
        ],
    )
    return World(options, SetClock(at))


def a_morning(
    people: Sequence[Subscriber],
    numbers: Sequence[PhoneNumber],
    *,
    at: datetime,
    content: Content | None = None,
) -> Distribution:
    """A distribution whose messages are all in flight, dealt out to the numbers."""
    distribution = Distribution.objects.create(
        kind=Kind.MANUAL,
        local_date=(at + timedelta(hours=5, minutes=30)).date(),
        planned_at=at,
        opened_at=at,
        window_end=at + timedelta(hours=4),
        state=DistributionState.SENDING,
        content=content,
        recipients=len(people),
    )
    Delivery.objects.bulk_create(
        Delivery(
            distribution=distribution,
            subscriber=person,
            phone=person.phone,
            tier=person.tier,
            batch_no=0,
            state=State.INFLIGHT,
            next_at=at,
            claim_token=TOKEN,
            lease_until=at + timedelta(minutes=1),
            attempt_no=1,
            inflight_at=at,
            number=numbers[place % len(numbers)],
        )
        for place, person in enumerate(people)
    )
    return distribution


def attempt_of(delivery: Delivery) -> AttemptKey:
    return AttemptKey(delivery.pk, 1, TOKEN)


def statuses_of(
    world: World, distribution: Distribution, *, category: str, at: datetime
) -> tuple[list[bytes], datetime]:
    """The bodies of the webhooks that Meta posts, and when the last status happened."""
    updates: list[Any] = []
    for row in distribution.deliveries.select_related("number").order_by("pk"):
        number = world.numbers[row.number.meta_id]
        digits = row.phone.removeprefix("+")
        message = Message(
            new_wamid(digits),
            number,
            digits,
            digits,
            str(attempt_of(row)),
            category,
            at.timestamp(),
        )
        message.template = None
        world.person(digits).writes_until = at.timestamp() + 1e6
        outcome: MessageOutcome = choose_outcome(world, message, at.timestamp())
        steps = bill(world, message, steps_for(world, message, outcome))
        updates += [
            status_update(world, message, step)
            for step in steps
            if step.status in ("sent", "delivered", "read", "failed")
        ]
    world.random.shuffle(updates)
    bodies = [body_of(updates[start : start + 40]) for start in range(0, len(updates), 40)]
    last = max(update.happened_at for update in updates)
    return bodies, datetime.fromtimestamp(last, UTC)


def end(distribution: Distribution, at: datetime) -> None:
    """It has ended, and is counted next."""
    Distribution.objects.filter(pk=distribution.pk).update(
        state=DistributionState.COMPLETED, completed_at=at
    )
    distribution.refresh_from_db()
