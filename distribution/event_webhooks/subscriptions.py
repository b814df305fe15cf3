"""Event subscriptions: their addresses and secrets; stop and replay."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from distribution.models import EventDelivery, EventSubscription, PostState
from distribution.models.outgoing import new_secret

BUILTIN = "WEBHOOK_STATUS_URL"
SECRET_OVERLAP = timedelta(days=1)  # after a change of the secret


def active() -> list[EventSubscription]:
    """The active ones with an address, the healthy ones first. WEBHOOK_STATUS_URL makes the
    built-in one."""
    if settings.WEBHOOK_STATUS_URL:
        EventSubscription.objects.get_or_create(builtin=True, defaults={"name": BUILTIN})
    rows = EventSubscription.objects.filter(active=True).order_by("failures", "pk")
    return [subscription for subscription in rows if address_of(subscription)]


def address_of(subscription: EventSubscription) -> str:
    """Its URL, or empty."""
    if subscription.builtin:
        return str(settings.WEBHOOK_STATUS_URL)
    return subscription.url


def secrets_of(subscription: EventSubscription, *, now: datetime) -> list[str]:
    """The secrets that sign its events: the current one, and the former one for SECRET_OVERLAP."""
    if subscription.builtin and settings.WEBHOOK_STATUS_SECRET:
        return [settings.WEBHOOK_STATUS_SECRET]
    overlapping = subscription.former_until is not None and now < subscription.former_until
    return [subscription.secret, *([subscription.former_secret] if overlapping else [])]


def change_secret(subscription: EventSubscription, *, now: datetime) -> str:
    """Set and return a new secret; the former one signs beside it for SECRET_OVERLAP."""
    secret = new_secret()
    EventSubscription.objects.filter(pk=subscription.pk).update(
        former_secret=F("secret"), former_until=now + SECRET_OVERLAP, secret=secret
    )
    return secret


def stop(subscription: EventSubscription, *, reason: str) -> int:
    """Deactivate it and give up its waiting deliveries; how many."""
    EventSubscription.objects.filter(pk=subscription.pk).update(
        active=False, stopped_reason=reason[:200]
    )
    waiting = EventDelivery.objects.filter(subscription=subscription, state=PostState.WAITING)
    return waiting.update(state=PostState.DEAD, error=reason[:200])


def replay(pks: Collection[int], *, now: datetime) -> int:
    """Post these again under the same ids, for a day; how many. Waiting ones stay as they are."""
    ended = EventDelivery.objects.filter(pk__in=pks).exclude(state=PostState.WAITING)
    subscriptions = list(ended.order_by().values_list("subscription", flat=True).distinct())
    count = ended.update(state=PostState.WAITING, tries=0, since=now, next_at=now)
    EventSubscription.objects.filter(pk__in=subscriptions).update(busy_until=None)
    return count
