"""All that a page says about one distribution, of one moment: figures that add up, and charts.

The wall, the admin's page and the tests see the same picture, so they cannot disagree.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from distribution.analytics import counts as analytics
from distribution.analytics.counts import Reach, Tally
from distribution.analytics.grouped_counts import Cell
from distribution.analytics.grouped_counts import cells as read_cells
from distribution.analytics.timeline import Timeline, timeline
from distribution.ledger.reasons import Explanation, explain
from distribution.models import Distribution, DistributionState, State
from distribution.models.distributions import RUNNING, UNOPENED
from distribution.reporting import charts
from distribution.reporting.charts import Chart
from distribution.service_level import sla
from distribution.service_level.sla import Sla
from phonepool.models import Breaker, NumberState, PhoneNumber, Quality
from phonepool.numbers import health

MOMENTS = (0.5, 0.95, 0.99)  # shares of the people whose time of delivery is told


@dataclass(frozen=True, slots=True)
class Slice:
    """Deliveries in one state; the slices of a picture sum to its recipients."""

    state: str
    label: str
    style: str
    count: int
    share: float
    starts: float = 0.0  # where it begins in a bar of all slices, 0..1000

    @property
    def percent(self) -> str:
        return percent(self.share)

    @property
    def width(self) -> float:
        return round(self.share * 1000, 2)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One reason why people did not get it (or are in doubt), and what helps."""

    state: str
    reason: str
    explanation: Explanation
    count: int

    @property
    def state_word(self) -> str:
        return WORDS[self.state]


@dataclass(frozen=True, slots=True)
class Carrier:
    """A phone number's part in a distribution and how it stands now."""

    label: str
    role: str
    standing: str
    ails: bool
    quality: str
    rate: float  # messages a second it may send now
    accepted: int
    delivered: int
    failed: int
    share: float  # of all accepted

    @property
    def percent(self) -> str:
        return percent(self.share)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The service level in one word, with a style of the same meaning."""

    word: str
    style: str  # good, warn, bad, calm


@dataclass(frozen=True, slots=True)
class Picture:
    """One distribution at one moment."""

    distribution: Distribution
    at: datetime
    tally: Tally
    reach: Reach
    sla: Sla
    verdict: Verdict
    slices: list[Slice]
    troubles: list[Trouble]
    carriers: list[Carrier]
    times: list[tuple[str, str]]  # ("Half of the people", "0:41")
    pace: Chart
    progress: Chart
    rate: float  # accepted a second lately
    left: float | None  # seconds until the deadline; None when that is past or unknown

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
        window = charts.clock(settings.SLA_WINDOW_SECONDS)
        return f"{settings.SLA_TARGET * 100:g} % {settings.SLA_BASIS} in {window}"

    @property
    def delivered_share(self) -> str:
        return percent(self.reach.delivered / self.tally.owed if self.tally.owed else 0.0)

    @property
    def countdown(self) -> str:
        return "" if self.left is None else charts.clock(self.left)

    @property
    def to_decide(self) -> int:
        return self.tally.count(State.UNCONFIRMED)

    @property
    def failed(self) -> int:
        return self.tally.count(State.FAILED)


LABELS: dict[str, tuple[str, str]] = {
    "DELIVERED": ("Delivered", "good"),
    State.ACCEPTED: ("Accepted, not delivered yet", "fair"),
    State.HELD: ("Held back by WhatsApp", "fair"),
    State.PENDING: ("Waiting", "calm"),
    State.CLAIMED: ("Taken by a sender", "calm"),
    State.INFLIGHT: ("Being sent", "calm"),
    State.RETRY_WAIT: ("Waiting for another try", "warn"),
    State.UNKNOWN: ("No answer yet", "warn"),
    State.UNCONFIRMED: ("To decide", "bad"),
    State.FAILED: ("Failed", "bad"),
    State.SKIPPED: ("Left out", "calm"),
}


WORDS: dict[str, str] = {
    State.FAILED: "failed",
    State.UNCONFIRMED: "to decide",
    State.UNKNOWN: "no answer yet",
    State.RETRY_WAIT: "tried again",
    State.SKIPPED: "left out",
}


def picture(distribution: Distribution, *, now: datetime) -> Picture:
    """Read and reckon: eight queries or so, however large the audience."""
    cells = read_cells(distribution, now=now)
    tally, reach = analytics.tally_of(cells), analytics.reach_of(cells)
    rate = analytics.recent_rate(distribution, now=now)
    running = distribution.state in RUNNING
    numbers = list(PhoneNumber.objects.all())
    ahead = sla.rate_ahead(tally, rate, numbers, now) if running else 0.0
    level = sla.assess(distribution, tally, reach, ahead, now=now)
    course = timeline(distribution, now=now)
    deadline = distribution.sla_deadline
    left = (deadline - now).total_seconds() if deadline and now < deadline and running else None
    return Picture(
        distribution=distribution,
        at=now,
        tally=tally,
        reach=reach,
        sla=level,
        verdict=verdict(distribution, level, now),
        slices=slices(cells),
        troubles=troubles(tally),
        carriers=carriers(cells, numbers, now, running=distribution.state in RUNNING),
        times=_times(course, tally.owed),
        pace=_pace(distribution, course, tally.owed, now),
        progress=_progress(distribution, course, tally.owed, now),
        rate=rate,
        left=left,
    )


def slices(cells: Iterable[Cell]) -> list[Slice]:
    """The audience by state, in the order of a delivery's life; empty states are left out."""
    counts: Counter[str] = Counter()
    for cell in cells:
        counts["DELIVERED" if cell.is_delivered else cell.state] += cell.count
    whole, found, begun = counts.total(), [], 0
    for state, (label, style) in LABELS.items():
        if count := counts[state]:
            starts = round(begun / whole * 1000, 2)
            found.append(Slice(state, label, style, count, count / whole, starts))
            begun += count
    return found


