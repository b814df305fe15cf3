"""Pauses that end by themselves on a day that was said when they began."""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from subscribers.consent import decisions
from subscribers.consent.decisions import Decision, Kind
from subscribers.models import ConsentEvent, Status

SOURCE = "pause ended"


def objection_to_end(day: date, now: datetime) -> str:
    """Why a pause cannot end on that day; '' if it can."""
    return _("Choose tomorrow or a later date.") if day <= timezone.localdate(now) else ""


def end_due(now: datetime) -> int:
    """Resume those whose pause ends today or has ended, in India; how many were resumed."""
    due = _latest().filter(
        resumes_on__lte=timezone.localdate(now), subscriber__status=Status.PAUSED
    )
    found = due.values_list("pk", "subscriber_id", "resumes_on")
    return len(
        decisions.record(
            [
                Decision(person, Kind.RESUME, SOURCE, now, f"pause {pk}, until {day}")
                for pk, person, day in found
            ],
            now=now,
        )
    )


def ends_on(subscriber_id: int) -> date | None:
    """The day on which a person's present pause ends by itself; None if somebody must end it."""
    latest = _latest().filter(subscriber=subscriber_id, subscriber__status=Status.PAUSED)
    return latest.values_list("resumes_on", flat=True).first()


def _latest() -> QuerySet[ConsentEvent]:
    """The pauses with an end that no later pause replaced."""
    later = ConsentEvent.objects.filter(subscriber=OuterRef("subscriber"), kind=Kind.PAUSE)
    same_time = Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    replaced = Exists(later.filter(Q(at__gt=OuterRef("at")) | same_time))
    return ConsentEvent.objects.filter(~replaced, kind=Kind.PAUSE, resumes_on__isnull=False)
