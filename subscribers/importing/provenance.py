"""Which import added a person, which ones named them since, and which consent came by it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Q

from subscribers import inserting
from subscribers.models import ConsentEvent, ImportedPerson, ImportJob

# An import can be undone for a day after its end; it may be long, and others go on meanwhile.
RECORDED_FOR = timedelta(days=2)
DELETED_TOGETHER = 5_000

_COLUMNS = ("job_id", "subscriber_id", "is_new")


def record(job_id: int | None, added: Collection[int], named: Collection[int]) -> None:
    """Record whom an import added, and whom of those that another one added lately it named."""
    new = [(job_id, pk, True) for pk in added] if job_id else []
    again = [(job_id, pk, False) for pk in named]
    inserting.insert(ImportedPerson, _COLUMNS, [*new, *again], passing_over=True)


def forget_old(now: datetime) -> int:
    """Delete what no undo asks any more, in batches; returns how many rows."""
    old = now - RECORDED_FOR
    by_jobs = Q(job__ended_at__lt=old) & (Q(job__undo=None) | ~Q(job__undo__ended_at=None))
    rows = ImportedPerson.objects.filter(by_jobs | Q(job=None, subscriber__created_at__lt=old))
    deleted = 0
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:DELETED_TOGETHER]):
        deleted += ImportedPerson.objects.filter(pk__in=pks).delete()[0]
    return deleted


def event_source(filename: str) -> str:
    """The source of the consent events of an import."""
    return f"import:{filename}".removesuffix(":")


def event_evidence(kind: ConsentEvent.Kind, line: int, digest: str, at: datetime) -> str:
    """Names the very file and the moment: another file of the same name is other evidence."""
    return f"{kind} on line {line}, SHA-256 {digest[:16]}{_end(at)}"


def is_event_of(job: ImportJob) -> Q:
    """Which consent events the import recorded."""
    return Q(source=event_source(job.filename), evidence__endswith=_end(job.confirmed_at))


def _end(at: datetime | None) -> str:
    return f", {at.isoformat()}" if at else ", never"
