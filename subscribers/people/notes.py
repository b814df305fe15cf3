"""Notes of staff about a person."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from subscribers.models import Note
from subscribers.models.notes import NOTE_LIMIT
from subscribers.text_cleaning import clean_line

FOUND_LIMIT = 500  # people whom a search finds by their notes


def write(subscriber_id: int, text: str, *, by: str, now: datetime) -> Note | None:
    """Keep it; None without a text."""
    cleaned = clean_line(text)[:NOTE_LIMIT]
    if not cleaned:
        return None
    return Note.objects.create(subscriber_id=subscriber_id, text=cleaned, by=by, at=now)


def about(subscriber_id: int) -> QuerySet[Note]:
    """The newest first."""
    return Note.objects.filter(subscriber=subscriber_id)


def people_with(words: str) -> list[int]:
    """The ids of people with a note that contains this."""
    found = Note.objects.filter(text__icontains=words).order_by().values_list("subscriber_id")
    return sorted({pk for (pk,) in found[:FOUND_LIMIT]})
