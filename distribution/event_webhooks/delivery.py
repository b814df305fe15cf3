"""One round: spread what is new, then post to each listener what is due.

A listener belongs to one sender at a time, by a lease. After a failure it rests, ever longer up
to five minutes, so that a dead one is asked rarely and does not hold up the others.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from standardwebhooks import Webhook

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.event_webhooks import fan_out, http_post, subscriptions
from distribution.event_webhooks.http_post import Answer
from distribution.models import (
    Alert,
    EventDelivery,
    EventSubscription,
    OutgoingEvent,
    PostState,
)
from distribution.runtime.background import BackgroundJob

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

GIVE_UP = timedelta(days=1)
DELAYS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)  # seconds between an event's tries
RESTS = (5, 15, 60, 300)  # seconds that a listener rests after failures in a row
LEASE = timedelta(seconds=60)
ROUND_SECONDS = 10.0  # for one listener; then the others have their turn
MOST = 100  # events in that time
GONE = 410
DELETED_AT_ONCE = 5000  # of old events


def run(clock: Clock = timezone.now) -> int:
    """Spread and post what is due; how many events were taken by their receivers."""
    fan_out.spread(clock())
    taken = sum(_serve(one, clock) for one in subscriptions.listening())
    _close_over(clock())
    return taken


def is_behind(now: datetime, patience: timedelta) -> bool:
    """Whether something has been waiting for `patience` and nobody sends it."""
    late = now - patience
    due = EventDelivery.objects.due(late).filter(subscription=OuterRef("pk"))
    owed = EventSubscription.objects.free(late).filter(Exists(due))
    unspread = OutgoingEvent.objects.filter(spread_at=None, at__lte=late)
    return unspread.exists() or owed.exists()


def forget_old(now: datetime) -> int:
    """Delete what was told EVENT_KEEP_DAYS ago, with its copies; how many events."""
    old = OutgoingEvent.objects.filter(spread_at__lt=now - timedelta(days=settings.EVENT_KEEP_DAYS))
    pks = list(old.order_by("pk").values_list("pk", flat=True)[:DELETED_AT_ONCE])
    OutgoingEvent.objects.filter(pk__in=pks).delete()
    return len(pks)


def _serve(subscription: EventSubscription, clock: Clock) -> int:
    """Post what is due to one listener, until one fails or its time is over."""
    if not _is_mine(subscription, clock()):
        return 0
    began, taken, failed = time.monotonic(), 0, False
    due = EventDelivery.objects.due(clock()).filter(subscription=subscription)
    rows = due.select_related("event").order_by("pk")
    for delivery in rows[:MOST]:
        answer = _post(subscription, delivery, clock())
        _settle(delivery, answer, clock())
        taken += answer.ok
        if answer.status == GONE:
            subscriptions.stop(subscription, reason="The receiver answered 410: it is gone.")
        failed = not answer.ok and not _is_about_this_one(answer)
        if failed or answer.status == GONE or time.monotonic() - began > ROUND_SECONDS:
            break
    _release(subscription, clock(), taken=taken, failed=failed)
    return taken


def _is_mine(subscription: EventSubscription, now: datetime) -> bool:
    """Whether it is ours alone for now; not while somebody serves it or it rests."""
    rows = EventSubscription.objects.free(now).filter(pk=subscription.pk)
    due = EventDelivery.objects.due(now).filter(subscription=subscription)
    return due.exists() and bool(rows.update(busy_until=now + LEASE))


def _post(subscription: EventSubscription, delivery: EventDelivery, now: datetime) -> Answer:
    event = delivery.event
    told = {"type": event.kind, "timestamp": event.at, "data": event.data}
    body = json.dumps(told, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
    signatures = [
        Webhook(secret).sign(event.uid, now.astimezone(UTC), body)
        for secret in subscriptions.secrets_of(subscription, now=now)
    ]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Daybreak",
        "webhook-id": event.uid,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return http_post.post(subscriptions.address_of(subscription), body.encode(), headers)


def _settle(delivery: EventDelivery, answer: Answer, now: datetime) -> None:
    rows = EventDelivery.objects.filter(pk=delivery.pk, state=PostState.WAITING)
    tried = {"tries": F("tries") + 1, "status": answer.status, "error": answer.error[:200]}
    if answer.ok:
        rows.update(state=PostState.DELIVERED, delivered_at=now, **tried)
        return
    seconds = max(DELAYS[min(delivery.tries, len(DELAYS) - 1)], answer.retry_after)
    end = delivery.since + GIVE_UP
    later = now + timedelta(seconds=seconds)
    rows.update(next_at=min(later, end) if now < end else later, **tried)


def _is_about_this_one(answer: Answer) -> bool:
    """Refused for what it says: the receiver is there, and the next event may please it."""
    return answer.status is not None and 400 <= answer.status < 500 and answer.status != 429


def _close_over(now: datetime) -> None:
    """An alert is over when nothing of its subscription is dead any more, or nothing is left."""
    rule = AlertRule.EVENTS_UNDELIVERED
    for alert in Alert.objects.filter(rule=rule, closed_at=None).order_by("pk"):
        pk = int(rule.scope_type.parse(alert.scope))
        if not EventDelivery.objects.filter(subscription=pk, state=PostState.DEAD).exists():
            incidents.close_alert(rule, pk, now=now)


def _release(subscription: EventSubscription, now: datetime, *, taken: int, failed: bool) -> None:
    """Let the next sender have it, after a rest if it failed; give up what is a day old."""
    row = EventSubscription.objects.filter(pk=subscription.pk)
    if failed:
        failures = 1 if taken else subscription.failures + 1
        rest = timedelta(seconds=RESTS[min(failures, len(RESTS)) - 1])
        row.update(busy_until=now + rest, failures=min(failures, 30_000))
    else:
        row.update(busy_until=None, failures=0)
    tried = EventDelivery.objects.filter(subscription=subscription, state=PostState.WAITING)
    dead = tried.filter(since__lte=now - GIVE_UP).update(state=PostState.DEAD)
    if dead or not EventSubscription.objects.filter(pk=subscription.pk, active=True).exists():
        incidents.raise_alert(
            AlertRule.EVENTS_UNDELIVERED,
            subscription.pk,
            message=f"“{subscription}” does not take its events: look at the event deliveries, "
            "mend the receiver, and send the dead ones again.",
            now=now,
        )
    elif taken:
        incidents.close_alert(AlertRule.EVENTS_UNDELIVERED, subscription.pk, now=now)


posting = BackgroundJob("outgoing events", run)  # receivers may be slow to answer
