"""Stored day-level figures that equal the deliveries, so that no request has to count those.

A change of deliveries of an ended distribution leaves a mark in the same transaction; the tick
counts marked distributions again. Deliveries are read without a lock: a change during the count
has left another mark by then.
"""

from __future__ import annotations

import logging
import time
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Case, CharField, Count, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import ExtractHour

from distribution.cost import booking
from distribution.ledger import rollup_marks
from distribution.ledger.template_shares import template_in_sql
from distribution.models import Delivery, Distribution, Progress, State
from distribution.models.distributions import ENDED, RUNNING
from distribution.models.rollups import Outcome, Rollup, RollupState
from distribution.runtime import india_time
from distribution.runtime.long_statements import long_statements

log = logging.getLogger(__name__)

# Late reports arrive all day: a distribution is counted at most this often …
MIN_RECOUNT_INTERVAL = timedelta(seconds=30)
IDLE_TO_COUNTING_RATIO = 60  # … and for at most a sixtieth of the time
DISTRIBUTIONS_PER_REFRESH = 20
INSERT_BATCH_SIZE = 1000

OUTCOME_OF_STATE = Case(
    When(state__in=[State.ACCEPTED, State.HELD], then=Value(Outcome.ACCEPTED.value)),
    When(state=State.FAILED, then=Value(Outcome.FAILED.value)),
    When(state=State.SKIPPED, then=Value(Outcome.SKIPPED.value)),
    When(state=State.UNCONFIRMED, then=Value(Outcome.UNCONFIRMED.value)),
    default=Value(Outcome.WAITING.value),
    output_field=CharField(),
)
REASON_IF_NOT_ACCEPTED = Case(
    When(state__in=[State.FAILED, State.SKIPPED, State.UNCONFIRMED], then=F("reason")),
    default=Value(""),
    output_field=CharField(),
)
ACCEPTED = Q(state__in=[State.ACCEPTED, State.HELD])


def refresh(now: datetime) -> int:
    """Count marked distributions that have ended; how many were counted."""
    rows = Distribution.objects.filter(pk__in=rollup_marks.marked(), state__in=ENDED)
    marked = rows.select_related("rollup_state").order_by("pk")
    due = [distribution for distribution in marked if _is_due(distribution, now)]
    return sum(recount(distribution, now=now) for distribution in due[:DISTRIBUTIONS_PER_REFRESH])


def recount(distribution: Distribution, *, now: datetime) -> bool:
    """Count one distribution; False if another process did meanwhile, whose count is kept."""
    if distribution.deliveries_removed_at is not None:  # nothing could be counted any more
        rollup_marks.delete(rollup_marks.marks_of(distribution.pk))
        return False
    began = time.monotonic()
    last = RollupState.objects.filter(pk=distribution.pk).values_list("version", flat=True).first()
    marks = rollup_marks.marks_of(distribution.pk)
    with long_statements():
        rows = [Rollup(**row) for row in count_rows(distribution)]
        costs = booking.count(distribution)
    took_ms = int((time.monotonic() - began) * 1000)
    with transaction.atomic():
        if not _is_next(distribution, last, now, took_ms):
            return False
        Rollup.objects.filter(distribution=distribution).delete()
        Rollup.objects.bulk_create(rows, batch_size=INSERT_BATCH_SIZE)
        booking.store(distribution, costs)
        # Open deliveries change without a mark, which would slow sending down: keep these marks.
        if not any(row.outcome == Outcome.WAITING for row in rows):
            rollup_marks.delete(marks)
    return True


