"""Everything a page shows of one distribution at one moment: counts, service level, charts.

The live dashboard, the admin's page and the tests read the same snapshot, so their figures agree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from distribution.analytics import shared_counts
from distribution.analytics.counts import Reach, Tally
from distribution.analytics.shared_counts import Seldom
from distribution.analytics.timeline import Timeline, timeline
from distribution.ledger.report_lag import ReportLag
from distribution.lifecycle import control
from distribution.models import Distribution, DistributionState, State
from distribution.models.distributions import RUNNING
from distribution.reporting import charts
from distribution.reporting.charts import Chart
from distribution.reporting.number_shares import NumberShare, number_shares
from distribution.reporting.state_shares import (
    FailureReason,
    StateShare,
    failure_reasons,
    state_shares,
)
from distribution.runtime.text_formats import duration, minutes_or_seconds, part_of, percent
from distribution.service_level import course
from distribution.service_level.course import Verdict
from distribution.service_level.sla import Sla
from phonepool.models import PhoneNumber

timelines: Seldom[Timeline] = Seldom()

DELIVERY_TIME_SHARES = (0.5, 0.95, 0.99)  # of the people owed; one delivery time for each


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One distribution at one moment."""

    distribution: Distribution
    at: datetime
    tally: Tally
    reach: Reach
    sla: Sla
    verdict: Verdict
    lag: ReportLag  # of the reports that all figures rest on
    states: list[StateShare]
    failure_reasons: list[FailureReason]
    numbers: list[NumberShare]
    delivery_times: list[tuple[str, str]]  # ("50% delivered within", "0:41")
    throughput: Chart
    progress: Chart
    rate: float  # accepted per second lately; 0 unless it sends
    seconds_left: float | None  # until the deadline; None when that is past or unknown
    prepared: int | None = None  # of a large audience, how many are frozen; None: all

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
    def both_shares(self) -> list[tuple[str, str]]:
        """The two measures in words, the headline first: ("accepted", "99.6%")."""
        shares = [
            (_("accepted"), percent(self.sla.accepted_share)),
            (_("delivered"), percent(self.sla.delivered_share)),
        ]
        return shares if settings.SLA_BASIS == "accepted" else shares[::-1]

    @property
    def target(self) -> str:
        """What is promised: "99% accepted within 5 minutes"."""
        words = _("%(share)s accepted within %(window)s")
        if settings.SLA_BASIS == "delivered":
            words = _("%(share)s delivered within %(window)s")
        window = minutes_or_seconds(settings.SLA_WINDOW_SECONDS)
        return words % {"share": f"{settings.SLA_TARGET * 100:g}%", "window": window}

    @property
    def delivered_share(self) -> str:
        """Of the eligible recipients, whenever it was delivered."""
        return percent(part_of(self.reach.delivered, self.tally.owed))

    @property
    def is_paused(self) -> bool:
        return self.distribution.state == DistributionState.PAUSED

    @property
    def has_begun(self) -> bool:
        """Whether there is a course to draw: something was sent, or is about to be."""
        return self.is_running or self.reach.accepted > 0

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
    """Read and compute it: six to nine queries, however large the audience."""
    counted = shared_counts.read(distribution, now=now)
    groups, tally, reach = counted.groups, counted.tally, counted.reach
    numbers = list(PhoneNumber.objects.all())
    followed = course.follow(distribution, counted, numbers, now=now)
    past = timelines.value(distribution, lambda: timeline(distribution, now=now))
    throughput, progress = _charts(distribution, past, tally.owed, now)
    sends = distribution.state == DistributionState.SENDING
    return Snapshot(
        distribution=distribution,
        at=now,
        tally=tally,
        reach=reach,
        sla=followed.level,
        verdict=followed.verdict,
        lag=followed.lag,
        states=state_shares(groups),
        failure_reasons=failure_reasons(tally),
        numbers=number_shares(groups, numbers, now, running=sends),
        delivery_times=_delivery_times(past, tally.owed),
        throughput=throughput,
        progress=progress,
        rate=followed.rate,
        seconds_left=_seconds_left(distribution, now),
        prepared=_prepared(distribution) if distribution.preparing else None,
    )


def _prepared(distribution: Distribution) -> int:
    return distribution.recipients - control.to_come(distribution.pk)


def _seconds_left(distribution: Distribution, now: datetime) -> float | None:
    deadline = distribution.sla_deadline
    if distribution.state not in RUNNING or deadline is None or now >= deadline:
        return None
    return (deadline - now).total_seconds()


def _charts(
    distribution: Distribution, whole: Timeline, owed: int, now: datetime
) -> tuple[Chart, Chart]:
    """Throughput and progress; no line runs into the future."""
    span, deadline = whole.seconds, distribution.sla_deadline
    seconds = (deadline - whole.start).total_seconds() if deadline else 0.0
    elapsed = max(0, int((now - whole.start).total_seconds() // whole.width))
    past = replace(whole, accepted=whole.accepted[:elapsed], delivered=whole.delivered[:elapsed])
    needed = owed * settings.SLA_TARGET / seconds if seconds > 0 else 0.0
    return (
        charts.throughput(past, span=span, needed=needed, deadline=seconds),
        charts.progress(past, span=span, people=owed, target=settings.SLA_TARGET, deadline=seconds),
    )


def _delivery_times(past: Timeline, owed: int) -> list[tuple[str, str]]:
    rows = []
    for share in DELIVERY_TIME_SHARES:
        seconds = past.delivered_by(share, owed)
        time = "–" if seconds is None else duration(seconds)
        rows.append((_("%d%% delivered within") % round(share * 100), time))
    return rows
