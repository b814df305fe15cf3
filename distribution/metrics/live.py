"""What is read from small tables at each scrape: three statements, and none over deliveries."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import Count, DateTimeField, F, IntegerField, Min, Value
from django.db.models.functions import Cast, Coalesce
from django.utils import timezone

from distribution.metrics.samples import Samples, add
from distribution.models import (
    Alert,
    ChannelKind,
    Heartbeat,
    Notification,
    NotificationState,
    Preflight,
    PreflightState,
    PreflightVerdict,
    StoredFigures,
)
from distribution.models.heartbeats import RECEIVER_PREFIX
from phonepool.models import Breaker, PhoneNumber
from phonepool.numbers import health

NUMBERS_LIMIT = 50
HEARTBEAT, ALERT, NOTICE, PREFLIGHT = "heartbeat", "alert", "notice", "preflight"
STATUS = {PreflightVerdict.GREEN: 0, PreflightVerdict.AMBER: 1, PreflightVerdict.RED: 2}


def read() -> Samples:
    """Stored figures, the pool, and what is alive or open."""
    now = timezone.now()
    samples: Samples = {}
    for sheet in StoredFigures.objects.order_by("name"):
        samples.update(sheet.samples)
        add(samples, "daybreak_snapshot_timestamp_seconds", sheet.at.timestamp(), sheet.name)
    for number in PhoneNumber.objects.all()[:NUMBERS_LIMIT]:
        _add_number(samples, number, now)
    _add_moments(samples, now)
    return samples


def _add_number(samples: Samples, number: PhoneNumber, now: datetime) -> None:
    label = number.label
    facts = (number.quality, number.state, number.role)
    add(samples, "daybreak_number_info", 1, label, *(fact.lower() for fact in facts))
    rate, ceiling = health.rate(number, now), health.ceiling(number)
    add(samples, "daybreak_number_rate_per_second", rate, label)
    add(samples, "daybreak_number_ceiling_per_second", ceiling, label)
    add(samples, "daybreak_number_ramp_ratio", rate / ceiling if ceiling else 0.0, label)
    add(samples, "daybreak_number_day_messages", health.sent_today(number, now), label)
    is_open = number.breaker != Breaker.CLOSED
    add(samples, "daybreak_number_breaker_open", int(is_open), label)
    add(samples, "daybreak_number_usable", int(number.is_usable and not is_open), label)


def _add_moments(samples: Samples, now: datetime) -> None:
    """Heartbeats, open alerts, what waits to be sent and the last preflight: one statement."""
    alerts, notices = Counter[tuple[str, str]](), Counter[str]()
    oldest: dict[str, datetime] = {}
    for what, name, detail, at, count in _moments():
        if what == HEARTBEAT:
            engine = "receiver" if name.startswith(RECEIVER_PREFIX) else name.replace(" ", "_")
            add(samples, "daybreak_heartbeat_timestamp_seconds", at.timestamp(), engine)
        elif what == ALERT:
            alerts[name.lower(), detail] += count
        elif what == NOTICE:
            notices[name] += count
            oldest[name] = min(at, oldest.get(name, at))
        elif detail in STATUS:
            add(samples, "daybreak_preflight_status", STATUS[PreflightVerdict(detail)])
            add(samples, "daybreak_preflight_timestamp_seconds", at.timestamp())
    for (severity, rule), count in sorted(alerts.items()):
        add(samples, "daybreak_alerts_open", count, severity, rule)
    for channel in ChannelKind.values:
        add(samples, "daybreak_alert_notices_pending", notices[channel], channel)
        waits = (now - oldest[channel]).total_seconds() if channel in oldest else 0.0
        add(samples, "daybreak_alert_notices_oldest_seconds", waits, channel)


def _moments() -> list[tuple[str, str, str, Any, int]]:
    """Rows of (what, name, detail, at, count) from four small tables."""

    def rows(query: Any, what: str, name: Any, detail: Any, at: Any, count: Any) -> Any:
        return query.order_by().values_list(
            Value(what), name, detail, Cast(at, DateTimeField()), Cast(count, IntegerField())
        )

    alerts = Alert.objects.filter(closed_at=None).values("severity", "rule")
    alerts = alerts.annotate(first=Min("opened_at"), number=Count("pk"))
    # E-mails to staff count as e-mail, too; what quiet hours hold back does not wait.
    waiting = Notification.objects.filter(state=NotificationState.WAITING)
    by_kind = waiting.exclude(tries=0, next_at__gt=F("since")).values(
        to=Coalesce("destination__kind", Value("email"))
    )
    by_kind = by_kind.annotate(first=Min("since"), number=Count("pk"))
    done = Preflight.objects.filter(state=PreflightState.DONE).exclude(ended_at=None)
    last = done.filter(pk__in=done.order_by("-ended_at").values("pk")[:1])
    one = Value(1)
    return list(
        rows(Heartbeat.objects.all(), HEARTBEAT, F("name"), Value(""), F("at"), one).union(
            rows(alerts, ALERT, F("severity"), F("rule"), F("first"), F("number")),
            rows(by_kind, NOTICE, F("to"), Value(""), F("first"), F("number")),
            rows(last, PREFLIGHT, Value(""), F("verdict"), F("ended_at"), one),
            all=True,
        )
    )
