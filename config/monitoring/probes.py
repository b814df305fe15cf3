"""Checks of the database, the broker and the keeper, each with a time limit."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import connection
from django.utils import timezone

from config import broker
from distribution.models import Heartbeat
from distribution.models.heartbeats import KEEPER, is_silent
from distribution.runtime.probe import Probe, results


def database_answers() -> bool:
    """Queries the database on this thread's connection; others may be in the middle of a query."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    finally:
        connection.close()


def broker_answers() -> bool:
    """Sends the broker a PING."""
    return broker.answers(settings.REDIS_URL)


def keeper_is_alive() -> bool:
    """Whether the keeper has a recent heartbeat, read on this thread's connection."""
    try:
        beat_at = Heartbeat.objects.filter(pk=KEEPER).values_list("at", flat=True).first()
        return not is_silent(beat_at, timezone.now())
    finally:
        connection.close()


PROBES = {
    "database": Probe(database_answers),
    "broker": Probe(broker_answers),
    "keeper": Probe(keeper_is_alive),
}
REQUIRED = ("database", "broker")  # without these a load balancer should choose another machine


def ask(names: Iterable[str]) -> dict[str, bool]:
    """Whether each of them answers within a second; all are asked at the same time. A check that
    still hangs from an earlier call is not waited for again, so repeated calls free their threads
    at once."""
    chosen = list(names)
    answers = results(PROBES[name] for name in chosen)
    return {name: bool(answer) for name, answer in zip(chosen, answers, strict=True)}
