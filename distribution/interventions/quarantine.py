"""After a restore: whoever may have been written to in the hours that were lost is doubted.

A backup does not know what was sent after it was taken, and what Meta reported meanwhile was
answered 200 and is gone. So nobody of an open distribution is sent anything by itself any more;
reports that come later settle what they can, a person the rest.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import restored
from distribution.lifecycle import control, schedule
from distribution.models import (
    Distribution,
    Kind,
    StatusFeed,
)
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.outcomes.report_rules import FAILED
from distribution.outcomes.status_reports import Applied, advance
from distribution.runtime import india_time

log = logging.getLogger(__name__)

# A restore point is what somebody believes; a transaction may have been longer under way.
MARGIN = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Step:
    """What a quarantine does to one distribution."""

    name: str
    distribution_id: int | None  # None: today's, which the backup does not even know
    deliveries: int  # to be doubted
    unopened: bool  # not begun, as far as the backup knows: to be cancelled


def plan(*, restored_to: datetime, margin: timedelta, now: datetime) -> list[Step]:
    """What would be done; nothing is changed."""
    since = restored_to - margin
    steps = [
        Step(str(one), one.pk, restored.doubtful(one.pk).count(), unopened=False)
        for one in Distribution.objects.filter(state__in=RUNNING, window_end__gt=since)
    ]
    unopened = Distribution.objects.filter(state__in=UNOPENED, planned_at__lte=now)
    steps += [Step(str(one), one.pk, 0, unopened=True) for one in unopened]
    today = india_time.local_date(now)
    known = Distribution.objects.filter(kind=Kind.DAILY, local_date=today).exists()
    if not known and now >= schedule.daily_time(today):
        steps.append(Step(f"Daily {today}", None, 0, unopened=True))
    return steps


def carry_out(steps: list[Step], *, by: str, reason: str, now: datetime) -> int:
    """Pause what runs, cancel what would begin, doubt whoever may have been written to; how many.

    It may be called again after a crash half-way. `by` and `reason` are kept in the alerts.
    """
    StatusFeed.dead_letter(now)  # reports were lost: they could have been about anybody
    return sum(_carry_out(step, f"Restored database ({by}): {reason}", now) for step in steps)


def _carry_out(step: Step, story: str, now: datetime) -> int:
    distribution_id, doubted = step.distribution_id, 0
    if distribution_id is None:
        planned = schedule.plan_daily(now)
        if planned is None:  # nobody expects one: nothing would begin
            return 0
        distribution_id = planned.pk
    if step.unopened:
        control.cancel(distribution_id, reason=story, now=now)
    else:
        control.pause(distribution_id, reason=story, now=now)
        doubted = restored.doubt(distribution_id, now=now)
    incidents.raise_alert(
        AlertRule.QUARANTINE,
        distribution_id,
        message=f"{step.name}: {doubted} deliveries are in doubt. {story}",
        now=now,
    )
    log.warning("quarantine: %s: %d deliveries in doubt. %s", step.name, doubted, story)
    return doubted


def hear_forgotten(applied: Applied, *, now: datetime) -> None:
    """Reports of attempts that a restore forgot find their deliveries; `applied` is corrected.

    Only good news gives an attempt back: a failure alone would let another one begin.
    """
    named = [report for report in applied.unmatched if report.attempt is not None]
    good = {
        (report.attempt.delivery_id, report.attempt.attempt_no): report
        for report in named
        if report.attempt is not None and report.status != FAILED
    }
    # The last attempt that went out speaks for the delivery.
    last = {key[0]: good[key] for key in sorted(good)}
    taken = set()
    for report in last.values():
        if report.attempt is not None:
            taken |= restored.adopt([report.attempt], heard_at=report.at)
    again = [report for report in named if report.attempt in taken]
    if again:
        second = advance(again, now=now)
        applied.unmatched = [one for one in applied.unmatched if one.attempt not in taken]
        applied.changed += second.changed
        applied.reached |= second.reached
        applied.refused |= second.refused
