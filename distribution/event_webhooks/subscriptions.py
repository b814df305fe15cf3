"""Who listens, at which address and under which secret."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F

from distribution.models import EventDelivery, EventSubscription, PostState
from distribution.models.outgoing import new_secret

BUILTIN = "WEBHOOK_STATUS_URL"
BOTH_SIGN = timedelta(days=1)  # after a change of the secret


def listening() -> list[EventSubscription]:
    """The active ones, the healthy ones first; the built-in one while its address is set."""
    if settings.WEBHOOK_STATUS_URL:
        EventSubscription.objects.get_or_create(builtin=True, defaults={"name": BUILTIN})
    active = EventSubscription.objects.filter(active=True).order_by("failures", "pk")
    return [one for one in active if address_of(one)]


def address_of(subscription: EventSubscription) -> str:
    """Where its events go; empty: nowhere."""
    if subscription.builtin:
        return str(settings.WEBHOOK_STATUS_URL)
    return subscription.url


def secrets_of(subscription: EventSubscription, *, now: datetime) -> list[str]:
    """What signs its events: its secret, and for a day after a change the former one, too."""
    if subscription.builtin and settings.WEBHOOK_STATUS_SECRET:
        return [settings.WEBHOOK_STATUS_SECRET]
    both = subscription.former_until is not None and now < subscription.former_until
    return [subscription.secret, *([subscription.former_secret] if both else [])]


def change_secret(subscription: EventSubscription, *, now: datetime) -> str:
    """Give it a new secret; the former one signs beside it for a day. Returns the new one."""
    secret = new_secret()
    EventSubscription.objects.filter(pk=subscription.pk).update(
        former_secret=F("secret"), former_until=now + BOTH_SIGN, secret=secret
    )
    return secret


def stop(subscription: EventSubscription, *, reason: str) -> int:
    """It wants no more: post nothing, and give up what waits; how many that was."""
    EventSubscription.objects.filter(pk=subscription.pk).update(
        active=False, stopped_reason=reason[:200]
    )
    waiting = EventDelivery.objects.filter(subscription=subscription, state=PostState.WAITING)
    return waiting.update(state=PostState.DEAD, error=reason[:200])


def replay(pks: Collection[int], *, now: datetime) -> int:
    """Post these again under the same ids, for a day; how many. What waits already is left."""
    ended = EventDelivery.objects.filter(pk__in=pks).exclude(state=PostState.WAITING)
    owners = list(ended.order_by().values_list("subscription", flat=True).distinct())
    count = ended.update(state=PostState.WAITING, tries=0, since=now, next_at=now)
    EventSubscription.objects.filter(pk__in=owners).update(busy_until=None)
    return count
