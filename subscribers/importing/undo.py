"""Undoes an import within a day: removes the people whom it added and nobody touched since.

Their rows stay without phone, name and details, because the consent that was recorded is evidence
and stays, followed by the event that says it was withdrawn. A later file may add the same phones.
What the import changed in people who were here before is not undone.

The work runs in the background like an import: its progress is committed with the rows.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, LPad

from subscribers import audience_lock
from subscribers.consent import decisions
from subscribers.consent.decisions import Decision, Kind
from subscribers.details.values import NO_DETAILS
from subscribers.importing import undo_rules
from subscribers.importing.undo_rules import GOES
from subscribers.models import ImportJob, ImportUndo, Subscriber, Tier
from subscribers.phones import BLANK_DIGITS, BLANK_PREFIX

ROWS_TOGETHER = 500  # locked together: an opening waits for them
SOURCE = "import undone"


class UndoRefused(Exception):  # noqa: N818  # the word the page uses
    """The import cannot be undone; the message says why."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an undo is."""

    state: str  # UNDOING, UNDONE
    percent: int
    removed: int
    kept: dict[str, int]


def request(job: ImportJob, *, reason: str, by: str, now: datetime) -> ImportUndo:
    """Ask for an undo; `run` does it. Raises UndoRefused."""
    if why := undo_rules.objection(job, now=now):
        raise UndoRefused(why)
    try:
        with transaction.atomic():
            return ImportUndo.objects.create(
                job=job,
                reason=reason[:200],
                by=by[:150],
                asked_at=now,
                people=undo_rules.added(job).count(),
            )
    except IntegrityError:  # asked for twice at the same time
        raise UndoRefused(undo_rules.objection(job, now=now)) from None


def waiting(now: datetime) -> list[int]:
    """Undos without a lease: new ones, and those whose process died or made way."""
    return list(_free(now).order_by("pk").values_list("pk", flat=True))


def run(undo_id: int, *, clock: Callable[[], datetime]) -> bool:
    """Go on with an undo to its end; False if another process has it, or a distribution opens."""
    runner = str(uuid.uuid4())
    now = clock()
    if not _free(now).filter(pk=undo_id).update(runner=runner, lease_until=_lease(now)):
        return False
    held = ImportUndo.objects.filter(pk=undo_id, runner=runner, ended_at=None)
    while (undo := held.select_related("job").first()) is not None:
        with transaction.atomic():
            if not audience_lock.take_for_removal():
                held.update(lease_until=None)
                return False
            facts = _next_facts(undo, clock())
            if not held.update(**facts):
                transaction.set_rollback(True)
                return False
    return ImportUndo.objects.filter(pk=undo_id, runner=runner).exists()


def progress(undo: ImportUndo) -> Progress:
    """How far it is, for people and programs."""
    percent = 100 if undo.ended_at else min(99, 100 * undo.done // max(undo.people, 1))
    return Progress("UNDONE" if undo.ended_at else "UNDOING", percent, undo.removed, undo.kept)


def _next_facts(undo: ImportUndo, now: datetime) -> dict[str, object]:
    """Do the next batch; returns the columns of the undo that tell of it."""
    rows = undo_rules.added(undo.job).filter(subscriber__gt=undo.last_subscriber)
    ids = list(rows.values_list("subscriber_id", flat=True)[:ROWS_TOGETHER])
    if not ids:
        _forget_new_people(undo.job)
        return {"ended_at": now, "lease_until": None}
    decisions.lock_statuses(ids)  # whoever is changing one of them is waited for
    sorted_rows = undo_rules.with_reason(rows.filter(subscriber__in=ids), undo.job)
    reasons = dict(sorted_rows.values_list("subscriber_id", "reason"))
    leaving = [pk for pk in ids if reasons[pk] == GOES]
    _remove(leaving, undo, now)
    kept = Counter(undo.kept) + Counter(reason for reason in reasons.values() if reason != GOES)
    return {
        "last_subscriber": ids[-1],
        "removed": undo.removed + len(leaving),
        "kept": undo_rules.in_order(kept),
        "lease_until": _lease(now),
    }


def _remove(ids: Sequence[int], undo: ImportUndo, now: datetime) -> None:
    """Withdraw the consent that the import recorded, and delete phone, name and details."""
    evidence = f"undo of import {undo.job_id}"
    decisions.record(
        [Decision(pk, Kind.OPT_OUT, SOURCE, now, evidence, actor=undo.by) for pk in ids], now=now
    )
    digits = LPad(Cast("pk", CharField()), BLANK_DIGITS, Value("0"))
    Subscriber.objects.filter(pk__in=ids).update(
        phone=Concat(Value(BLANK_PREFIX), digits),
        tier=Tier.BASIC,
        updated_at=now,
        **NO_DETAILS,
    )


def _forget_new_people(job: ImportJob) -> None:
    """The import's page shows some of them by name."""
    kept = {kind: rows for kind, rows in job.samples.items() if kind != "new"}
    ImportJob.objects.filter(pk=job.pk).update(samples=kept)


def _free(now: datetime) -> QuerySet[ImportUndo]:
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    return ImportUndo.objects.filter(free, ended_at=None)


def _lease(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.IMPORT_LEASE_SECONDS)
