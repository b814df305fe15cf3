"""Replies of people: kept once, shown masked, deleted in time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from subscribers.consent.erased_phones import opaque_id
from subscribers.models import Reply
from subscribers.models.replies import TEXT_LIMIT

DELETED_TOGETHER = 5_000
KIND_LIMIT = 20  # characters


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody whom we know wrote, by Meta's id of the message."""

    subscriber_id: int
    message_id: str
    at: datetime
    kind: str
    text: str


def keep(replies: Iterable[Said]) -> None:
    """Store them; one that is stored already stays as it is."""
    rows = [
        Reply(
            subscriber_id=said.subscriber_id,
            at=said.at,
            text=" ".join(said.text.replace("\0", "").split())[:TEXT_LIMIT],
            kind=said.kind[:KIND_LIMIT] or "text",
            digest=opaque_id(f"{said.subscriber_id} {said.message_id}")[:64],
        )
        for said in replies
    ]
    Reply.objects.bulk_create(rows, ignore_conflicts=True)


def since(moment: datetime) -> QuerySet[Reply]:
    """Replies since then."""
    return Reply.objects.filter(at__gte=moment)


def forget_old(now: datetime) -> int:
    """Delete replies after WEBHOOK_KEEP_DAYS, as the webhooks that they came by; how many."""
    old = Reply.objects.filter(at__lt=now - timedelta(days=settings.WEBHOOK_KEEP_DAYS))
    pks = list(old.order_by("pk").values_list("pk", flat=True)[:DELETED_TOGETHER])
    return Reply.objects.filter(pk__in=pks).delete()[0]
