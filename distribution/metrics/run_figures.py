"""The figures of the distributions that run, or ran last: what the dashboard shows, as samples.

Of several that run at the same time and are of one kind, the one that is worst off is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from distribution.analytics import shared_counts
from distribution.analytics.counts import Reach, Tally
from distribution.analytics.grouped_counts import DeliveryGroup
from distribution.ledger import report_lag
from distribution.metrics.samples import Samples, add
from distribution.models import Distribution, DistributionState, Kind, State
from distribution.models.distributions import RUNNING
from distribution.runtime.text_formats import part_of
from distribution.service_level import pace, pace_watch, sla
from distribution.service_level.failure_share import OF_RECIPIENTS
from distribution.service_level.pace import Pace
from distribution.service_level.sla import Sla
from phonepool import errors
from phonepool.errors import FailureCategory
from phonepool.models import PhoneNumber

KEPT_FOR = timedelta(days=2)  # the figures of the last one of each kind …
RECENT = 20  # … among so many distributions
LATELY = 10  # seconds over which the rate is taken that the projection goes on with
CODES_LIMIT = 60
OTHER = "other"
ACCEPTED = "daybreak_run_accepted_total|"
META = (FailureCategory.SERVER_ERROR, FailureCategory.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Run:
    """One distribution at one moment."""

    distribution: Distribution
    groups: Sequence[DeliveryGroup]
    tally: Tally
    reach: Reach
    level: Sla
    pace: Pace | None  # only while it sends

    @property
    def due(self) -> int:
        return self.pace.due if self.pace else 0

    @property
    def oldest_due(self) -> float:
        return self.pace.oldest_due if self.pace else 0.0

    @property
    def kind(self) -> str:
        return str(self.distribution.kind).lower()

    @property
    def is_running(self) -> bool:
        return self.distribution.state in RUNNING


def running() -> list[Distribution]:
    """Those that run."""
    return list(Distribution.objects.running())


def latest(now: datetime) -> list[Distribution]:
    """The last one of each kind."""
    found: dict[str, Distribution] = {}
    rows = Distribution.objects.filter(opened_at__gt=now - KEPT_FOR).order_by("-opened_at")
    for one in rows[:RECENT]:
        found.setdefault(one.kind, one)
    return list(found.values())


def look(distribution: Distribution, numbers: Sequence[PhoneNumber], now: datetime) -> Run:
    """Its figures: two queries, and two or three more while it sends."""
    lag = report_lag.read(now)
    counted = shared_counts.read(distribution, now=now)
    tally, reach = counted.tally, counted.reach
    lag = lag.counted(counted.at) if distribution.state in RUNNING else report_lag.none(now)
    measured, ahead = None, 0.0
    if distribution.state == DistributionState.SENDING:
        measured = pace_watch.measure(
            distribution, tally, reach, numbers, now=now, counted_at=counted.at
        )
        ahead = sla.rate_ahead(tally, measured.achieved(LATELY), numbers, now)
    return Run(
        distribution=distribution,
        groups=counted.groups,
        tally=tally,
        reach=reach,
        level=sla.assess(distribution, tally, reach, ahead, now=now, lag=lag),
        pace=measured,
    )


def of_runs(runs: Iterable[Run]) -> Samples:
    """The gauges; whether one runs is said of every kind."""
    shown: dict[str, Run] = {}
    for run in sorted(runs, key=_how_good, reverse=True):
        shown[run.kind] = run  # the worst comes last
    samples: Samples = {}
    for kind in (str(kind).lower() for kind in Kind.values):
        run_of_kind = shown.get(kind)
        active = run_of_kind is not None and run_of_kind.is_running
        add(samples, "daybreak_run_active", int(active), kind)
        if run_of_kind is not None:
            _add_run(samples, run_of_kind)
    add(samples, "daybreak_sla_target_ratio", settings.SLA_TARGET)
    add(samples, "daybreak_sla_alert_ratio", settings.SLA_ALERT_THRESHOLD)
    return samples


def _how_good(run: Run) -> float:
    return run.level.projected_share if run.level.projected_share is not None else 1.0


def _add_run(samples: Samples, run: Run) -> None:
    kind, distribution, reach = run.kind, run.distribution, run.reach
    sends = distribution.state == DistributionState.SENDING
    add(samples, "daybreak_run_sending", int(sends), kind)
    for state in State.values:
        add(samples, "daybreak_run_people", run.tally.states.get(state, 0), kind, state.lower())
    add(samples, "daybreak_run_owed_people", run.level.owed, kind)
    for name in ("accepted", "delivered", "read"):
        add(samples, "daybreak_run_reached_people", getattr(reach, name), kind, name)
    unconfirmed = run.tally.count(State.UNKNOWN, State.UNCONFIRMED)
    add(samples, "daybreak_unconfirmed_people", unconfirmed, kind)
    moments = {
        "planned": distribution.planned_at,
        "opened": distribution.opened_at,
        "sending_since": distribution.resumed_at or distribution.opened_at,
        "deadline": distribution.sla_deadline,
        "completed": distribution.completed_at,
    }
    for name, moment in moments.items():
        value = moment.timestamp() if moment else None
        add(samples, f"daybreak_run_{name}_timestamp_seconds", value, kind)
    add(samples, "daybreak_sla_ratio", run.level.accepted_share, kind, "accepted")
    add(samples, "daybreak_sla_ratio", run.level.delivered_share, kind, "delivered")
    add(samples, "daybreak_sla_projected_ratio", run.level.projected_share, kind)
    receipts = part_of(reach.delivered, reach.accepted)
    add(samples, "daybreak_sla_receipts_ratio", receipts, kind)
    _add_pace(samples, run)


def _add_pace(samples: Samples, run: Run) -> None:
    """Zero where there is nothing to do: a rate of an hour ago is none."""
    kind, now = run.kind, run.pace
    needed = max(0.0, now.needed) if now and now.left > 0 else 0.0
    add(samples, "daybreak_sla_needed_per_second", needed, kind)
    achieved = now.achieved(pace.LONG) if now else 0.0
    add(samples, "daybreak_sla_achieved_per_second", achieved, kind)
    add(samples, "daybreak_sla_capacity_per_second", now.capacity if now else None, kind)
    add(samples, "daybreak_due_waiting_people", run.due, kind)
    add(samples, "daybreak_oldest_due_seconds", run.oldest_due, kind)


def counted(run: Run, seen: Iterable[str] = ()) -> dict[str, int]:
    """What it adds to the totals of all time, by `metric|label|…`; `seen` are those so far.

    A category that Meta changes meanwhile changes nothing here: all would be counted again.
    """
    known = (key.partition("|")[2] for key in seen if key.startswith(ACCEPTED))
    category = next(known, "") or _category(run.distribution)
    found = Counter[str]()
    for name in ("accepted", "delivered", "read"):
        found[f"daybreak_run_{name}_total|{category}"] = getattr(run.reach, name)
    found[f"daybreak_run_held_total|{category}"] = run.tally.count(State.HELD)
    failed = run.tally.reasons.get(State.FAILED, Counter())
    for place, (reason, number) in enumerate(failed.most_common()):
        code = reason if place < CODES_LIMIT else OTHER
        found[f"daybreak_run_failures_total|{code}|{_side(reason)}"] += number
    return dict(found)


def _category(distribution: Distribution) -> str:
    template = distribution.used_template
    return template.category.lower() if template else "unknown"


def _side(reason: str) -> str:
    """On whose side a failure lies: ours, Meta's or the recipient's."""
    failure = errors.BY_SLUG.get(reason)
    if failure is None:
        return "ours"
    if failure.category in OF_RECIPIENTS:
        return "recipient"
    return "meta" if failure.category in META else "ours"
