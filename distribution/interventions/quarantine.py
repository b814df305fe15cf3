"""After a restore: deliveries that may have been sent in the hours that were lost become unknown.

A backup does not know what was sent after it was taken, and what Meta reported meanwhile was
answered 200 and is gone. So nothing of an open distribution is sent automatically any more;
reports that come later settle what they can, a person the rest.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import restored
from distribution.lifecycle import control, preparing, schedule
from distribution.models import Distribution, Kind, StatusFeed
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.runtime import india_time

log = logging.getLogger(__name__)

# The restore point is an operator's estimate; a transaction may have been under way longer.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What a quarantine does to one distribution."""

    name: str
    distribution_id: int | None  # None: today's, which the backup does not have
    deliveries: int  # to become unknown
    unopened: bool  # not begun, as far as the backup knows: to be cancelled


def plan(*, restored_to: datetime, margin: timedelta, now: datetime) -> list[Step]:
    """What would be done; nothing is changed."""
    since = restored_to - margin
    steps = [
        Step(
            str(row),
            row.pk,
            restored.possibly_sent(row.pk).count() + control.to_come(row.pk),
            unopened=False,
        )
        for row in Distribution.objects.filter(state__in=RUNNING, window_end__gt=since)
    ]
    unopened = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    steps += [Step(str(row), row.pk, 0, unopened=True) for row in unopened]
    today = india_time.local_date(now)
    known = Distribution.objects.filter(kind=Kind.DAILY, local_date=today).exists()
    if not known and now >= schedule.daily_time(today):
        expected = Distribution(kind=Kind.DAILY, local_date=today)
        steps.append(Step(str(expected), None, 0, unopened=True))
    return steps


def carry_out(steps: list[Step], *, by: str, reason: str, now: datetime) -> int:
    """Pause what runs, cancel what would begin, mark what may have been sent; how many deliveries.

    It may be called again after a crash half-way. `by` and `reason` are kept in the alerts.
    """
    StatusFeed.dead_letter(now)  # reports were lost, about any delivery
    return sum(_carry_out(step, f"Restored database ({by}): {reason}", now) for step in steps)


def _carry_out(step: Step, explanation: str, now: datetime) -> int:
    distribution_id, unknown = step.distribution_id, 0
    if distribution_id is None:
        planned = schedule.plan_daily(now)
        if planned is None:  # none is expected: nothing would begin
            return 0
        distribution_id = planned.pk
    if step.unopened:
        control.cancel(distribution_id, reason=explanation, now=now)
    else:
        control.pause(distribution_id, reason=explanation, now=now)
        preparing.freeze_all(distribution_id, now=now)  # it may have been, since the backup
        unknown = restored.mark_unknown(distribution_id, now=now)
    incidents.raise_alert(
        AlertRule.QUARANTINE,
        distribution_id,
        message=f"{step.name}: {unknown} deliveries are in doubt. {explanation}",
        now=now,
    )
    log.warning("quarantine: %s: %d deliveries in doubt. %s", step.name, unknown, explanation)
    return unknown