def count_rows(distribution: Distribution) -> list[dict[str, Any]]:
    """Count the deliveries into rows like the stored ones: one long query."""
    alike = ("tier", "number_id", "language", "hour", "outcome", "why", "template")
    deliveries = Delivery.objects.filter(distribution=distribution).order_by()
    rows = (
        deliveries.annotate(
            outcome=OUTCOME_OF_STATE,
            why=REASON_IF_NOT_ACCEPTED,
            template=template_in_sql(distribution),
            hour=Case(When(ACCEPTED, then=ExtractHour("accepted_at", tzinfo=india_time.zone()))),
        )
        .values(*alike)
        .annotate(
            count=Count("pk"),
            delivered=Count("pk", filter=ACCEPTED & Q(progress__gte=Progress.DELIVERED)),
            read=Count("pk", filter=ACCEPTED & Q(progress=Progress.READ)),
        )
    )
    common = {
        "distribution_id": distribution.pk,
        "day": distribution.local_date,
    }
    return [
        {
            **common,
            "reason": row.pop("why"),
            "message_template_id": row.pop("template"),
            **row,
        }
        for row in rows
    ]


def rebuild(start: date, end: date, *, now: datetime) -> int:
    """Count every ended distribution of these days, marked or not; how many. Those whose deliveries
    were removed keep their figures."""
    days = Distribution.objects.filter(local_date__range=(start, end), state__in=ENDED)
    return sum(recount(one, now=now) for one in days.order_by("pk"))


def differing(start: date, end: date) -> list[Distribution]:
    """Unmarked ended distributions whose stored figures differ from their deliveries: none.

    For tests and for a check by hand; each distribution costs a count.
    """
    days = Distribution.objects.filter(local_date__range=(start, end), state__in=ENDED)
    there = days.filter(deliveries_removed_at=None)
    unmarked = there.exclude(pk__in=rollup_marks.marked()).order_by("pk")
    return [row for row in unmarked if _as_set(count_rows(row)) != _as_set(_stored_of(row))]


def _stored_of(distribution: Distribution) -> list[dict[str, Any]]:
    columns = [field.attname for field in Rollup._meta.concrete_fields if field.name != "id"]
    return list(Rollup.objects.filter(distribution=distribution).values(*columns))


def _as_set(rows: list[dict[str, Any]]) -> set[tuple[tuple[str, Any], ...]]:
    return {tuple(sorted(row.items())) for row in rows}


def stored(start: date, end: date) -> QuerySet[Rollup]:
    """The figures of these days, the last one included."""
    return Rollup.objects.filter(day__range=(start, end)).order_by()


def as_of(start: date, end: date) -> tuple[datetime | None, int]:
    """When these days were counted last, and how many distributions have changed since."""
    states = RollupState.objects.filter(day__range=(start, end))
    days = Distribution.objects.filter(local_date__range=(start, end))
    behind = days.filter(Q(state__in=RUNNING) | Q(pk__in=rollup_marks.marked(), state__in=ENDED))
    return states.aggregate(last=Max("as_of"))["last"], behind.count()


def stamp(start: date, end: date) -> tuple[int, int]:
    """Changes whenever the stored figures of these days change: versions only rise."""
    states = RollupState.objects.filter(day__range=(start, end)).order_by()
    sums = states.aggregate(counted=Count("pk"), versions=Sum("version"))
    return sums["counted"], sums["versions"] or 0


def _is_due(distribution: Distribution, now: datetime) -> bool:
    try:
        last = distribution.rollup_state
    except RollupState.DoesNotExist:
        return True
    pause = max(MIN_RECOUNT_INTERVAL, timedelta(milliseconds=IDLE_TO_COUNTING_RATIO * last.took_ms))
    return abs(now - last.as_of) >= pause


def _is_next(distribution: Distribution, last: int | None, now: datetime, took_ms: int) -> bool:
    """Compare-and-set, so that an older count never overwrites a newer one."""
    if last is not None:
        rows = RollupState.objects.filter(pk=distribution.pk, version=last)
        return bool(rows.update(version=last + 1, as_of=now, took_ms=took_ms))
    first = RollupState(
        distribution=distribution,
        day=distribution.local_date,
        as_of=now,
        version=1,
        took_ms=took_ms,
    )
    try:
        with transaction.atomic():
            first.save(force_insert=True)
    except IntegrityError:
        return False
    return True
