"""When preflights are due: half an hour before the day's time with messages, then reading only.

Found from the calendar, so that a changed daily time, a late beat or two beats change nothing:
each slot runs once.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from config.preflight import run
from config.preflight.run import PreflightRefusedError
from distribution.lifecycle import schedule
from distribution.models import Kind, Preflight
from distribution.runtime import india_time

log = logging.getLogger(__name__)


class Slot(NamedTuple):
    """Minutes before the planned time from which it may run, and from which it no longer may."""

    first: int
    last: int
    sends: bool


SLOTS = (Slot(30, 11, sends=True), Slot(10, 3, sends=False), Slot(2, 0, sends=False))


def due(planned_at: datetime, now: datetime) -> Slot | None:
    """The slot whose time has come; None: none."""
    for slot in SLOTS:
        begin, end = (planned_at - timedelta(minutes=m) for m in (slot.first, slot.last))
        if begin <= now < end:
            return slot
    return None


def name_of(planned_at: datetime, slot: Slot) -> str:
    """`2026-11-30 05:30 IST`."""
    begin = (planned_at - timedelta(minutes=slot.first)).astimezone(india_time.zone())
    return f"{begin:%Y-%m-%d %H:%M %Z}"


def run_if_due(now: datetime) -> Preflight | None:
    """Finish what is running, and run the preflight whose time has come; None: none has."""
    run.settle(now)
    upcoming = schedule.next_due(now)
    if upcoming is None or upcoming.kind != Kind.DAILY:
        return None
    slot = due(upcoming.planned_at, now)
    if slot is None:
        return None
    name = name_of(upcoming.planned_at, slot)
    if Preflight.objects.filter(slot=name).exists():
        return None
    try:
        preflight = run.create(name, sends=slot.sends, now=now)
    except PreflightRefusedError as refusal:
        log.warning("preflight %s: %s", name, refusal)
        return None
    if preflight is not None:
        run.perform(preflight, now=now)
    return preflight
