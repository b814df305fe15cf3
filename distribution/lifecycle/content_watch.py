"""Looks ahead at what will be sent, while there is time to put it right.

From CONTENT_DEADLINE on, the content of the next day is checked as at its opening and its ladder is
fixed, and the fallback for each of the next seven days, on any of which it may have to stand in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.content import approval
from distribution.content.validation import ContentProblem
from distribution.lifecycle import content_choice, ladder, schedule
from distribution.lifecycle.content_choice import ContentChoice
from distribution.models import BlackoutDate, Content, Distribution, Heartbeat, Kind, Severity
from distribution.models.distributions import UNOPENED
from distribution.models.heartbeats import CONTENT_WATCH
from distribution.runtime import india_time

log = logging.getLogger(__name__)

EVERY = timedelta(seconds=60)  # a rare attribute is looked for among all subscribers
FALLBACK_DAYS = 7


def look_if_due(now: datetime) -> None:
    """Look once in EVERY, in one of the processes that call it; a failure is logged only."""
    try:
        if Heartbeat.take_turn(CONTENT_WATCH, EVERY, now):
            look(now)
    except Exception:
        log.exception("the coming contents could not be checked")


def look(now: datetime) -> None:
    """Raise what is wrong with the coming contents; close what no longer is."""
    _check_next(now)
    _check_fallback(now)


def _check_next(now: datetime) -> None:
    """One alert per day; the opening has alerts of its own, so this one ends before it."""
    found: dict[date, list[ContentChoice]] = {}
    days: set[date] = set()
    for distribution in awaited(now):
        choice = content_choice.choose(distribution)
        ladder.keep(distribution, choice, now=now)
        days.add(distribution.local_date)
        choice = _told_ahead(distribution, choice)
        if choice.rule is not None:
            found.setdefault(distribution.local_date, []).append(choice)
    for day, choices in found.items():
        blocking = any(choice.blocking for choice in choices)
        told = " ".join(dict.fromkeys(choice.message for choice in choices))
        on = f"{day:%d %b %Y}"
        incidents.raise_alert(
            AlertRule.CONTENT_NOT_READY,
            day.isoformat(),
            severity=Severity.CRITICAL if blocking else Severity.WARNING,
            message=told if on in told else f"For {on}: {told}",
            now=now,
        )
    wrong = [AlertRule.CONTENT_NOT_READY.scope(day.isoformat()) for day in found]
    over = incidents.open_alerts(AlertRule.CONTENT_NOT_READY).exclude(scope__in=wrong)
    incidents.close_all(over, now=now)
    coming = [AlertRule.LADDER_CHANGED.scope(day.isoformat()) for day in days]
    past = incidents.open_alerts(AlertRule.LADDER_CHANGED).exclude(scope__in=coming)
    incidents.close_all(past, now=now)


def _told_ahead(distribution: Distribution, choice: ContentChoice) -> ContentChoice:
    """The choice, with a warning if the fallback would be sent because nothing else is approved."""
    content, day = choice.content, distribution.local_date
    if content is None or not content.is_fallback or choice.blocking or distribution.content:
        return choice
    if Content.objects.approved().filter(day=day, is_fallback=False).exists():
        return choice  # which failed: that is told already
    message = (
        f"No content is approved for {day:%d %b %Y}, so the fallback “{content.title}” will be "
        f"sent. Approve content for that day if you want to send something else. {choice.message}"
    )
    return ContentChoice(content, AlertRule.NO_CONTENT, message.strip())


def awaited(now: datetime) -> Iterator[Distribution]:
    """The distributions still to begin on days whose deadline is over; a daily one as a new row."""
    today = india_time.local_date(now)
    for day in (today, today + timedelta(days=1)):
        if now < approval.deadline(day) or BlackoutDate.objects.filter(day=day).exists():
            continue
        of_day = Distribution.objects.filter(local_date=day)
        at = schedule.daily_time(day)
        if now < at and not of_day.filter(kind=Kind.DAILY).exists():
            yield Distribution(kind=Kind.DAILY, local_date=day, planned_at=at)
        yield from of_day.filter(state__in=UNOPENED, planned_at__gt=now).order_by("planned_at")


def _check_fallback(now: datetime) -> None:
    fallback = Content.objects.fallback()
    failure = None if fallback is None else _first_failure(fallback, now)
    if fallback is None or failure is None:
        incidents.close_alert(AlertRule.FALLBACK_NOT_READY, now=now)
        return
    day, problems = failure
    sentences = " ".join(problem.message for problem in problems)
    incidents.raise_alert(
        AlertRule.FALLBACK_NOT_READY,
        message=f"The fallback “{fallback.title}” can't be sent on {day:%d %b %Y}: {sentences}",
        now=now,
    )


def _first_failure(fallback: Content, now: datetime) -> tuple[date, list[ContentProblem]] | None:
    """The first of the days from the next daily time on for which it fails, and why."""
    first = india_time.local_date(now)
    if now >= schedule.daily_time(first):
        first += timedelta(days=1)
    for day in (first + timedelta(days=ahead) for ahead in range(FALLBACK_DAYS)):
        if problems := content_choice.problems_on(fallback, day):
            return day, problems
    return None
