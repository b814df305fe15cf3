"""Send what is due, each channel in a lane of its own: one that does not answer delays no other.

One process at a time serves a channel, by a lease. After a failure the channel rests, longer each
time up to a minute. A notice whose sender died is sent again under the same keys.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from threading import Lock, Thread

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from distribution.alert_channels import bursts, incident_keys, messages
from distribution.alert_channels.bursts import Group
from distribution.alert_channels.leases import Lease
from distribution.alert_channels.messages import AlertMessage
from distribution.alert_channels.results import Sent
from distribution.alert_channels.senders import mail, pagerduty, services, webhook
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import (
    Alert,
    AlertChannel,
    ChannelKind,
    Notification,
    NotificationChannel,
    NotificationKind,
    NotificationState,
)
from distribution.models.notifications import NotificationQuerySet
from distribution.runtime.background import BackgroundJob

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

TURN_SECONDS = 15.0
ROWS_PER_TURN = 500
REST_SECONDS = (1, 2, 5, 15, 30, 60)  # after the first, second … failure in a row
REST_LIMIT_SECONDS = 300.0  # for what the receiver asks
GIVE_UP_AFTER = timedelta(days=1)
FAILURES_TOLD = 3  # in a row, then other channels are told
MINUTE = timedelta(minutes=1)


def waiting(now: datetime) -> list[int]:
    """The channels with something due that no process serves; one statement."""
    due = _due(now).filter(destination=OuterRef("pk"))
    return list(
        AlertChannel.objects.free(now)
        .filter(Exists(due))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def deliver_due(clock: Clock = timezone.now) -> int:
    """Serve one channel after the other in this thread; how many messages were accepted."""
    return sum(serve(channel, clock) for channel in waiting(clock()))


class Lanes:
    """The lanes of a process: a thread for each channel that has something due."""

    def __init__(self, clock: Clock = timezone.now) -> None:
        self._clock, self._jobs, self._lock = clock, dict[int, BackgroundJob](), Lock()

    def start(self) -> list[Thread]:
        """Have what is due sent; the threads that do it."""
        return [self._job(channel).start() for channel in waiting(self._clock())]

    def _job(self, channel: int) -> BackgroundJob:
        with self._lock:
            work = partial(serve, channel, self._clock)
            return self._jobs.setdefault(channel, BackgroundJob(f"alert channel {channel}", work))


def serve(pk: int, clock: Clock) -> int:
    """Send what is due to one channel, until one message fails or its turn is over; how many
    messages it accepted."""
    lease = Lease.take(pk, clock())
    if lease is None:
        return 0
    channel, began, accepted = lease.channel, time.monotonic(), 0
    failed: Sent | None = None
    said: set[tuple[str, str]] = set()
    for group in _groups(channel, clock()):
        if not lease.renew(clock()):
            return accepted
        sent = _send_group(channel, group, said, clock)
        accepted += sent.ok
        if not sent.ok and not sent.final:
            failed = sent
            break
        if time.monotonic() - began > TURN_SECONDS:
            break
    _release(lease, failed, accepted, clock())
    return accepted


def send(channel: AlertChannel, message: AlertMessage, now: datetime) -> Sent:
    """Hand one message to the channel; at most ten seconds."""
    match ChannelKind(channel.kind):
        case ChannelKind.PAGERDUTY:
            return pagerduty.send(channel, message)
        case ChannelKind.SERVICE:
            return services.send(channel, message)
        case ChannelKind.EMAIL:
            return mail.send(channel, message)
        case ChannelKind.WEBHOOK:
            return webhook.send(channel, message, now=now)


def send_test(channel: AlertChannel, *, now: datetime) -> Sent:
    """Send a test alert now; nothing is stored."""
    return send(channel, messages.of_test(channel, now), now)


def _due(now: datetime) -> NotificationQuerySet:
    return Notification.objects.due(now).filter(channel=NotificationChannel.ALERT)


def _groups(channel: AlertChannel, now: datetime) -> list[Group]:
    rows = _due(now).filter(destination=channel)
    due = rows.select_related("alert__acknowledged_by").order_by("pk")[:ROWS_PER_TURN]
    lately = Notification.objects.filter(
        destination=channel, state=NotificationState.SENT, sent_at__gt=now - MINUTE, digest=""
    )
    # An incident of PagerDuty is acknowledged and resolved by its own key, however many there are.
    is_by_key = channel.kind == ChannelKind.PAGERDUTY
    kinds = [NotificationKind.ALERT_OPENED] if is_by_key else NotificationKind.values
    return bursts.groups(list(due), Counter(lately.values_list("kind", flat=True)), kinds)


def _send_group(
    channel: AlertChannel, group: Group, said: set[tuple[str, str]], clock: Clock
) -> Sent:
    """Send a group's message; `said` are kinds and keys of this turn: alerts of one digest share
    their incident, of which PagerDuty is told once."""
    message = _message(channel, group)
    is_by_key = channel.kind == ChannelKind.PAGERDUTY
    if message is None or (is_by_key and (message.kind, message.key) in said):
        _mine(group).update(state=NotificationState.DROPPED)
        return Sent(ok=False, final=True)
    _mine(group).update(tries=F("tries") + 1)
    sent = send(channel, message, clock())
    _record(group, sent, clock())
    if sent.ok:
        said.add((message.kind, message.key))
    if sent.final:
        _tell_failing(channel, sent.error, clock())
    return sent


def _message(channel: AlertChannel, group: Group) -> AlertMessage | None:
    """None if there is nothing to say: its incident goes on for other alerts."""
    row = group[0]
    if len(group) > 1 or row.digest:
        digest = row.digest or row.uid
        # Before it is sent: a second try after a crash is the same digest.
        _mine(group).update(digest=digest)
        return messages.of_many(group, digest)
    key = incident_keys.of_notice(row)
    return messages.of_one(row, channel, key) if key else None


def _mine(group: Group) -> NotificationQuerySet:
    return Notification.objects.filter(
        pk__in=[row.pk for row in group], state=NotificationState.WAITING
    )


def _record(group: Group, sent: Sent, now: datetime) -> None:
    rows = _mine(group)
    if sent.ok:
        rows.update(state=NotificationState.SENT, sent_at=now, error="")
        if group[0].kind == NotificationKind.ALERT_OPENED:
            alerts = [row.alert_id for row in group if row.alert_id is not None]
            Alert.objects.filter(pk__in=alerts, notified_at=None).update(notified_at=now)
        return
    error = sent.error[:200]
    ends = NotificationState.DEAD if sent.final else NotificationState.WAITING
    rows.update(state=ends, error=error)
    rows.filter(since__lt=now - GIVE_UP_AFTER).update(state=NotificationState.DEAD)


def _release(lease: Lease, failed: Sent | None, accepted: int, now: datetime) -> None:
    """End the lease; after a failure the channel rests."""
    channel, row = lease.channel, lease.held()
    if failed is not None:
        failures = 1 if accepted else channel.failures + 1
        rest = REST_SECONDS[min(failures, len(REST_SECONDS)) - 1]
        until = now + timedelta(seconds=max(rest, min(failed.retry_after, REST_LIMIT_SECONDS)))
        row.update(busy_until=until, failures=min(failures, 30_000), last_error=failed.error[:200])
        log.warning("alert channel %d does not work: %s", channel.pk, failed.error)
        if failures >= FAILURES_TOLD:
            _tell_failing(channel, failed.error, now)
        return
    if not accepted:
        row.update(busy_until=None)
        return
    row.update(busy_until=None, failures=0, last_error="", last_sent_at=now)
    incidents.close_alert(AlertRule.ALERT_CHANNEL_FAILING, channel.pk, now=now)


def _tell_failing(channel: AlertChannel, error: str, now: datetime) -> None:
    AlertChannel.objects.filter(pk=channel.pk).update(last_error=error[:200])
    incidents.raise_alert(
        AlertRule.ALERT_CHANNEL_FAILING,
        channel.pk,
        message=f"Alerts do not arrive by “{channel}”. {error}",
        now=now,
    )
