"""How the house stands, part by part: what works, what does not, and what that means.

Everything is asked in threads that are waited for a limited time, so that a frozen broker or
database delays the answer by a second and never holds it up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.monitoring.probes import PROBES, REQUIRED, Probe
from distribution.models import Heartbeat, Worker
from distribution.models.heartbeats import BEAT, KEEPER, TICK, is_silent
from phonepool.models import Breaker, PhoneNumber, Portfolio, Role
from webhooks.models import WebhookEvent

OK, DEGRADED, DOWN, UNKNOWN = "ok", "degraded", "down", "unknown"
LAG_SECONDS = 60.0
META_SECONDS = 300.0  # asked once a minute
NOT_TOLD = "The database does not say at the moment."


class Check(NamedTuple):
    """One part of the house; `told` is a sentence that says what to do about it."""

    name: str
    status: str
    told: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database knows, read at one moment."""

    at: datetime
    hearts: Mapping[str, datetime]
    workers: Sequence[Worker]
    numbers: Sequence[PhoneNumber]
    stopped: Sequence[str]  # portfolios through which no calls go, with the reason
    inbox_since: datetime | None  # when the oldest that waits was received
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Report:
    """Whether this process should be asked, and how every part stands."""

    ready: bool
    checks: list[Check]

    @property
    def status(self) -> str:
        if not self.ready:
            return DOWN
        well = all(check.status in (OK, UNKNOWN) for check in self.checks)
        return OK if well else DEGRADED


def look() -> Facts:
    """Some small tables, on a connection of this thread's own."""
    now = timezone.now()
    try:
        pending = WebhookEvent.objects.pending().order_by("pk")
        broken = Portfolio.objects.exclude(breaker=Breaker.CLOSED)
        return Facts(
            at=now,
            hearts=dict(Heartbeat.objects.values_list("name", "at")),
            workers=list(Worker.objects.live(now)),
            numbers=list(PhoneNumber.objects.all()),
            stopped=[f"{one} ({one.breaker_reason or one.breaker})" for one in broken],
            inbox_since=pending.values_list("received_at", flat=True).first(),
            dead_letters=WebhookEvent.objects.dead().count(),
        )
    finally:
        connection.close()


FACTS = Probe(look)


def examine() -> Report:
    """Ask everybody; three seconds at the very most."""
    answers = {name: PROBES[name].succeeds() for name in REQUIRED}
    facts = FACTS.result() if answers["database"] else None
    return Report(all(answers.values()), [*_needed(answers), *judge(facts)])


def judge(facts: Facts | None) -> list[Check]:
    """Every part but database and broker, by what the database told."""
    if facts is None:
        return [Check(name, UNKNOWN, NOT_TOLD) for name in JUDGES]
    return [Check(name, *judged(facts)) for name, judged in JUDGES.items()]


def _needed(answers: Mapping[str, bool]) -> list[Check]:
    silent = "It does not answer within a second: this machine is not ready."
    return [
        Check(name, OK if well else DOWN, "It answers." if well else silent)
        for name, well in answers.items()
    ]


def _workers(facts: Facts) -> tuple[str, str]:
    served = {queue for worker in facts.workers for queue in worker.queues}
    alone = [queue for queue in settings.QUEUE_CONCURRENCY if queue not in served]
    if alone:
        return DOWN, f"Nobody works on {', '.join(alone)}: start workers. The keeper stands in."
    return OK, f"{len(facts.workers)} workers serve every queue."


def _beat(facts: Facts) -> tuple[str, str]:
    if is_silent(facts.hearts.get(BEAT), facts.at):
        return DOWN, "Beat is silent: start it. The keeper opens what it misses."
    return OK, "It ticks."


def _tick(facts: Facts) -> tuple[str, str]:
    seconds = max(settings.KEEPER_STALE_SECONDS, 3 * settings.TICK_SECONDS)
    if is_silent(facts.hearts.get(TICK), facts.at, seconds):
        return DOWN, "The regular check is not made by Celery: look after broker, beat, workers."
    return OK, "The regular check is made."


def _keeper(facts: Facts) -> tuple[str, str]:
    if is_silent(facts.hearts.get(KEEPER), facts.at):
        return DOWN, "The keeper is silent: without it nothing stands in for Celery. Start it."
    return OK, "It keeps watch."


def _cloud_api(facts: Facts) -> tuple[str, str]:
    if facts.stopped:
        return DOWN, f"Calls are stopped by faults: {', '.join(facts.stopped)}."
    heard = max((one.seen_at for one in facts.numbers if one.seen_at), default=None)
    if heard is None:
        return UNKNOWN, "It was never asked: no phone number has been synchronised yet."
    if is_silent(heard, facts.at, META_SECONDS):
        minutes = abs(facts.at - heard) // timedelta(minutes=1)
        return DEGRADED, f"It has told nothing for {minutes} minutes: see the worker's log."
    return OK, "It answers."


def _numbers(facts: Facts) -> tuple[str, str]:
    carrying = [one for one in facts.numbers if one.is_usable and one.breaker == Breaker.CLOSED]
    if not carrying:
        return DOWN, "No phone number can send: look at the pool."
    primaries = sum(one.role == Role.PRIMARY for one in facts.numbers)
    told = f"{len(carrying)} of {len(facts.numbers)} phone numbers can send."
    lost = primaries - sum(one.role == Role.PRIMARY for one in carrying)
    return (DEGRADED, f"{told} {lost} of the primaries cannot.") if lost else (OK, told)


def _inbox(facts: Facts) -> tuple[str, str]:
    lag = (facts.at - facts.inbox_since).total_seconds() if facts.inbox_since else 0.0
    if lag > LAG_SECONDS:
        return DEGRADED, f"Webhooks wait for {lag:.0f} s: look after the worker of webhooks."
    if facts.dead_letters:
        return DEGRADED, f"{facts.dead_letters} webhooks were given up on: see them in the admin."
    return OK, f"Webhooks are applied, {lag:.0f} s behind."


JUDGES: dict[str, Callable[[Facts], tuple[str, str]]] = {
    "workers": _workers,
    "beat": _beat,
    "tick": _tick,
    "keeper": _keeper,
    "cloud_api": _cloud_api,
    "numbers": _numbers,
    "inbox": _inbox,
}
