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
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from config.monitoring import probes
from config.monitoring.probes import REQUIRED
from distribution.ledger.report_lag import ReportLag
from distribution.models import Heartbeat, Worker
from distribution.models.heartbeats import BEAT, KEEPER, TICK, is_silent
from distribution.runtime.probe import Probe
from phonepool.models import Breaker, PhoneNumber, Portfolio, Role
from webhooks.models import WebhookEvent

OK, DEGRADED, DOWN, UNKNOWN = "ok", "degraded", "down", "unknown"
WEBHOOK_LAG_LIMIT_SECONDS = 60.0
META_SILENCE_LIMIT_SECONDS = 300.0  # asked once a minute
NO_FACTS = gettext_lazy("Unknown while the database does not answer.")

TITLES = {
    "database": gettext_lazy("Database"),
    "broker": gettext_lazy("Broker"),
    "workers": gettext_lazy("Workers"),
    "beat": gettext_lazy("Beat"),
    "tick": gettext_lazy("Regular check"),
    "keeper": gettext_lazy("Keeper"),
    "cloud_api": gettext_lazy("WhatsApp Cloud API"),
    "numbers": gettext_lazy("Phone numbers"),
    "inbox": gettext_lazy("Webhook inbox"),
}
WORDS = {
    OK: gettext_lazy("OK"),
    DEGRADED: gettext_lazy("Degraded"),
    DOWN: gettext_lazy("Down"),
    UNKNOWN: gettext_lazy("Unknown"),
}


class Check(NamedTuple):
    """The status of one part; `message` says in a sentence what it means and what to do."""

    name: str
    status: str
    message: str

    @property
    def title(self) -> str:
        """Its name for people."""
        return str(TITLES[self.name])

    @property
    def words(self) -> str:
        """Its status for people."""
        return str(WORDS[self.status])


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
            inbox_since=WebhookEvent.objects.pending().oldest("received_at"),
            dead_letters=WebhookEvent.objects.dead().count(),
        )
    finally:
        connection.close()


FACTS_PROBE = Probe(read_facts)


def report() -> Report:
    """The status of every part, in at most two seconds."""
    probed = probes.ask(REQUIRED)
    facts = FACTS_PROBE.result() if probed["database"] else None
    return Report(all(probed.values()), [*_required_checks(probed), *_other_checks(facts)])


def _required_checks(probed: Mapping[str, bool]) -> list[Check]:
    silent = _("No answer within 1 second. This machine is not ready.")
    return [
        Check(name, OK if answers else DOWN, _("OK") if answers else silent)
        for name, answers in probed.items()
    ]


def _other_checks(facts: Facts | None) -> list[Check]:
    """Every part but database and broker; unknown while the database cannot be read."""
    if facts is None:
        return [Check(name, UNKNOWN, str(NO_FACTS)) for name in CHECKS]
    return [Check(name, *check(facts)) for name, check in CHECKS.items()]


def _workers(facts: Facts) -> tuple[str, str]:
    served = {queue for worker in facts.workers for queue in worker.queues}
    unserved = [queue for queue in settings.QUEUE_CONCURRENCY if queue not in served]
    if unserved:
        words = _("No worker serves %(queues)s. Start the workers. The keeper sends until then.")
        return DOWN, words % {"queues": ", ".join(unserved)}
    number = len(facts.workers)
    words = ngettext(
        "%(number)d worker serves all queues.", "%(number)d workers serve all queues.", number
    )
    return OK, words % {"number": number}


def _beat(facts: Facts) -> tuple[str, str]:
    if is_silent(facts.heartbeats.get(BEAT), facts.at):
        return DOWN, _("Beat is not running. Start it. The keeper starts distributions until then.")
    return OK, _("OK")


def _tick(facts: Facts) -> tuple[str, str]:
    seconds = max(settings.KEEPER_STALE_SECONDS, 3 * settings.TICK_SECONDS)
    if is_silent(facts.heartbeats.get(TICK), facts.at, seconds):
        return DOWN, _("Celery is not running the regular check. Check broker, beat and workers.")
    return OK, _("OK")


def _keeper(facts: Facts) -> tuple[str, str]:
    if is_silent(facts.heartbeats.get(KEEPER), facts.at):
        return DOWN, _(
            "The keeper is not running, so nothing takes over if Celery fails. Start it."
        )
    return OK, _("OK")


def _cloud_api(facts: Facts) -> tuple[str, str]:
    if facts.stopped:
        words = _("Calls are stopped after failures: %(names)s.")
        return DOWN, words % {"names": ", ".join(facts.stopped)}
    synced_at = max((number.seen_at for number in facts.numbers if number.seen_at), default=None)
    if synced_at is None:
        return UNKNOWN, _("Not checked yet. No phone number has been synced with Meta.")
    if is_silent(synced_at, facts.at, META_SILENCE_LIMIT_SECONDS):
        minutes = abs(facts.at - synced_at) // timedelta(minutes=1)
        words = _("No answer from Meta for %(minutes)d minutes. See the worker's log.")
        return DEGRADED, words % {"minutes": minutes}
    return OK, _("OK")


def _numbers(facts: Facts) -> tuple[str, str]:
    able = [
        number for number in facts.numbers if number.can_send and number.breaker == Breaker.CLOSED
    ]
    if not any(number.is_usable for number in able):
        return DOWN, _("No phone number can send. See Phone numbers.")
    primaries = sum(number.role == Role.PRIMARY for number in facts.numbers)
    counts = {"able": len(able), "all": len(facts.numbers)}
    message = _("%(able)d of %(all)d phone numbers can send.") % counts
    lost = primaries - sum(number.role == Role.PRIMARY for number in able)
    if lost:
        rest = _("%(lost)d of %(all)d primaries cannot.") % {"lost": lost, "all": primaries}
        return DEGRADED, f"{message} {rest}"
    return OK, message


def _inbox(facts: Facts) -> tuple[str, str]:
    lag = ReportLag(facts.inbox_since or facts.at, facts.at)
    if lag.seconds > WEBHOOK_LAG_LIMIT_SECONDS:
        words = _("WhatsApp’s reports are applied %(lag)s. Check the webhooks worker.")
        return DEGRADED, words % {"lag": lag.words}
    if facts.dead_letters:
        words = _("%(number)d webhooks could not be applied. See Webhook inbox.")
        return DEGRADED, words % {"number": facts.dead_letters}
    if lag.is_shown:
        return OK, _("WhatsApp’s reports are applied %(lag)s.") % {"lag": lag.words}
    return OK, _("Webhooks are applied within %(seconds)d s.") % {"seconds": round(lag.seconds)}


CHECKS: dict[str, Callable[[Facts], tuple[str, str]]] = {
    "workers": _workers,
    "beat": _beat,
    "tick": _tick,
    "keeper": _keeper,
    "cloud_api": _cloud_api,
    "numbers": _numbers,
    "inbox": _inbox,
}
