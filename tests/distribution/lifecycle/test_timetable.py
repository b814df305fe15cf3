"""The calendar that staff keep: another daily time, blackout dates, one-time distributions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
import time_machine

from distribution import tasks
from distribution.lifecycle import schedule
from distribution.models import BlackoutDate, DailyTime, Distribution, DistributionState, Kind
from tests.builders import a_number, an_approved_content, some_subscribers

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 23)
SIX = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 IST
SECOND = timedelta(seconds=1)


@pytest.fixture
def house() -> None:
    a_number()
    some_subscribers(2)
    an_approved_content(day=DAY)


def test_a_daily_time_holds_from_its_day_on_until_the_next(settings):
    DailyTime.objects.create(from_day=date(2026, 12, 1), time=time(7, 15))
    DailyTime.objects.create(from_day=date(2027, 1, 1), time=time(5, 0))
    days = [date(2026, 11, 30), date(2026, 12, 1), date(2026, 12, 31), date(2027, 1, 1)]
    times = [f"{schedule.daily_time(day):%H:%M}" for day in days]
    assert times == ["06:00", "07:15", "07:15", "05:00"]


def test_the_distribution_opens_at_the_new_time_and_not_at_six(house):
    DailyTime.objects.create(from_day=DAY, time=time(7, 0))
    seven = SIX + timedelta(hours=1)
    assert schedule.open_due(SIX) == []
    assert schedule.open_due(seven - SECOND) == []
    assert len(schedule.open_due(seven)) == 1


def test_on_a_blackout_date_nothing_begins_and_the_row_says_why(house):
    BlackoutDate.objects.create(day=DAY, reason="Diwali")
    Distribution.objects.create(
        kind=Kind.ONE_TIME, local_date=DAY, planned_at=SIX + timedelta(hours=1)
    )
    for minutes in (0, 1, 61, 62):
        assert schedule.open_due(SIX + timedelta(minutes=minutes)) == []
    rows = Distribution.objects.order_by("planned_at").values_list("kind", "state", "state_reason")
    reason = "Blackout date: Diwali"
    assert list(rows) == [
        (Kind.DAILY, DistributionState.CANCELLED, reason),
        (Kind.ONE_TIME, DistributionState.CANCELLED, reason),
    ]


def test_what_somebody_starts_by_hand_on_a_blackout_date_is_meant(house):
    BlackoutDate.objects.create(day=DAY, reason="Diwali")
    manual = Distribution.objects.create(kind=Kind.MANUAL, local_date=DAY, planned_at=SIX)
    assert schedule.open_due(SIX) == [manual.pk]


def test_the_day_after_a_blackout_is_an_ordinary_one(house):
    BlackoutDate.objects.create(day=DAY, reason="Diwali")
    an_approved_content(day=DAY + timedelta(days=1))
    schedule.open_due(SIX)
    assert len(schedule.open_due(SIX + timedelta(days=1))) == 1


def test_nothing_is_planned_for_a_blackout_date():
    BlackoutDate.objects.create(day=DAY, reason="Diwali")
    with pytest.raises(schedule.ScheduleError, match="23 Nov 2026: Diwali"):
        schedule.plan_once(at=SIX, content=an_approved_content(day=DAY))


def test_the_next_one_is_the_nearest_that_no_blackout_stops():
    before = SIX - timedelta(hours=1)
    assert schedule.next_due(before).planned_at == SIX
    BlackoutDate.objects.create(day=DAY, reason="Diwali")
    assert schedule.next_due(before).planned_at == SIX + timedelta(days=1)
    content = an_approved_content(day=date(2026, 11, 24))
    soon = schedule.plan_once(at=SIX + timedelta(hours=20), content=content)
    assert schedule.next_due(before) == soon
    DailyTime.objects.create(from_day=DAY, time=time(0, 5))
    assert schedule.next_due(before).planned_at < soon.planned_at


@pytest.mark.parametrize(
    ("early", "countdowns"), [(60, []), (15, [15.0]), (4, [4.0]), (0, [])], ids=str
)
def test_the_tick_before_has_it_started_at_its_very_second(
    house, settings, monkeypatch, early, countdowns
):
    settings.TICK_SECONDS = 15
    DailyTime.objects.create(from_day=DAY, time=time(7, 0))
    asked: list[float] = []
    monkeypatch.setattr(
        tasks.start_daily_distribution,
        "apply_async",
        lambda countdown, **_: asked.append(countdown),
    )
    monkeypatch.setattr(tasks, "start_batches", lambda _: True)
    with time_machine.travel(SIX + timedelta(hours=1, seconds=-early), tick=False):
        tasks.tick()
    assert asked == countdowns
