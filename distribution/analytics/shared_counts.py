"""The counts of a distribution, shared by all processes and counted a twentieth of the time.

Counting takes longer the more people there are, and the screens, figures and alerts of every
process need the counts every few seconds. So the first process that needs them counts for all,
and the result is reused for twenty times as long as the counting took. The counts record when they
were made. Small distributions are always counted afresh. Shared counts never decide whether a
distribution has ended, and are never read while a message is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.db.models import Count, Min, Q

from distribution.analytics import counts, grouped_counts
from distribution.analytics.counts import Reach, Tally
from distribution.analytics.grouped_counts import DeliveryGroup
from distribution.models import Distribution, SharedCounts, State
from distribution.models.deliveries import CLAIMABLE
from distribution.runtime.caches import COST_FACTOR

Value = TypeVar("Value")

FEW_PEOPLE = 5_000  # counted in some 5 ms: nothing is gained by sharing
MIN_PAUSE, MAX_PAUSE = 1.0, 5.0  # seconds between two counts
COUNTING = timedelta(seconds=15)  # after this a count has failed: statements time out earlier
OLDEST = COUNTING + timedelta(seconds=MAX_PAUSE)


@dataclass(frozen=True, slots=True)
class Counted:
    """A distribution's deliveries at one moment. Who is not frozen yet is waiting, too."""

    at: datetime
    groups: list[DeliveryGroup]

    @property
    def tally(self) -> Tally:
        return counts.tally_of(self.groups)

    @property
    def reach(self) -> Reach:
        """Without the first and the last times."""
        return counts.reach_of(self.groups)

    def count(self, *states: State) -> int:
        return sum(group.count for group in self.groups if group.state in states)


def is_large(distribution: Distribution) -> bool:
    """Whether its counts are shared: there are many deliveries to count."""
    return distribution.recipients >= FEW_PEOPLE and distribution.deliveries_removed_at is None


def read(distribution: Distribution, *, now: datetime) -> Counted:
    """The counts; of a large distribution they are some seconds old (OLDEST at most)."""
    if not is_large(distribution):
        return Counted(now, grouped_counts.count_groups(distribution, now=now))
    row = _fresh(distribution, now)
    groups = [DeliveryGroup(*group) for group, *_ in row.groups]
    return Counted(row.at, grouped_counts.with_people_to_come(distribution, groups))


def due(distribution: Distribution, *, now: datetime) -> tuple[int, float]:
    """As `counts.due`: how many can be sent now, and for how many seconds the first has waited."""
    if not is_large(distribution):
        return counts.due(distribution, now=now)
    row = _fresh(distribution, now)
    since = [first for _, _, first in row.groups if first is not None]
    oldest = now.timestamp() - min(since) if since else 0.0
    return sum(people for _, people, _ in row.groups), max(0.0, oldest)


def _fresh(distribution: Distribution, now: datetime) -> SharedCounts:
    """The stored counts, or new ones if they are due and no other process is counting."""
    row = _stored(distribution, now)
    if row is not None and now < max(row.next_at, row.busy_until):
        return row
    if _take(distribution, now):
        return _count(distribution, now)
    # Another process has just begun, and this one has what was counted before or nothing.
    return _stored(distribution, now) or _counted(distribution, now)


def _situation(distribution: Distribution) -> str:
    """What makes earlier counts useless when it changes: a pause or an end shows at once, and so
    does that all are frozen, since the others count as waiting until then."""
    parts = (distribution.state, distribution.preparing, distribution.resume_no)
    return " ".join(map(str, parts))


def _stored(distribution: Distribution, now: datetime) -> SharedCounts | None:
    """Counts of this situation. None of the future: the clock was set back."""
    rows = SharedCounts.objects.filter(pk=distribution.pk, situation=_situation(distribution))
    return rows.filter(at__gt=now - OLDEST, at__lte=now + COUNTING).first()


def _take(distribution: Distribution, now: datetime) -> bool:
    """Whether this process is the one that counts."""
    rows = SharedCounts.objects.filter(pk=distribution.pk)
    free = rows.filter(Q(busy_until__lte=now) | Q(busy_until__gt=now + 2 * COUNTING))
    if free.update(busy_until=now + COUNTING):
        return True
    if rows.exists():
        return False
    first = SharedCounts(
        pk=distribution.pk, at=now, next_at=now, busy_until=now + COUNTING, groups=[]
    )
    SharedCounts.objects.bulk_create([first], ignore_conflicts=True)
    return rows.filter(situation="", at=now).exists()


def _count(distribution: Distribution, now: datetime) -> SharedCounts:
    """Count for all."""
    row = _counted(distribution, now)
    SharedCounts.objects.filter(pk=distribution.pk).update(
        situation=row.situation,
        at=row.at,
        next_at=row.next_at,
        busy_until=row.busy_until,
        groups=row.groups,
    )
    return row


def _counted(distribution: Distribution, now: datetime) -> SharedCounts:
    began = time.monotonic()
    is_due = Q(state__in=CLAIMABLE, next_at__lte=now)
    rows = grouped_counts.count_stored(
        distribution,
        now=now,
        due=Count("pk", filter=is_due),
        first=Min("next_at", filter=is_due),
    )
    groups = [_as_json(group, *more) for group, more in rows]
    pause = min(max(MIN_PAUSE, COST_FACTOR * (time.monotonic() - began)), MAX_PAUSE)
    return SharedCounts(
        pk=distribution.pk,
        situation=_situation(distribution),
        at=now,
        next_at=now + timedelta(seconds=pause),
        busy_until=now,
        groups=groups,
    )


def _as_json(group: DeliveryGroup, people: int, first: datetime | None) -> Sequence[Any]:
    return (astuple(group), people, first and first.timestamp())


class Seldom(Generic[Value]):
    """Something else that takes longer the more people there are: this process does it for a large
    distribution a twentieth of the time, at least every MAX_PAUSE. For others always."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, float, Value]] = {}  # by distribution: until when

    def value(self, distribution: Distribution, make: Callable[[], Value]) -> Value:
        """What `make` returns, or returned a few seconds ago."""
        if not is_large(distribution):
            return make()
        situation = (_situation(distribution), distribution.opened_at, distribution.recipients)
        known = self._known.get(distribution.pk)
        if known is not None and known[0] == situation and time.monotonic() < known[1]:
            return known[2]
        began = time.monotonic()
        made = make()
        ended = time.monotonic()
        until = ended + min(COST_FACTOR * (ended - began), MAX_PAUSE)
        self._known[distribution.pk] = (situation, until, made)
        return made

    def news(self, distribution: Distribution, make: Callable[[], Value]) -> Value | None:
        """What `make` returns; None while it is too early to ask again."""
        made: list[Value] = []

        def note() -> Value:
            made.append(make())
            return made[0]

        self.value(distribution, note)
        return made[0] if made else None
