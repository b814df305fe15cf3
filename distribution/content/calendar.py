"""The content calendar: the content of each day, the gaps, and what fills them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from distribution.content import approval
from distribution.models import BlackoutDate, Content, ContentState
from distribution.runtime import india_time

COMING_DAYS = 35  # five weeks, wherever in the month they begin
# Of several contents for a day, the calendar shows the first in this order.
STATE_PRIORITY = [
    ContentState.APPROVED,
    ContentState.SUBMITTED,
    ContentState.DRAFT,
    ContentState.REJECTED,
    ContentState.REPLACED,
]


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of the calendar."""

    day: date
    content: Content | None  # by STATE_PRIORITY; not always approved
    others: int  # further contents for the day
    deadline: datetime
    late: bool  # the deadline has passed and nothing is approved
    past: bool
    today: bool
    fallback: bool  # nothing is approved for it, and a fallback will be sent
    blackout: str = ""  # the reason if no distribution opens on that day

    @property
    def approved(self) -> bool:
        return self.content is not None and self.content.state == ContentState.APPROVED

    @property
    def gap(self) -> bool:
        """A coming day without approved content."""
        return not (self.approved or self.past or self.blackout)

    @property
    def silent(self) -> bool:
        """A gap without a fallback: the distribution would be blocked."""
        return self.gap and not self.fallback


def days(first: date, count: int, *, now: datetime) -> list[CalendarDay]:
    """`count` days from `first` on. Three queries for any count."""
    last = first + timedelta(days=count - 1)
    rows = Content.objects.filter(is_fallback=False, day__range=(first, last))
    by_day: dict[date | None, list[Content]] = defaultdict(list)
    for content in rows.select_related("message_template", "author"):
        by_day[content.day].append(content)
    fallback = Content.objects.fallback() is not None
    closed = BlackoutDate.objects.filter(day__range=(first, last))
    blackouts = dict(closed.values_list("day", "reason"))
    today = india_time.local_date(now)
    return [
        _calendar_day(day, by_day.get(day, []), blackouts, today=today, fallback=fallback, now=now)
        for day in (first + timedelta(days=offset) for offset in range(count))
    ]


def weeks(month: date, *, now: datetime) -> list[list[CalendarDay]]:
    """The weeks, Monday to Sunday, that contain days of the month."""
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    monday = first - timedelta(days=first.weekday())
    count = (following - monday).days
    return _in_weeks(days(monday, count + -count % 7, now=now))


def coming_weeks(now: datetime) -> list[list[CalendarDay]]:
    """The weeks, Monday to Sunday, from this one on that hold the next COMING_DAYS days."""
    today = india_time.local_date(now)
    count = today.weekday() + COMING_DAYS
    return _in_weeks(days(today - timedelta(days=today.weekday()), count + -count % 7, now=now))


def _in_weeks(calendar: list[CalendarDay]) -> list[list[CalendarDay]]:
    return [calendar[start : start + 7] for start in range(0, len(calendar), 7)]


def next_gap(now: datetime, *, within: int = 14) -> CalendarDay | None:
    """The first day from tomorrow on without approved content."""
    today = india_time.local_date(now)
    coming = days(today + timedelta(days=1), within, now=now)
    return next((day for day in coming if day.gap), None)


def _calendar_day(
    day: date,
    contents: list[Content],
    blackouts: Mapping[date, str],
    *,
    today: date,
    fallback: bool,
    now: datetime,
) -> CalendarDay:
    content = min(
        contents,
        key=lambda c: (STATE_PRIORITY.index(ContentState(c.state)), -c.pk),
        default=None,
    )
    approved = content is not None and content.state == ContentState.APPROVED
    deadline = approval.deadline(day)
    return CalendarDay(
        day=day,
        content=content,
        others=max(0, len(contents) - 1),
        deadline=deadline,
        late=not approved and now > deadline and day >= today,
        past=day < today,
        today=day == today,
        fallback=fallback and not approved,
        blackout=blackouts.get(day, ""),
    )
