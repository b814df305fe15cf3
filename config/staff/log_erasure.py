"""The audit log without people who were erased: who did what stays, what names the person goes."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet

from subscribers.models import Subscriber
from subscribers.people.personal_data import Place, erase_mentions, erase_sealed
from subscribers.people.traces import Person

TEXTS = ("object_repr", "change_message")


def _about(person: Person) -> QuerySet[LogEntry]:
    kind = ContentType.objects.get_for_model(Subscriber)
    return LogEntry.objects.filter(content_type=kind, object_id=str(person.pk))


def _erase(person: Person, _blank: str) -> None:
    """Texts that name the person, in entries about them by any name, else by what is theirs
    alone; that somebody did something then to that row stays."""
    erase_sealed(_about(person), person, TEXTS)
    erase_mentions(LogEntry.objects.all(), person, TEXTS)


def _held(person: Person) -> list[dict[str, Any]]:
    rows = _about(person).order_by("pk")
    return list(map(dict, rows.values("action_time", "user__username", "change_message")))


PLACE = Place("django_admin_log", _erase, _held)
