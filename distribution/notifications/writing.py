"""Write notifications in the transaction of the change (outbox pattern).

One row per person, event and channel; `alerts/notifiers/email.py` sends what is due. Without a mail
server (EMAIL_URL) nothing is written: a message a day late is worth nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import User

from distribution.models import Notification, NotificationChannel, NotificationKind
from distribution.notifications import audience
from masking.texts import mask_text

SUBJECT_LENGTH, ONCE_LENGTH = 200, 100  # characters of the columns


@dataclass(frozen=True, slots=True)
class Message:
    """What is said. Reasons and alerts are free text, so numbers in them are masked."""

    kind: NotificationKind
    subject: str
    text: str
    path: str = ""  # of the page where to act
    once: str | None = None  # the same person is told once


def notify(message: Message, user_ids: Iterable[int], *, now: datetime) -> int:
    """Write it for those of these people who get such events; how many rows."""
    if not settings.EMAIL_ENABLED:
        return 0
    channel = NotificationChannel.EMAIL
    people = audience.without_muted(message.kind, channel, user_ids)
    rows = [row(message, person, channel, now=now) for person in people if person.email]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def row(
    message: Message, person: User | None, channel: NotificationChannel, *, now: datetime
) -> Notification:
    """One message to one person, not stored yet."""
    return Notification(
        kind=message.kind,
        channel=channel,
        recipient=person,
        subject=_one_line(mask_text(message.subject))[:SUBJECT_LENGTH],
        text=mask_text(message.text),
        path=message.path,
        once=message.once[:ONCE_LENGTH] if message.once else None,
        since=now,
        next_at=now,
    )


def _one_line(text: str) -> str:
    """A line break in a subject would begin another header."""
    return " ".join(text.split())
