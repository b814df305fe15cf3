"""Trying the failed again, at a person's word, and only those that certainly got nothing.

Each failed delivery is one of three. *Safe*: every call to it is on record and each ended in a
refusal or in WhatsApp's own report that it failed. *Unsafe*: one of its calls may have been
delivered. *Pointless*: the person cannot or must not be reached, however often we ask.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.ledger import deliveries as state
from distribution.ledger.reasons import Explanation, explain
from distribution.lifecycle import control
from distribution.models import (
    Attempt,
    AttemptOutcome,
    Delivery,
    Distribution,
    Duplicate,
    Progress,
    State,
)
from distribution.runtime import india_time
from phonepool import advice, errors
from subscribers.models import Status

PERMISSION = "distribution.retry_failed"
TIME_TO_SEND = timedelta(minutes=15)  # for a distribution whose window is over
CHUNK = 500
# Outcomes after which nothing can arrive.
DEFINITE = (AttemptOutcome.REJECTED, AttemptOutcome.NOT_SENT, AttemptOutcome.REPORTED)


class Chance(StrEnum):
    """What another try to a failed delivery would be."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    POINTLESS = "pointless"


class RetryError(Exception):
    """The failed cannot be tried again; the text says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """So many failed deliveries of one sort, for one reason."""

    chance: str
    explanation: Explanation
    count: int


@dataclass(slots=True)
class Preview:
    """How many failed deliveries are what, with their reasons; the three sum to the failed."""

    safe: Counter[str] = field(default_factory=Counter)  # by reason
    unsafe: Counter[str] = field(default_factory=Counter)
    pointless: Counter[str] = field(default_factory=Counter)
    unconfirmed: int = 0  # not failed, not known: decided one by one elsewhere

    @property
    def rows(self) -> list[Row]:
        """One row a sort and reason, the safe ones first, then the commonest."""
        return [
            Row(chance.value, explain(reason), count)
            for chance in Chance
            for reason, count in getattr(self, chance.value).most_common()
        ]

    @property
    def sizes(self) -> dict[str, int]:
        """How many of each sort. A template must not ask a Counter: it answers 0 to any name."""
        return {chance.value: getattr(self, chance.value).total() for chance in Chance}

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
    found = Preview()
    rows = judged(distribution.pk).order_by().values_list("chance", "reason")
    for chance, reason, count in rows.annotate(Count("pk")):
        getattr(found, chance)[reason] += count
    doubtful = Delivery.objects.filter(distribution=distribution, state=State.UNCONFIRMED)
    found.unconfirmed = doubtful.count()
    return found


def judged(distribution_id: int) -> Any:
    """A query of a distribution's failed deliveries, each with its `chance`, which types do not
    know. Doubt weighs most."""
    rows = Delivery.objects.filter(distribution_id=distribution_id, state=State.FAILED)
    calls = Attempt.objects.filter(delivery=OuterRef("pk")).order_by().values("delivery")
    kept = calls.annotate(n=Count("attempt_id", distinct=True)).values("n")
    return rows.annotate(
        kept=Coalesce(Subquery(kept, output_field=IntegerField()), 0),
        chance=Case(
            When(_may_have_arrived(), then=Value(Chance.UNSAFE.value)),
            When(_is_pointless(), then=Value(Chance.POINTLESS.value)),
            default=Value(Chance.SAFE.value),
            output_field=CharField(),
        ),
    )


def _may_have_arrived() -> Q:
    calls = Attempt.objects.filter(delivery=OuterRef("pk"))
    ended = Attempt.objects.filter(attempt_id=OuterRef("attempt_id"), outcome__in=DEFINITE)
    open_calls = calls.exclude(outcome__in=DEFINITE).exclude(Exists(ended))
    return (
        Q(progress__gte=Progress.DELIVERED)
        | Q(ambiguous_no__gt=0)  # sent again after silence once: the first may have arrived
        | Q(reason=errors.UNLISTED.slug)  # nobody has looked that code up yet
        | Q(Exists(open_calls))
        | Q(kept__lt=F("attempt_no"))  # a call without a record
        | Q(Exists(Duplicate.objects.filter(delivery=OuterRef("pk"))))
    )


def _is_pointless() -> Q:
    return Q(reason__in=advice.pointless_slugs()) | ~Q(subscriber__status=Status.ACTIVE)


def retry(distribution_id: int, *, by: User, reason: str, now: datetime) -> Retried:
    """Send to the safe ones again. Twice at once, or by two people, sends no more than once.

    RetryError without the permission or a reason, for another day's distribution, for one that
    was cancelled, after a restore, and when nobody is safe.
    """
    if not by.has_perm(PERMISSION):
        raise RetryError("This needs the permission to have the failed tried again.")
    if not reason.strip():
        raise RetryError("Give a reason: it is kept with each delivery.")
    pks = list(judged(distribution_id).filter(chance=Chance.SAFE).values_list("pk", flat=True))
    if not pks:
        raise RetryError("There is nobody to whom it could be sent again safely.")
    batches: set[int] = set()
    retried = 0
    for start in range(0, len(pks), CHUNK):
        with transaction.atomic():
            _insist(distribution_id, now)
            safe = _still_safe(distribution_id, pks[start : start + CHUNK])
            retried += state.try_failed_again(
                list(safe), by=by, reason=reason.strip(), next_at=now, now=now
            )
            batches.update(safe.values())
    return Retried(retried, sorted(batches))


def _insist(distribution_id: int, now: datetime) -> None:
    """Its day, its state and its past allow it; from here on it sends."""
    distribution = Distribution.objects.get(pk=distribution_id)
    if distribution.local_date != india_time.local_date(now):
        raise RetryError("It is another day's message: that is not sent any more.")
    if incidents.was_raised(AlertRule.QUARANTINE, distribution_id):
        raise RetryError("The database was restored during it: who got it is not known here.")
    try:
        control.reopen(distribution_id, until=now + TIME_TO_SEND)
    except control.ControlError as error:
        raise RetryError(str(error)) from None


def _still_safe(distribution_id: int, pks: list[int]) -> dict[int, int]:
    """Those that are safe with their rows locked, and each one's batch: a report may have come."""
    rows = Delivery.objects.filter(pk__in=pks, state=State.FAILED).order_by("pk")
    locked = [row.pk for row in rows.only("pk").select_for_update(of=("self",))]
    safe = judged(distribution_id).filter(pk__in=locked, chance=Chance.SAFE)
    return dict(safe.values_list("pk", "batch_no"))
