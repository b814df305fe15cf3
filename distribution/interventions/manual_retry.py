"""Manual retry of failed deliveries: only of those that certainly got nothing.

Each failed delivery is one of three. *Safe*: every call to it is on record and each ended in a
refusal or in WhatsApp's own report that it failed. *Unsafe*: one of its calls may have been
delivered. *Pointless*: the person cannot or must not be reached, however often it is tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, CharField, Count, Q, Value, When
from django.utils.translation import gettext as _

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.interventions import rules
from distribution.interventions.rules import InterventionError
from distribution.ledger import deliveries
from distribution.ledger.attempts import open_calls
from distribution.ledger.partitions import keys
from distribution.ledger.reasons import Explanation, explain, pointless_slugs
from distribution.models import (
    Delivery,
    Distribution,
    State,
)
from phonepool import errors
from subscribers.models import Status

PERMISSION = "distribution.retry_failed"
CHUNK_SIZE = 500  # deliveries in one transaction


class RetrySafety(StrEnum):
    """What another try of a failed delivery would be."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    POINTLESS = "pointless"


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """The count of failed deliveries of one safety, for one reason."""

    safety: str
    explanation: Explanation
    count: int


@dataclass(slots=True)
class Preview:
    """The failed deliveries counted by safety and reason; the three sum to all failed."""

    safe: Counter[str] = field(default_factory=Counter)  # by reason
    unsafe: Counter[str] = field(default_factory=Counter)
    pointless: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0  # not failed, not known: `unconfirmed.py` decides on each

    @property
    def rows(self) -> list[PreviewRow]:
        """One row per safety and reason, the safe ones first, then the commonest."""
        return [
            PreviewRow(safety.value, explain(reason), count)
            for safety in RetrySafety
            for reason, count in getattr(self, safety.value).most_common()
        ]

    @property
    def sizes(self) -> dict[str, int]:
        """Totals by safety. A template must not read a Counter: it answers 0 to any name."""
        return {safety.value: getattr(self, safety.value).total() for safety in RetrySafety}

    @property
    def total(self) -> int:
        return self.safe.total() + self.unsafe.total() + self.pointless.total()


@dataclass(frozen=True, slots=True)
class Retried:
    """How many are sent again, and the batches they are in."""

    deliveries: int
    batches: list[int]


def preview(distribution: Distribution) -> Preview:
    """What a retry would do now; nothing is changed."""
    result = Preview()
    rows = with_safety(distribution.pk).order_by().values_list("safety", "reason")
    for safety, reason, count in rows.annotate(Count("pk")):
        getattr(result, safety)[reason] += count
    unconfirmed = Delivery.objects.filter(distribution=distribution, state=State.UNCONFIRMED)
    result.unconfirmed = unconfirmed.count()
    return result


def with_safety(distribution_id: int) -> Any:
    """A query of a distribution's failed deliveries, each annotated with its `safety`.

    Unsafe comes before pointless. `Any`: the annotation is no attribute of Delivery's type.
    """
    rows = Delivery.objects.filter(distribution_id=distribution_id, state=State.FAILED)
    return open_calls.annotate(rows).annotate(
        safety=Case(
            When(_may_have_arrived(), then=Value(RetrySafety.UNSAFE.value)),
            When(_is_pointless(), then=Value(RetrySafety.POINTLESS.value)),
            default=Value(RetrySafety.SAFE.value),
            output_field=CharField(),
        ),
    )


def _may_have_arrived() -> Q:
    unlisted = Q(reason=errors.UNLISTED.slug)  # a code that is not in our table yet
    return open_calls.may_have_arrived() | unlisted


def _is_pointless() -> Q:
    return Q(reason__in=pointless_slugs()) | ~Q(subscriber__status=Status.ACTIVE)


def safe_ones(distribution_id: int) -> Any:
    """The query of what `retry` would send again."""
    return with_safety(distribution_id).filter(safety=RetrySafety.SAFE)


def retry(
    distribution_id: int,
    *,
    by: User,
    reason: str,
    now: datetime,
    only: Sequence[int] | None = None,
) -> Retried:
    """Send to the safe ones again. Two calls at once, or of two people, send no more than once.

    `only`: the ids of those that a person saw and chose; all by default.

    InterventionError without the permission or a reason, for another day's distribution, for one
    that was cancelled, after a restore, and when no delivery is safe.
    """
    rules.require_permission(
        by, PERMISSION, refusal=_("You don’t have permission to retry failed deliveries.")
    )
    reason = rules.require_reason(reason, kept_with=_("each delivery"))
    pks = list(safe_ones(distribution_id).values_list("pk", flat=True)) if only is None else only
    if not pks:
        raise InterventionError(_("No failed delivery can be retried safely."))
    batches: set[int] = set()
    retried = 0
    for start in range(0, len(pks), CHUNK_SIZE):
        with transaction.atomic():
            _open_for_retry(distribution_id, now)
            safe = _still_safe(distribution_id, pks[start : start + CHUNK_SIZE])
            retried += deliveries.retry_failed(
                list(safe),
                distribution_id=distribution_id,
                by=by,
                reason=reason,
                next_at=now,
                now=now,
            )
            batches.update(safe.values())
    return Retried(retried, sorted(batches))


def _open_for_retry(distribution_id: int, now: datetime) -> None:
    """Check that its day, its history and its state allow it, and reopen it."""
    rules.require_same_day(Distribution.objects.get(pk=distribution_id), now)
    if incidents.was_raised(AlertRule.QUARANTINE, distribution_id):
        raise InterventionError(
            _("The database was restored during this distribution, so it is not known who got it.")
        )
    rules.reopen(distribution_id, now)


def _still_safe(distribution_id: int, pks: Sequence[int]) -> dict[int, int]:
    """Those still safe once their rows are locked, by batch: a report may have come meanwhile."""
    rows = keys.rows(pks, distribution_id).filter(state=State.FAILED).order_by("pk")
    locked = [row.pk for row in rows.only("pk").select_for_update(of=("self",))]
    safe = with_safety(distribution_id).filter(pk__in=locked, safety=RetrySafety.SAFE)
    return dict(safe.values_list("pk", "batch_no"))
