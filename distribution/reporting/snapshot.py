"""Everything a page shows of one distribution at one moment: counts, service level, charts.

The live dashboard, the admin's page and the tests read the same snapshot, so their figures agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from distribution.analytics import counts as analytics
from distribution.analytics.counts import Reach, Tally
from distribution.analytics.grouped_counts import count_groups
from distribution.analytics.timeline import Timeline, timeline
from distribution.models import Distribution, DistributionState, State
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.reporting import charts
from distribution.reporting.charts import Chart
from distribution.reporting.number_shares import NumberShare, number_shares
from distribution.reporting.state_shares import (
    FailureReason,
    StateShare,
    failure_reasons,
    state_shares,
)
from distribution.reporting.text_formats import duration, percent
from distribution.service_level import sla
from distribution.service_level.sla import Sla
from phonepool.models import PhoneNumber

DELIVERY_TIME_SHARES = (0.5, 0.95, 0.99)  # of the people owed; one delivery time for each


@dataclass(frozen=True, slots=True)
class SlaVerdict:
    """The service level in a word or two, with a colour of the same meaning."""

    word: str
    colour: str  # good, warn, bad, calm


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One distribution at one moment."""

    distribution: Distribution
    at: datetime
    tally: Tally
    reach: Reach
    sla: Sla
    verdict: SlaVerdict
    states: list[StateShare]
    failure_reasons: list[FailureReason]
    numbers: list[NumberShare]
    delivery_times: list[tuple[str, str]]  # ("50 % had it after", "0:41")
    throughput: Chart
    progress: Chart
    rate: float  # accepted a second lately
    seconds_left: float | None  # until the deadline; None when that is past or unknown

    @property
    def is_running(self) -> bool:
        return self.distribution.state in RUNNING

    @property
    def settled(self) -> int:
        return self.tally.recipients - self.tally.unsettled

    @property
    def basis(self) -> str:
        """What the service level counts: delivered or accepted."""
        return str(settings.SLA_BASIS)

    @property
    def headline(self) -> str:
        return percent(self.sla.headline)

    @property
    def target(self) -> str:
        window = duration(settings.SLA_WINDOW_SECONDS)
        return f"{settings.SLA_TARGET * 100:g} % {settings.SLA_BASIS} in {window}"

    @property
    def delivered_share(self) -> str:
        return percent(self.reach.delivered / self.tally.owed if self.tally.owed else 0.0)

    @property
    def countdown(self) -> str:
        return "" if self.seconds_left is None else duration(self.seconds_left)

    @property
    def unconfirmed(self) -> int:
        return self.tally.count(State.UNCONFIRMED)

    @property
    def failed(self) -> int:
        return self.tally.count(State.FAILED)


def take_snapshot(distribution: Distribution, *, now: datetime) -> Snapshot:
    """Read and compute it: five to eight queries, however large the audience."""
    groups = count_groups(distribution, now=now)
    tally, reach = analytics.tally_of(groups), analytics.reach_of(groups)
    rate = analytics.recent_rate(distribution, now=now)
    running = distribution.state in RUNNING
    numbers = list(PhoneNumber.objects.all())
    rate_ahead = sla.rate_ahead(tally, rate, numbers, now) if running else 0.0
    level = sla.assess(distribution, tally, reach, rate_ahead, now=now)
    course = timeline(distribution, now=now)
    throughput, progress = _charts(distribution, course, tally.owed, now)
    return Snapshot(
        distribution=distribution,
        at=now,
        tally=tally,
        reach=reach,
        sla=level,
        verdict=sla_verdict(distribution, level, now),
        states=state_shares(groups),
        failure_reasons=failure_reasons(tally),
        numbers=number_shares(groups, numbers, now, running=running),
        delivery_times=_delivery_times(course, tally.owed),
        throughput=throughput,
        progress=progress,
        rate=rate,
        seconds_left=_seconds_left(distribution, now) if running else None,
    )


def sla_verdict(distribution: Distribution, level: Sla, now: datetime) -> SlaVerdict:
    """Whether the service level is met, on course, at risk or missed."""
    if distribution.state in UNOPENED:
        return SlaVerdict("not begun", "calm")
    if distribution.state in (DistributionState.CANCELLED, DistributionState.MISSED):
        return SlaVerdict(distribution.get_state_display().lower(), "calm")
    if not level.owed:
        return SlaVerdict("nobody to reach", "calm")
    if level.met:
        return SlaVerdict("met", "good")
    deadline = distribution.sla_deadline
    if deadline is None or now >= deadline:
        return SlaVerdict("missed", "bad")
    if level.projected_share >= settings.SLA_TARGET:
        return SlaVerdict("on course", "good")
    return SlaVerdict(
        "at risk", "warn" if level.projected_share >= settings.SLA_ALERT_THRESHOLD else "bad"
    )


def _seconds_left(distribution: Distribution, now: datetime) -> float | None:
    deadline = distribution.sla_deadline
    return (deadline - now).total_seconds() if deadline and now < deadline else None


def _charts(
    distribution: Distribution, course: Timeline, owed: int, now: datetime
) -> tuple[Chart, Chart]:
    """Throughput and progress."""
    span, deadline, past = course.seconds, distribution.sla_deadline, course
    seconds = (deadline - course.start).total_seconds() if deadline else 0.0
    if distribution.state in RUNNING:  # no line runs into the future
        elapsed = max(0, int((now - course.start).total_seconds() // course.width))
        accepted, delivered = course.accepted[:elapsed], course.delivered[:elapsed]
        past = replace(course, accepted=accepted, delivered=delivered)
    needed = owed * settings.SLA_TARGET / seconds if seconds > 0 else 0.0
    return (
        charts.throughput(past, span=span, needed=needed, deadline=seconds),
        charts.progress(past, span=span, people=owed, target=settings.SLA_TARGET, deadline=seconds),
    )


def _delivery_times(course: Timeline, owed: int) -> list[tuple[str, str]]:
    rows = []
    for share in DELIVERY_TIME_SHARES:
        seconds = course.delivered_by(share, owed)
        time = "–" if seconds is None else duration(seconds)
        rows.append((f"{share * 100:.0f} % had it after", time))
    return rows
