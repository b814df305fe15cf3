"""The health report: the status of every part of the system and what to do about it.

Database and broker are probed in threads with a time limit, so that a frozen one delays the
report by a second and never blocks it.
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
WEBHOOK_LAG_LIMIT_SECONDS = 60.0
META_SILENCE_LIMIT_SECONDS = 300.0  # asked once a minute
NO_FACTS = "Unknown while the database does not answer."


TITLES = {
    "database": "Database",
    "broker": "Broker",
    "workers": "Workers",
    "beat": "Beat",
    "tick": "Regular check",
    "keeper": "Keeper",
    "cloud_api": "WhatsApp Cloud API",
    "numbers": "Phone numbers",
    "inbox": "Webhook inbox",
}
WORDS = {OK: "OK", DEGRADED: "Degraded", DOWN: "Down", UNKNOWN: "Unknown"}


class Check(NamedTuple):
    """The status of one part; `message` says in a sentence what it means and what to do."""

    name: str
    status: str
    message: str

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES[self.name]

    @property
    def words(self) -> str:
        """Its status for people."""
        return WORDS[self.status]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the database holds about the other parts, read at one moment."""

    at: datetime
    heartbeats: Mapping[str, datetime]
    workers: Sequence[Worker]
    numbers: Sequence[PhoneNumber]
    stopped: Sequence[str]  # portfolios whose breaker lets no calls through, with the reason
    inbox_since: datetime | None  # when the oldest pending webhook was received
    dead_letters: int


@dataclass(frozen=True, slots=True)
class Report:
    """Whether this process can serve requests, and the status of every part."""

    ready: bool
    checks: list[Check]

    @property
    def status(self) -> str:
        if not self.ready:
            return DOWN
        healthy = all(check.status in (OK, UNKNOWN) for check in self.checks)
        return OK if healthy else DEGRADED


def read_facts() -> Facts:
    """Reads a few small tables on this thread's connection."""
    now = timezone.now()
    try:
        pending = WebhookEvent.objects.pending().order_by("pk")
        broken = Portfolio.objects.exclude(breaker=Breaker.CLOSED)
        return Facts(
            at=now,
            heartbeats=dict(Heartbeat.objects.values_list("name", "at")),
            workers=list(Worker.objects.live(now)),
            numbers=list(PhoneNumber.objects.all()),
            stopped=[
                f"{portfolio} ({portfolio.breaker_reason or portfolio.breaker})"
                for portfolio in broken
            ],
            inbox_since=pending.values_list("received_at", flat=True).first(),
            dead_letters=WebhookEvent.objects.dead().count(),
        )
    finally:
        connection.close()


FACTS_PROBE = Probe(read_facts)


def report() -> Report:
    """The status of every part, in at most three seconds."""
    probed = {name: PROBES[name].succeeds() for name in REQUIRED}
    facts = FACTS_PROBE.result() if probed["database"] else None
    return Report(all(probed.values()), [*_required_checks(probed), *_other_checks(facts)])


def _required_checks(probed: Mapping[str, bool]) -> list[Check]:
    silent = "No answer within 1 second. This machine is not ready."
    return [
        Check(name, OK if answers else DOWN, "OK" if answers else silent)
        for name, answers in probed.items()
    ]


def _other_checks(facts: Facts | None) -> list[Check]:
    """Every part but database and broker; unknown while the database cannot be read."""
    if facts is None:
        return [Check(name, UNKNOWN, NO_FACTS) for name in CHECKS]
    return [Check(name, *check(facts)) for name, check in CHECKS.items()]


def _workers(facts: Facts) -> tuple[str, str]:
    served = {queue for worker in facts.workers for queue in worker.queues}
    unserved = [queue for queue in settings.QUEUE_CONCURRENCY if queue not in served]
    if unserved:
        idle = f"No worker serves {', '.join(unserved)}."
        return DOWN, f"{idle} Start the workers; the keeper sends meanwhile."
    return OK, f"{len(facts.workers)} workers serve all queues."


def _beat(facts: Facts) -> tuple[str, str]:
    if is_silent(facts.heartbeats.get(BEAT), facts.at):
        return DOWN, "Beat is not running. Start it; the keeper starts distributions meanwhile."
    return OK, "OK"


def _tick(facts: Facts) -> tuple[str, str]:
    seconds = max(settings.KEEPER_STALE_SECONDS, 3 * settings.TICK_SECONDS)
    if is_silent(facts.heartbeats.get(TICK), facts.at, seconds):
        return DOWN, "Celery is not running the regular check. Check broker, beat and workers."
    return OK, "OK"


def _keeper(facts: Facts) -> tuple[str, str]:
    if is_silent(facts.heartbeats.get(KEEPER), facts.at):
        return DOWN, "The keeper is not running, so nothing takes over if Celery fails. Start it."
    return OK, "OK"


def _cloud_api(facts: Facts) -> tuple[str, str]:
    if facts.stopped:
        return DOWN, f"Calls are stopped after failures: {', '.join(facts.stopped)}."
    synced_at = max((number.seen_at for number in facts.numbers if number.seen_at), default=None)
    if synced_at is None:
        return UNKNOWN, "Not checked yet: no phone number has been synced with Meta."
    if is_silent(synced_at, facts.at, META_SILENCE_LIMIT_SECONDS):
        minutes = abs(facts.at - synced_at) // timedelta(minutes=1)
        return DEGRADED, f"No answer from Meta for {minutes} minutes. See the worker's log."
    return OK, "OK"


def _numbers(facts: Facts) -> tuple[str, str]:
    able = [
        number for number in facts.numbers if number.is_usable and number.breaker == Breaker.CLOSED
    ]
    if not able:
        return DOWN, "No phone number can send. See Phone numbers."
    primaries = sum(number.role == Role.PRIMARY for number in facts.numbers)
    message = f"{len(able)} of {len(facts.numbers)} phone numbers can send."
    lost = primaries - sum(number.role == Role.PRIMARY for number in able)
    if lost:
        return DEGRADED, f"{message} {lost} of {primaries} primaries cannot."
    return OK, message


def _inbox(facts: Facts) -> tuple[str, str]:
    lag = (facts.at - facts.inbox_since).total_seconds() if facts.inbox_since else 0.0
    if lag > WEBHOOK_LAG_LIMIT_SECONDS:
        return DEGRADED, f"Webhooks have been waiting for {lag:.0f} s. Check the webhooks worker."
    if facts.dead_letters:
        return DEGRADED, f"{facts.dead_letters} webhooks could not be applied. See Webhook inbox."
    return OK, f"Webhooks are applied within {lag:.0f} s."


CHECKS: dict[str, Callable[[Facts], tuple[str, str]]] = {
    "workers": _workers,
    "beat": _beat,
    "tick": _tick,
    "keeper": _keeper,
    "cloud_api": _cloud_api,
    "numbers": _numbers,
    "inbox": _inbox,
}
