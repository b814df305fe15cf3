"""Which day has what to say: content by date, its gaps, and what fills them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from distribution.content import approval
from distribution.models import BlackoutDate, Content, ContentState
from distribution.runtime import india_time

# What says most about a day stands for it.
ORDER = [
    *(ContentState.APPROVED, ContentState.SUBMITTED, ContentState.DRAFT),
    *(ContentState.REJECTED, ContentState.REPLACED),
]


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """One day of the calendar."""

    day: date
    content: Content | None  # what says most about the day; not always approved
    others: int  # further contents that were written for it
    deadline: datetime
    late: bool  # the deadline has passed and nothing is approved
    past: bool
    today: bool
    fallback: bool  # nothing of its own is approved, and a fallback will be said
    blackout: str = ""  # why nothing begins on that day, if so

    @property
    def approved(self) -> bool:
        return self.content is not None and self.content.state == ContentState.APPROVED

    @property
    def gap(self) -> bool:
        """Nothing of its own will be said on a day that is still to come."""
        return not (self.approved or self.past or self.blackout)

    @property
    def silent(self) -> bool:
        """A gap that no fallback fills: the distribution would be blocked."""
        return self.gap and not self.fallback


def days(first: date, count: int, *, now: datetime) -> list[CalendarDay]:
    """`count` days from `first` on. Three queries, whatever their number."""
    last = first + timedelta(days=count - 1)
    rows = Content.objects.filter(is_fallback=False, day__range=(first, last))
    by_day: dict[date | None, list[Content]] = defaultdict(list)
    for content in rows.select_related("message_template", "author"):
        by_day[content.day].append(content)
    fallback = Content.objects.fallback() is not None
    closed = BlackoutDate.objects.filter(day__range=(first, last)).values_list("day", "reason")
    blackouts = dict(closed)
    today = india_time.local_date(now)
    whole = [
        _day(first + timedelta(days=place), by_day, today=today, fallback=fallback, now=now)
        for place in range(count)
    ]
    return [replace(day, blackout=blackouts.get(day.day, "")) for day in whole]


def weeks(month: date, *, now: datetime) -> list[list[CalendarDay]]:
    """The weeks, from Monday to Sunday, that a month has days in."""
    first = month.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    monday = first - timedelta(days=first.weekday())
    count = (following - monday).days
    whole = days(monday, count + -count % 7, now=now)
    return [whole[start : start + 7] for start in range(0, len(whole), 7)]


def next_gap(now: datetime, *, within: int = 14) -> CalendarDay | None:
    """The first day from tomorrow on that has nothing approved of its own."""
    today = india_time.local_date(now)
    coming = days(today + timedelta(days=1), within, now=now)
    return next((day for day in coming if day.gap), None)


def _day(
    day: date,
    by_day: dict[date | None, list[Content]],
    *,
    today: date,
    fallback: bool,
    now: datetime,
) -> CalendarDay:
    contents = sorted(
        by_day.get(day, []), key=lambda c: (ORDER.index(ContentState(c.state)), -c.pk)
    )
    content = contents[0] if contents else None
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
    )
