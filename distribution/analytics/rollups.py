"""Day-level figures that always equal the deliveries, without ever counting those on request.

Whoever changes deliveries of an ended distribution leaves a mark in the same transaction; the
regular check counts what is marked anew. Deliveries are read without a lock: what changes
meanwhile has left another mark by then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Case, CharField, Count, F, Max, Q, QuerySet, Sum, Value, When
from django.db.models.functions import ExtractHour

from distribution.models import Delivery, Distribution, Progress, State
from distribution.models.distributions import ENDED, RUNNING
from distribution.models.rollups import Outcome, Rollup, RollupMark, RollupState
from distribution.runtime import india_time

log = logging.getLogger(__name__)

# Late reports trickle in all day: a distribution is counted so often at most …
SOONEST = timedelta(seconds=30)
SHARE = 60  # … and never for more than a sixtieth of the time
MOST = 20  # distributions a round
CHUNK = 1000
# A statement may take 15 s; a million deliveries, on a busy machine, take longer.
PATIENCE = "SET LOCAL statement_timeout = '10min'"

OUTCOMES = Case(
    When(state__in=[State.ACCEPTED, State.HELD], then=Value(Outcome.ACCEPTED.value)),
    When(state=State.FAILED, then=Value(Outcome.FAILED.value)),
    When(state=State.SKIPPED, then=Value(Outcome.SKIPPED.value)),
    When(state=State.UNCONFIRMED, then=Value(Outcome.UNCONFIRMED.value)),
    default=Value(Outcome.WAITING.value),
    output_field=CharField(),
)
REASONS = Case(
    When(state__in=[State.FAILED, State.SKIPPED, State.UNCONFIRMED], then=F("reason")),
    default=Value(""),
    output_field=CharField(),
)
WENT = Q(state__in=[State.ACCEPTED, State.HELD])


def mark(distribution_ids: Collection[int], *, now: datetime) -> None:
    """Deliveries of these changed. Call it in the transaction that changes them."""
    RollupMark.objects.bulk_create(
        [RollupMark(distribution_id=pk, at=now) for pk in sorted(set(distribution_ids))]
    )


def refresh(now: datetime) -> int:
    """Count anew what is marked and has ended; how many distributions."""
    marked = RollupMark.objects.order_by().values("distribution")
    rows = Distribution.objects.filter(pk__in=marked, state__in=ENDED)
    due = [one for one in rows.select_related("rollup_state").order_by("pk") if _is_due(one, now)]
    return sum(recount(one, now=now) for one in due[:MOST])


def recount(distribution: Distribution, *, now: datetime) -> bool:
    """Count one distribution; False when somebody else did meanwhile, whose count then stands."""
    began = time.monotonic()
    last = RollupState.objects.filter(pk=distribution.pk).values_list("version", flat=True).first()
    seen = list(RollupMark.objects.filter(distribution=distribution).values_list("pk", flat=True))
    rows = [Rollup(**row) for row in _counted_patiently(distribution)]
    took_ms = int((time.monotonic() - began) * 1000)
    with transaction.atomic():
        if not _is_next(distribution, last, now, took_ms):
            return False
        Rollup.objects.filter(distribution=distribution).delete()
        Rollup.objects.bulk_create(rows, batch_size=CHUNK)
        # What has not ended will change without a mark: sending does not pay for one.
        if not any(row.outcome == Outcome.WAITING for row in rows):
            for start in range(0, len(seen), CHUNK):
                RollupMark.objects.filter(pk__in=seen[start : start + CHUNK]).delete()
    return True


def _counted_patiently(distribution: Distribution) -> list[dict[str, Any]]:
    if connection.vendor != "postgresql":  # SQLite's transaction would hold up every writer
        return counted(distribution)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PATIENCE)
        return counted(distribution)


def counted(distribution: Distribution) -> list[dict[str, Any]]:
    """What the deliveries say themselves, in the form of the stored figures: one long query."""
    alike = ("tier", "number_id", "language", "hour", "outcome", "why")
    deliveries = Delivery.objects.filter(distribution=distribution).order_by()
    rows = (
        deliveries.annotate(
            outcome=OUTCOMES,
            why=REASONS,
            hour=Case(When(WENT, then=ExtractHour("accepted_at", tzinfo=india_time.zone()))),
        )
        .values(*alike)
        .annotate(
            count=Count("pk"),
            arrived=Count("pk", filter=WENT & Q(progress__gte=Progress.DELIVERED)),
            seen=Count("pk", filter=WENT & Q(progress=Progress.READ)),
        )
    )
    template = distribution.content.message_template_id if distribution.content else None
    common = {
        "distribution_id": distribution.pk,
        "day": distribution.local_date,
        "message_template_id": template,
    }
    return [
        {
            **common,
            **{name: row[name] for name in ("tier", "number_id", "language", "hour", "outcome")},
            "reason": row["why"],
            "count": row["count"],
            "delivered": row["arrived"],
            "read": row["seen"],
        }
        for row in rows
    ]


def rebuild(start: date, end: date, *, now: datetime) -> int:
    """Count every ended distribution of these days anew, marked or not; how many."""
    days = Distribution.objects.filter(local_date__range=(start, end), state__in=ENDED)
    return sum(recount(one, now=now) for one in days.order_by("pk"))


def differing(start: date, end: date) -> list[Distribution]:
    """Ended distributions whose stored figures are not their deliveries', and that nobody marked.

    A promise that is always kept; this is how to ask. Each costs a count.
    """
    marked = RollupMark.objects.order_by().values("distribution")
    days = Distribution.objects.filter(local_date__range=(start, end), state__in=ENDED)
    unmarked = days.exclude(pk__in=marked).order_by("pk")
    return [one for one in unmarked if _as_set(counted(one)) != _as_set(_stored_of(one))]


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
    marked = RollupMark.objects.order_by().values("distribution")
    behind = days.filter(Q(state__in=RUNNING) | Q(pk__in=marked, state__in=ENDED))
    return states.aggregate(last=Max("as_of"))["last"], behind.count()


def stamp(start: date, end: date) -> tuple[int, int]:
    """Another one whenever the stored figures of these days are others: versions only rise."""
    states = RollupState.objects.filter(day__range=(start, end)).order_by()
    found = states.aggregate(counted=Count("pk"), versions=Sum("version"))
    return found["counted"], found["versions"] or 0


def _is_due(distribution: Distribution, now: datetime) -> bool:
    try:
        last = distribution.rollup_state
    except RollupState.DoesNotExist:
        return True
    pause = max(SOONEST, timedelta(milliseconds=SHARE * last.took_ms))
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
