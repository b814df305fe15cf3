"""One round of delivery: fan out new events, then post the due ones to each subscription.

One process at a time serves a subscription, by a lease. After a failure the subscription rests,
longer each time up to five minutes, so that a dead receiver is tried rarely and does not delay
the others.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from standardwebhooks import Webhook

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.event_webhooks import fan_out, http_post, subscriptions
from distribution.event_webhooks.http_post import PostResult
from distribution.models import EventDelivery, EventSubscription, OutgoingEvent, PostState
from distribution.models.outgoing import new_uid
from distribution.runtime.background import BackgroundJob

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

GIVE_UP_AFTER = timedelta(days=1)
# After an event's first, second … failed try; after consecutive failures of a subscription.
RETRY_DELAYS_SECONDS = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
REST_SECONDS = (5, 15, 60, 300)
LEASE = timedelta(seconds=60)
TURN_SECONDS = 10.0  # for one subscription, then the next one is served
EVENTS_PER_TURN = 100
GONE = 410  # HTTP status
TEST = "test"  # the type of an event that a person sends to try a receiver
DELETE_LIMIT = 5000  # old events in one call


def deliver_due(clock: Clock = timezone.now) -> int:
    """Fan out and post what is due; how many events their receivers accepted."""
    fan_out.fan_out(clock())
    accepted = sum(_deliver_to(row, clock) for row in subscriptions.active())
    _close_settled_alerts(clock())
    return accepted


def is_behind(now: datetime, tolerance: timedelta) -> bool:
    """Whether something has been due for longer than `tolerance` and no process delivers it."""
    late = now - tolerance
    due = EventDelivery.objects.due(late).filter(subscription=OuterRef("pk"))
    overdue = EventSubscription.objects.free(late).filter(Exists(due))
    unspread = OutgoingEvent.objects.filter(spread_at=None, at__lte=late)
    return unspread.exists() or overdue.exists()


def delete_old(now: datetime) -> int:
    """Delete events fanned out EVENT_KEEP_DAYS ago, with their deliveries; how many events."""
    old = OutgoingEvent.objects.filter(spread_at__lt=now - timedelta(days=settings.EVENT_KEEP_DAYS))
    pks = list(old.order_by("pk").values_list("pk", flat=True)[:DELETE_LIMIT])
    OutgoingEvent.objects.filter(pk__in=pks).delete()
    return len(pks)


def _deliver_to(subscription: EventSubscription, clock: Clock) -> int:
    """Post what is due to one subscription, until one fails or its turn is over."""
    if not _lease(subscription, clock()):
        return 0
    began, accepted, failed = time.monotonic(), 0, False
    due = EventDelivery.objects.due(clock()).filter(subscription=subscription)
    rows = due.select_related("event").order_by("pk")
    for delivery in rows[:EVENTS_PER_TURN]:
        result = _post(subscription, delivery, clock())
        _record_result(delivery, result, clock())
        accepted += result.ok
        if result.status == GONE:
            subscriptions.stop(subscription, reason="The receiver answered 410: it is gone.")
        failed = not result.ok and not _is_about_the_event(result)
        if failed or result.status == GONE or time.monotonic() - began > TURN_SECONDS:
            break
    _release(subscription, clock(), accepted=accepted, failed=failed)
    return accepted


def _lease(subscription: EventSubscription, now: datetime) -> bool:
    """Take the lease; False if nothing is due, it rests, or another process has the lease."""
    rows = EventSubscription.objects.free(now).filter(pk=subscription.pk)
    due = EventDelivery.objects.due(now).filter(subscription=subscription)
    return due.exists() and bool(rows.update(busy_until=now + LEASE))


def post_test(subscription: EventSubscription, *, now: datetime) -> PostResult:
    """Post an event of the type `test` once, whatever types are chosen; it is not kept."""
    data = {"subscription": subscription.name}
    return _post_signed(
        subscription, new_uid(), {"type": TEST, "timestamp": now, "data": data}, now
    )


def _post(subscription: EventSubscription, delivery: EventDelivery, now: datetime) -> PostResult:
    event = delivery.event
    content = {"type": event.kind, "timestamp": event.at, "data": event.data}
    return _post_signed(subscription, event.uid, content, now)


def _post_signed(
    subscription: EventSubscription, uid: str, content: dict[str, Any], now: datetime
) -> PostResult:
    body = json.dumps(content, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
    signatures = [
        Webhook(secret).sign(uid, now.astimezone(UTC), body)
        for secret in subscriptions.secrets_of(subscription, now=now)
    ]
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Daybreak",
        "webhook-id": uid,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
    return http_post.post(subscriptions.address_of(subscription), body.encode(), headers)


def _record_result(delivery: EventDelivery, result: PostResult, now: datetime) -> None:
    rows = EventDelivery.objects.filter(pk=delivery.pk, state=PostState.WAITING)
    tried = {"tries": F("tries") + 1, "status": result.status, "error": result.error[:200]}
    if result.ok:
        rows.update(state=PostState.DELIVERED, delivered_at=now, **tried)
        return
    delay = RETRY_DELAYS_SECONDS[min(delivery.tries, len(RETRY_DELAYS_SECONDS) - 1)]
    end = delivery.since + GIVE_UP_AFTER
    later = now + timedelta(seconds=max(delay, result.retry_after))
    rows.update(next_at=min(later, end) if now < end else later, **tried)


def _is_about_the_event(result: PostResult) -> bool:
    """The receiver works and refused this event: it may accept the next one."""
    return result.status is not None and 400 <= result.status < 500 and result.status != 429


def _close_settled_alerts(now: datetime) -> None:
    """An alert closes once its subscription has no dead deliveries any more."""
    rule = AlertRule.EVENTS_UNDELIVERED
    for alert in incidents.open_alerts(rule).order_by("pk"):
        pk = int(rule.scope_type.parse(alert.scope))
        if not EventDelivery.objects.filter(subscription=pk, state=PostState.DEAD).exists():
            incidents.close_alert(rule, pk, now=now)


def _release(
    subscription: EventSubscription, now: datetime, *, accepted: int, failed: bool
) -> None:
    """End the lease, with a rest after a failure; give up deliveries older than a day."""
    row = EventSubscription.objects.filter(pk=subscription.pk)
    if failed:
        failures = 1 if accepted else subscription.failures + 1
        rest = timedelta(seconds=REST_SECONDS[min(failures, len(REST_SECONDS)) - 1])
        row.update(busy_until=now + rest, failures=min(failures, 30_000))
    else:
        row.update(busy_until=None, failures=0)
    tried = EventDelivery.objects.filter(subscription=subscription, state=PostState.WAITING)
    dead = tried.filter(since__lte=now - GIVE_UP_AFTER).update(state=PostState.DEAD)
    if dead or not EventSubscription.objects.filter(pk=subscription.pk, active=True).exists():
        incidents.raise_alert(
            AlertRule.EVENTS_UNDELIVERED,
            subscription.pk,
            message=f"“{subscription}” doesn't accept its events. Check the event deliveries, fix "
            "the receiver, then send the failed ones again.",
            now=now,
        )
    elif accepted:
        incidents.close_alert(AlertRule.EVENTS_UNDELIVERED, subscription.pk, now=now)


posting = BackgroundJob("outgoing events", deliver_due)  # receivers may be slow to answer
