"""What the checks look at: Meta's answers, and what the database holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from config.setup import meta
from config.setup.meta import Readings
from distribution.cached import audience
from distribution.lifecycle import content_choice, schedule
from distribution.lifecycle.content_choice import ContentChoice
from distribution.models import Content, ContentState, Distribution, SetupMessage
from phonepool.models import PhoneNumber
from webhooks.applying.payloads import READERS
from webhooks.models import WebhookEvent

APPROVED = (ContentState.APPROVED, ContentState.REPLACED)


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it at one moment."""

    now: datetime
    meta: Readings
    fields: frozenset[str]  # of webhooks, that are read here
    numbers: Sequence[PhoneNumber]
    audience: int
    webhook_at: datetime | None  # when the latest was received
    message: SetupMessage | None  # the latest test message
    next_due: Distribution | None
    choice: ContentChoice | None  # what the next distribution sends
    fallback: Content | None
    has_content: bool  # anything was ever approved
    delivered_at: datetime | None  # when a distribution that was delivered began

    @staticmethod
    def clock(moment: datetime) -> str:
        """29 Nov, 06:00 IST."""
        return f"{timezone.localtime(moment):%-d %b, %H:%M %Z}"


def read(now: datetime) -> Facts:
    """Ask Meta first, without a transaction; then read a few small tables."""
    told = meta.read()
    upcoming = schedule.next_due(now)
    ended = Distribution.objects.filter(sla_delivered__gt=0).order_by("-opened_at")
    webhooks = WebhookEvent.objects.order_by("-pk").values_list("received_at", flat=True)
    return Facts(
        now=now,
        meta=told,
        fields=frozenset(READERS),
        numbers=list(PhoneNumber.objects.all()),
        audience=audience.total(),
        webhook_at=webhooks.first(),
        message=SetupMessage.objects.order_by("-at", "-pk").first(),
        next_due=upcoming,
        choice=content_choice.choose(upcoming) if upcoming else None,
        fallback=Content.objects.fallback(),
        has_content=Content.objects.filter(state__in=APPROVED).exists(),
        delivered_at=ended.values_list("opened_at", flat=True).first(),
    )
