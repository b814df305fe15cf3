"""Which channels an alert goes to, when, and who is next: pure rules over the stored routes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.conf import settings
from django.utils import timezone

from distribution.models import Alert, AlertChannel, AlertRoute, ChannelKind, Severity

BUILTIN = "WEBHOOK_ALERT_URL"
# Around the daily time somebody acts within a minute; later in the day nothing runs out.
MORNING_BEFORE, MORNING_AFTER = timedelta(minutes=35), timedelta(minutes=10)
SECOND_AFTER, THIRD_AFTER = timedelta(seconds=60), timedelta(seconds=180)
DAY_SECOND_AFTER, DAY_THIRD_AFTER = timedelta(minutes=5), timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Routes:
    """The routes in use, and the built-in channel if there is one; read once for many alerts."""

    rows: tuple[AlertRoute, ...]
    builtin: int | None  # primary key
    usable: frozenset[int]  # primary keys of active channels


def load() -> Routes:
    builtin = None
    if settings.WEBHOOK_ALERT_URL:
        builtin = AlertChannel.objects.get_or_create(
            builtin=True, defaults={"name": BUILTIN, "kind": ChannelKind.WEBHOOK}
        )[0].pk
    usable = frozenset(AlertChannel.objects.filter(active=True).values_list("pk", flat=True))
    rows = tuple(AlertRoute.objects.filter(active=True).order_by("pk")) if usable else ()
    return Routes(rows, builtin, usable)


def first_channels(routes: Routes, alert: Alert, now: datetime) -> dict[int, datetime]:
    """The channels that are told first, and from when on: after the quiet hours for a warning."""
    found: dict[int, datetime] = {}
    if routes.builtin in routes.usable:
        assert routes.builtin is not None
        found[routes.builtin] = now
    for route in _matching(routes.rows, alert, now):
        at = now if alert.severity == Severity.CRITICAL else _after_quiet_hours(route, now)
        found[route.channel_id] = min(found.get(route.channel_id, at), at)
    return _reachable(routes, found, alert)


def later_channels(routes: Routes, alert: Alert, now: datetime) -> set[int]:
    """The second and third channels whose turn it is, as nobody acknowledged it."""
    if alert.critical_at is None:
        return set()
    waited = now - alert.critical_at
    urgent = is_morning(now)
    second_after = SECOND_AFTER if urgent else DAY_SECOND_AFTER
    third_after = THIRD_AFTER if urgent else DAY_THIRD_AFTER
    found: dict[int, datetime] = {}
    for route in _matching(routes.rows, alert, now):
        if route.second_id is not None and waited >= second_after:
            found[route.second_id] = now
        if route.third_id is not None and waited >= third_after:
            found[route.third_id] = now
    return set(_reachable(routes, found, alert))


def reminder_number(routes: Routes, alert: Alert, channel: int, now: datetime) -> int:
    """How often the channel should have been reminded by now; 0 if it is not reminded."""
    if alert.critical_at is None:
        return 0
    minutes = [
        route.remind_minutes
        for route in _matching(routes.rows, alert, now)
        if channel in (route.channel_id, route.second_id, route.third_id) and route.remind_minutes
    ]
    if not minutes:
        return 0
    return int((now - alert.critical_at) // timedelta(minutes=min(minutes)))


def matches_rule(patterns: str, rule: str) -> bool:
    """Whether a rule is among `no_number, sla_*`."""
    return any(
        rule.startswith(pattern[:-1]) if pattern.endswith("*") else rule == pattern
        for pattern in split_patterns(patterns)
    )


def split_patterns(patterns: str) -> list[str]:
    return patterns.replace(",", " ").split()


def is_morning(now: datetime) -> bool:
    """Whether it is so close to the daily time that minutes count."""
    local = timezone.localtime(now)
    daily = local.replace(
        hour=settings.DAILY_TIME.hour, minute=settings.DAILY_TIME.minute, second=0, microsecond=0
    )
    return daily - MORNING_BEFORE <= local < daily + MORNING_AFTER


def is_within(at: time, start: time | None, end: time | None) -> bool:
    """Whether a time of day is in these hours, which may go over midnight; None: always."""
    if start is None or end is None or start == end:
        return True
    return start <= at < end if start < end else at >= start or at < end


def _matching(rows: Iterable[AlertRoute], alert: Alert, now: datetime) -> list[AlertRoute]:
    at = timezone.localtime(now).time()
    return [
        route
        for route in rows
        if matches_rule(route.rules, alert.rule)
        and (alert.severity == Severity.CRITICAL or route.min_severity == Severity.WARNING)
        and is_within(at, route.starts, route.ends)
    ]


def _after_quiet_hours(route: AlertRoute, now: datetime) -> datetime:
    start, end = route.quiet_from, route.quiet_until
    local = timezone.localtime(now)
    if start is None or end is None or start == end or not is_within(local.time(), start, end):
        return now
    today = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)
    return today if today > local else today + timedelta(days=1)


def _reachable(routes: Routes, found: dict[int, datetime], alert: Alert) -> dict[int, datetime]:
    """Without channels that are off, and without the one that the alert says does not work."""
    return {
        channel: at
        for channel, at in found.items()
        if channel in routes.usable and alert.scope != f"channel {channel}"
    }