def troubles(tally: Tally) -> list[Trouble]:
    """Failures, doubts and people left out by reason, the commonest first."""
    told = (State.FAILED, State.UNCONFIRMED, State.UNKNOWN, State.RETRY_WAIT, State.SKIPPED)
    found = [
        Trouble(state, reason, explain(reason), count)
        for state in told
        for reason, count in tally.reasons.get(state, Counter()).items()
    ]
    return sorted(found, key=lambda one: (told.index(State(one.state)), -one.count, one.reason))


def carriers(
    cells: Sequence[Cell], numbers: Iterable[PhoneNumber], now: datetime, *, running: bool
) -> list[Carrier]:
    """Each number's part. Sums of a column are the whole's, but for deliveries without number."""
    accepted, delivered, failed = (
        Counter[int | None](),
        Counter[int | None](),
        Counter[int | None](),
    )
    for cell in cells:
        accepted[cell.number_id] += cell.count if cell.is_accepted else 0
        delivered[cell.number_id] += cell.count if cell.is_delivered else 0
        failed[cell.number_id] += cell.count if cell.state == State.FAILED else 0
    whole = accepted.total()
    return [
        Carrier(
            label=number.label,
            role=number.get_role_display(),
            standing=standing(number) or ("sending" if running else "ready"),
            ails=number.state != NumberState.STANDBY and standing(number) != "",
            quality=number.quality,
            rate=health.rate(number, now) if number.state == NumberState.ACTIVE else 0.0,
            accepted=accepted[number.pk],
            delivered=delivered[number.pk],
            failed=failed[number.pk],
            share=accepted[number.pk] / whole if whole else 0.0,
        )
        for number in numbers
    ]


def standing(number: PhoneNumber) -> str:
    """What keeps a number from sending, in a word or two; empty when nothing does."""
    if number.state == NumberState.ACTIVE and number.quality == Quality.FLAGGED:
        return "flagged"
    if number.state == NumberState.ACTIVE and number.breaker != Breaker.CLOSED:
        return "on trial" if number.breaker == Breaker.HALF_OPEN else "stopped by faults"
    words = {"ACTIVE": "", "STANDBY": "standing by", "RESTING": "resting"}
    return words.get(number.state, "disabled")


def verdict(distribution: Distribution, level: Sla, now: datetime) -> Verdict:
    """Whether the service level is met, on course, at risk or missed."""
    if distribution.state in UNOPENED:
        return Verdict("not begun", "calm")
    if distribution.state in (DistributionState.CANCELLED, DistributionState.MISSED):
        return Verdict(distribution.get_state_display().lower(), "calm")
    if not level.owed:
        return Verdict("nobody to reach", "calm")
    if level.met:
        return Verdict("met", "good")
    deadline = distribution.sla_deadline
    if deadline is None or now >= deadline:
        return Verdict("missed", "bad")
    if level.projected_share >= settings.SLA_TARGET:
        return Verdict("on course", "good")
    return Verdict(
        "at risk", "warn" if level.projected_share >= settings.SLA_ALERT_THRESHOLD else "bad"
    )


def _deadline_seconds(distribution: Distribution, course: Timeline) -> float:
    deadline = distribution.sla_deadline
    return (deadline - course.start).total_seconds() if deadline else 0.0


def _pace(distribution: Distribution, course: Timeline, owed: int, now: datetime) -> Chart:
    seconds, seen = _deadline_seconds(distribution, course), _seen(distribution, course, now)
    return charts.pace(
        course.accepted[:seen],
        course.delivered[:seen],
        width=course.width,
        span=course.seconds,
        needed=owed * settings.SLA_TARGET / seconds if seconds > 0 else 0.0,
        deadline=seconds,
    )


def _progress(distribution: Distribution, course: Timeline, owed: int, now: datetime) -> Chart:
    seen = _seen(distribution, course, now)
    return charts.progress(
        course.accepted[:seen],
        course.delivered[:seen],
        width=course.width,
        span=course.seconds,
        people=owed,
        target=settings.SLA_TARGET,
        deadline=_deadline_seconds(distribution, course),
    )


def _seen(distribution: Distribution, course: Timeline, now: datetime) -> int | None:
    """How many counts have come to pass: a line does not run into the future. None: all."""
    if distribution.state not in RUNNING:
        return None
    return max(0, int((now - course.start).total_seconds() // course.width))


def _times(course: Timeline, owed: int) -> list[tuple[str, str]]:
    told = []
    for share in MOMENTS:
        seconds = course.delivered_by(share, owed)
        told.append(
            (f"{share * 100:.0f} % had it after", "–" if seconds is None else charts.clock(seconds))
        )
    return told


def percent(share: float) -> str:
    """A share as people read it, never rounded up: 98.96 % has not met 99."""
    return f"{math.floor(share * 1000 + 1e-9) / 10:.1f} %"
