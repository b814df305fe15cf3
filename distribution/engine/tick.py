"""The regular check: everything that a lost task, a crash or the clock left to do.

Celery's tick and the keeper call the same function, possibly at the same time. It writes the
database only; its callers publish what it found, or send it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from distribution.alerts import (
    incidents,
    meta_notices,
    moved_people,
    number_supply,
    phone_pool,
    proxy_answers,
    unmatched_opt_outs,
)
from distribution.alerts.catalogue import AlertRule
from distribution.engine import number_ramps, partition_watch, sweep
from distribution.engine.sweep import Sweep
from distribution.ledger import chunks
from distribution.lifecycle import (
    closing,
    content_watch,
    control,
    plan_watch,
    preparing,
    recovery,
    schedule,
)
from distribution.models import Distribution, Heartbeat
from distribution.models.heartbeats import KEEPER, TICK, is_silent
from distribution.outcomes import duplicates
from distribution.quality import drops
from distribution.service_level import watch
from phonepool.models import PhoneNumber
from phonepool.numbers import health
from subscribers.people import pauses


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one regular check."""

    opened: list[int]  # distributions: their batches are to be sent
    swept: Sweep
    unfinished: list[int]  # distributions: the rest of their audience is to be prepared


def check(now: datetime) -> Check:
    """Wake rested numbers, resume what a rule paused, open what is due, sweep, close what is done.

    Harmless at any time.
    """
    health.wake_rested(now)
    meta_notices.close_outdated(now)
    proxy_answers.close_if_over(now)
    recovery.check(now)
    unmatched_opt_outs.close_matched(now)
    moved_people.close_answered(now)
    pauses.end_due(now)
    opened = schedule.open_due(now)
    swept = sweep.sweep(now)
    _report_stuck(now)
    duplicates.confirm_suspects(now)
    for distribution in Distribution.objects.running():
        control.wake_backups(distribution, now)
        closing.complete_if_done(distribution.pk, now=now)
    content_watch.look_if_due(now)
    plan_watch.look_if_due(now)
    number_ramps.review_if_due(now)
    partition_watch.look_if_due(now)
    return Check(opened, swept, preparing.unfinished(now))


def _report_stuck(now: datetime) -> None:
    if count := chunks.stuck(now):
        incidents.raise_alert(
            AlertRule.DELIVERIES_STUCK,
            message=f"{count} deliveries of stopped workers can't be updated.",
            now=now,
        )
    else:
        incidents.close_alert(AlertRule.DELIVERIES_STUCK, now=now)


def refresh_sla(now: datetime) -> None:
    """Keep the running distributions' figures and alerts fresh; close what has just ended."""
    phone_pool.refresh(now)
    number_supply.refresh(PhoneNumber.objects.all(), now=now)
    drops.refresh(now)
    for distribution in Distribution.objects.running():
        watch.refresh(distribution, now=now)
        closing.complete_if_done(distribution.pk, now=now)


ENGINES = {
    KEEPER: (
        AlertRule.KEEPER_SILENT,
        "The keeper isn't running, so nothing takes over if Celery fails. Restart it.",
    ),
    TICK: (
        AlertRule.TICK_SILENT,
        "Celery's regular check isn't running, so the keeper does its work. Check the broker, "
        "beat and the workers.",
    ),
}


def watch_engine(name: str, now: datetime) -> bool:
    """Raise or close the alert about an engine's silence; True when it is silent."""
    Heartbeat.expect(name, now)
    seconds = max(settings.KEEPER_STALE_SECONDS, 3 * settings.TICK_SECONDS)
    silent = is_silent(Heartbeat.objects.get(pk=name).at, now, seconds)
    rule, message = ENGINES[name]
    if silent:
        incidents.raise_alert(rule, message=message, now=now)
    else:
        incidents.close_alert(rule, now=now)
    return silent
