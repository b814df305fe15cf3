"""Keeps partitions of deliveries ahead, where deliveries are in partitions."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger.partitions import ahead
from distribution.models import Distribution, Heartbeat
from distribution.models.heartbeats import PARTITIONS
from distribution.runtime import partitions

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)


def look_if_due(now: datetime) -> None:
    """Look once in EVERY, in one of the processes that call it."""
    if partitions.is_partitioned() and Heartbeat.take_turn(PARTITIONS, EVERY, now):
        look(now)


def look(now: datetime) -> None:
    """Make what is missing, and tell if there is no partition for the next distributions.

    Writers of people and distributions wait for a moment while one is made: not during a
    distribution, unless the next one has none.
    """
    left = ahead.left_ahead()
    if left is None:
        return
    if left < ahead.AHEAD and (left == 0 or not Distribution.objects.running().exists()):
        try:
            with transaction.atomic():
                ahead.make_missing()
        except DatabaseError:
            log.exception("no partition of deliveries could be made")
        left = ahead.left_ahead()
    if left == 0:
        incidents.raise_alert(
            AlertRule.NO_PARTITION_AHEAD,
            message="There is no partition for the deliveries of the next distributions, and none "
            "could be made.",
            now=now,
        )
    else:
        incidents.close_alert(AlertRule.NO_PARTITION_AHEAD, now=now)
