"""A morning in a stack: people and content beforehand, then one distribution and its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from config.demo.preparation import POOL
from distribution.lifecycle import schedule
from distribution.models import Content, Delivery, Distribution, Kind
from distribution.models.deliveries import UNSETTLED
from phonepool.models import PhoneNumber, Portfolio, Role
from sandbox.templates.message_template import body_only
from subscribers.models import Subscriber
from tests import builders
from tests.faults.stack import TEMPLATE, VARIABLES, Stack
from webhooks.models import WebhookEvent

TIERS = ("PREMIUM", "PRO", "BASIC", "BASIC")
ENDED = ("COMPLETED", "CANCELLED", "MISSED")


def prepare(people: int, *, rates: Sequence[int]) -> Content:
    """Subscribers, the pool and an approved content in the database Django points at."""
    Subscriber.objects.bulk_create(
        Subscriber(phone=f"+9198{n:08}", name=f"Adviser {n}", tier=TIERS[n % len(TIERS)])
        for n in range(people)
    )
    portfolio = Portfolio.objects.create(business_id="900")
    for line, rate in zip(POOL, rates, strict=True):
        PhoneNumber.objects.create(
            meta_id=line.meta_id,
            label=line.label,
            display_number=line.display,
            portfolio=portfolio,
            role=line.role,
            rate_per_second=rate,
            state=home_state(line.role),
            quality="HIGH",
            verified_at=timezone.now(),
        )
    template = builders.a_template(
        name=TEMPLATE,
        language="en",
        category="UTILITY",
        # As the sandbox has it, so that the mirror changes nothing.
        components=body_only(str(VARIABLES)),
    )
    return builders.an_approved_content(message_template=template)


def home_state(role: str) -> str:
    return "STANDBY" if role == Role.BACKUP else "ACTIVE"


def refresh_numbers() -> None:
    """The pool as on the first day."""
    for number in PhoneNumber.objects.all():
        PhoneNumber.objects.filter(pk=number.pk).update(
            state=home_state(number.role),
            state_reason="",
            rest_until=None,
            quality="HIGH",
            cut_rate=None,
            cut_at=0.0,
            return_share=100,
            return_at=0.0,
            return_drops=0,
            failures=0,
            breaker="CLOSED",
            breaker_at=0.0,
            breaker_until=0.0,
            heard_at=0.0,
            faults=0,
            heard=0,
        )
    Portfolio.objects.update(breaker="CLOSED", breaker_reason="", paused_until=0.0)


class Morning:
    """One distribution to everybody in a stack."""

    def __init__(self, stack: Stack, content: Content, *, late: timedelta = timedelta(0)) -> None:
        self.stack = stack
        self.before = stack.cloud.accepted()
        self.distribution = schedule.plan_once(
            at=timezone.now() - late,
            content=content,
            kind=Kind.MANUAL,
            again_reason="Each test has a morning of its own.",
        )

    @property
    def pk(self) -> int:
        return self.distribution.pk

    def accepted(self) -> int:
        """Messages the sandbox accepted since this began."""
        return self.stack.cloud.accepted() - self.before

    def state(self) -> str:
        return asked(lambda: Distribution.objects.get(pk=self.pk).state, default="")

    def tally(self) -> dict[str, int]:
        return asked(
            lambda: Delivery.objects.filter(distribution=self.pk).count_by_state(), default={}
        )

    def unsettled(self) -> int:
        """Deliveries still owed or in doubt; -1 before the whole audience is frozen, or unknown.

        A slice can be settled long before the next one is frozen.
        """
        preparing = asked(lambda: Distribution.objects.get(pk=self.pk).preparing, default=True)
        tally = {} if preparing else self.tally()
        return sum(tally.get(state, 0) for state in UNSETTLED) if tally else -1

    def wait_accepted(self, number: int, seconds: float = 60.0) -> None:
        self.stack.wait(
            lambda: self.accepted() >= number, f"{number} accepted of {self.tally()}", seconds
        )

    def wait_at_rest(self, quiet: float = 2.0, seconds: float = 30.0) -> int:
        """Until nothing was accepted for `quiet` seconds; how many were by then."""
        seen, since = self.accepted(), time.monotonic()

        def rests() -> bool:
            nonlocal seen, since
            if (now := self.accepted()) != seen:
                seen, since = now, time.monotonic()
            return time.monotonic() - since >= quiet

        self.stack.wait(rests, f"nothing is accepted any more: {seen}", seconds)
        return seen

    def wait_settled(self, seconds: float = 90.0) -> float:
        """Until every delivery has its end; how many seconds that took."""
        return self.stack.wait(
            lambda: self.unsettled() == 0, f"every delivery has its end: {self.tally()}", seconds
        )

    def wait_ended(self, seconds: float = 90.0) -> float:
        """Until it is settled, closed, and then every webhook was posted and applied."""
        stack = self.stack
        took = self.wait_settled(seconds)
        took += stack.wait(lambda: self.state() in ENDED, f"it ends: {self.state()}", seconds)
        took += stack.wait(stack.cloud.webhooks_are_posted, "webhooks are posted", seconds)
        return took + stack.wait(inbox_is_empty, "the inbox is empty", seconds)


class House:
    """A stack whose people and content are prepared."""

    def __init__(self, stack: Stack, people: int) -> None:
        self.stack, self.people = stack, people
        self.content = prepare(people, rates=stack.rates)

    def open(self, **orders: str) -> Morning:
        """A new distribution to everybody, in a house that is well but for these failpoints."""
        self.stack.heal()
        for place, order in orders.items():
            self.stack.strike_at(place, order)
        return self.open_as_it_is()

    def open_as_it_is(self, *, late: timedelta = timedelta(0)) -> Morning:
        """The same in a house that is left as it is; planned for `late` ago."""
        refresh_numbers()
        return Morning(self.stack, self.content, late=late)


def inbox_is_empty() -> bool:
    return asked(lambda: not WebhookEvent.objects.pending().exists(), default=False)


Answer = TypeVar("Answer")


def asked(question: Callable[[], Answer], *, default: Answer) -> Answer:
    """The database's answer, or the default while it is away."""
    with suppress(OperationalError, InterfaceError):
        return question()
    with suppress(OperationalError, InterfaceError):
        connection.close()
    return default
