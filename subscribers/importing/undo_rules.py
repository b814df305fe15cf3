"""Whom the undo of an import removes, and why others stay; and whether it can still be undone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from subscribers.importing import provenance
from subscribers.models import (
    ConsentEvent,
    ImportedPerson,
    ImportJob,
    ImportState,
    ImportUndo,
    Note,
    Status,
    WhatsAppIdentity,
)
from subscribers.shown_part import Part

UNDO_TIME = timedelta(hours=24)  # after the end of the import
SHOWN_LIMIT = 20  # people that the confirmation shows

ENDED = (ImportState.DONE, ImportState.CANCELLED, ImportState.REFUSED)
GOES = ""
# Why somebody stays; the first reason that holds is counted.
KEPT_REASONS = {
    "messaged": "are in a distribution or sent a message",
    "opted_out": "opted out",
    "changed": "were changed since",
    "named": "are in a later import",
}

# Given the rows of ImportedPerson: which have a message to their subscriber.
Messaged = Callable[[], Exists]
_messaged: list[Messaged] = []


def register_messages(messaged: Messaged) -> None:
    """Register how an app above knows who was written to, or is to be. Twice is once."""
    if messaged not in _messaged:
        _messaged.append(messaged)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an undo would do now."""

    removed: int
    kept: dict[str, int]  # by the reason
    not_undone: int  # people who were here before, whose details the import changed
    first: Part  # phone and name of some who go


def objection(job: ImportJob, *, now: datetime) -> str:
    """Why the import cannot be undone, as a sentence; '' if it can."""
    if ImportUndo.objects.filter(job=job).exists():
        return "This import was already undone."
    if job.state not in ENDED or job.confirmed_at is None or job.ended_at is None:
        return "Only an import that has ended can be undone."
    if now - job.ended_at > UNDO_TIME:
        ended = f"{timezone.localtime(job.ended_at):%-d %B, %H:%M %Z}"
        return (
            f"An import can be undone within 24 hours. This one ended on {ended}."
            " Unsubscribe or erase people on their own pages instead."
        )
    if not added(job).exists():
        return "This import added nobody, so there is nothing to undo."
    return ""


def added(job: ImportJob) -> QuerySet[ImportedPerson]:
    """Whom the import added, in the order of their ids."""
    return ImportedPerson.objects.filter(job=job, is_new=True).order_by("subscriber")


def preview(job: ImportJob) -> Preview:
    """Who would go and who would stay: counted by the database, in two statements."""
    rows = with_reason(added(job), job)
    found = rows.order_by().values_list("reason").annotate(people=Count("pk"))
    counts: Counter[str] = Counter(dict(found))
    removed = counts.pop(GOES, 0)
    first = rows.filter(reason=GOES) if removed else rows.none()
    details = first.values_list("subscriber__phone", "subscriber__name")[:SHOWN_LIMIT]
    return Preview(
        removed,
        in_order(counts),
        job.counts.get("changed", 0),
        Part(list(details), 0, removed, SHOWN_LIMIT),
    )


def in_order(counts: Counter[str]) -> dict[str, int]:
    """The counts of people who stay, in the order of KEPT_REASONS."""
    return {reason: counts[reason] for reason in KEPT_REASONS if counts[reason]}


def kept_texts(kept: dict[str, int]) -> list[str]:
    """Who stays, in sentences."""
    return [
        f"{count:,} {'stays' if count == 1 else 'stay'}: they {KEPT_REASONS[reason]}."
        for reason, count in kept.items()
    ]


def with_reason(rows: QuerySet[ImportedPerson], job: ImportJob) -> QuerySet[Any]:
    """The rows with `reason`: why the person stays, or GOES.

    Nobody goes who opted out, whoever said so: a later file must not subscribe them by mistake.
    """
    person = OuterRef("subscriber_id")
    messages = [messaged() for messaged in _messaged]
    identities = Exists(WhatsAppIdentity.objects.filter(subscriber=person))
    events = ConsentEvent.objects.filter(subscriber=person)
    decided = Exists(events.exclude(provenance.is_event_of(job)))
    named = ImportedPerson.objects.filter(subscriber=person).filter(~Q(job=job) | Q(job=None))
    noted = Exists(Note.objects.filter(subscriber=person))
    changed = Q(subscriber__updated_at__gt=F("subscriber__created_at")) | Q(decided) | Q(noted)
    cases: Iterable[tuple[Q, str]] = (
        (reduce(or_, map(Q, [*messages, identities])), "messaged"),
        (Q(subscriber__status=Status.UNSUBSCRIBED), "opted_out"),
        (changed, "changed"),
        (Q(Exists(named)), "named"),
    )
    whens = [When(condition, then=Value(reason)) for condition, reason in cases]
    return rows.annotate(reason=Case(*whens, default=Value(GOES), output_field=CharField()))
