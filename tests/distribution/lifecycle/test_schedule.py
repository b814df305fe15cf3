from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from threading import Barrier

import pytest
import time_machine
from django.conf import settings
from django.db import OperationalError, connections
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler

from config.celery import app
from config.timetable import timetable
from distribution.lifecycle import audience, schedule
from distribution.models import Alert, Delivery, Distribution, DistributionState, Kind
from distribution.runtime import india_time
from tests.builders import a_draft, a_number, an_approved_content, some_subscribers

DAY = date(2026, 11, 23)
SIX = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 IST
LATE = timedelta(seconds=settings.MAX_START_LATENESS_SECONDS)
INSTANT = timedelta(microseconds=1)
# London's clocks change on the second and the fourth; the others are ordinary and New Year's.
NIGHTS = [
    date(2026, 11, 23),
    date(2027, 3, 28),
    date(2027, 7, 1),
    date(2027, 10, 31),
    date(2028, 1, 1),
    date(2028, 2, 29),
]


@pytest.fixture(params=["UTC", "Asia/Kolkata", "Europe/London"])
def server_zone(request, monkeypatch) -> Iterator[str]:
    """The whole process believes that it stands there."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def three_years() -> Iterator[date]:
    day = date(2026, 1, 1)
    while day.year < 2029:
        yield day
        day += timedelta(days=1)


def the_house(people: int = 3) -> None:
    """All that a morning needs but the content."""
    a_number()
    some_subscribers(people)


# --- 06:00 in India ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_six_in_india_is_half_past_midnight_utc_on_every_day_of_three_years(server_zone):
    for day in three_years():
        planned = schedule.daily_time(day)
        assert planned == datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC)
        assert india_time.local_date(planned) == day
        assert india_time.local_date(planned - timedelta(hours=6)) == day  # midnight
        assert india_time.local_date(planned - timedelta(hours=6) - INSTANT) < day


@pytest.mark.django_db
@pytest.mark.parametrize("day", NIGHTS)
def test_the_daily_distribution_opens_at_six_and_not_before(server_zone, day):
    the_house()
    an_approved_content(day=day)
    six = datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC)

    assert schedule.open_due(six - INSTANT) == []
    assert not Distribution.objects.exists()
    (opened,) = schedule.open_due(six)

    distribution = Distribution.objects.get(pk=opened)
    assert (distribution.kind, distribution.local_date) == (Kind.DAILY, day)
    assert (distribution.planned_at, distribution.opened_at) == (six, six)


# Beat's scheduler closes connections as it likes, hence no transaction around these.
@pytest.mark.django_db(transaction=True)
def test_beat_fires_at_six_in_india(server_zone):
    for day in NIGHTS:
        PeriodicTask.objects.all().delete()
        six = datetime(day.year, day.month, day.day, 0, 30, tzinfo=UTC)
        with time_machine.travel(six - timedelta(hours=1), tick=False) as clock:
            scheduler = DatabaseScheduler(app=app)
            clock.move_to(six - timedelta(seconds=1))
            entry = scheduler.schedule["start the daily distribution"]
            assert entry.is_due() == (False, pytest.approx(1, abs=0.01))
            clock.move_to(six)
            assert entry.is_due().is_due
            started = next(entry)
            assert started.is_due() == (False, pytest.approx(24 * 3600, abs=0.01))
            clock.move_to(six + timedelta(days=1))
            assert started.is_due().is_due


@pytest.mark.django_db(transaction=True)
def test_beat_stores_the_whole_timetable():
    stored = DatabaseScheduler(app=app).schedule

    for name, entry in timetable().items():
        assert stored[name].task == entry["task"]
        assert app.amqp.router.route({}, entry["task"])["queue"].name in settings.QUEUE_CONCURRENCY
        module, _, task = entry["task"].rpartition(".")
        assert task in vars(import_module(module))


@pytest.mark.django_db(transaction=True)
def test_what_beat_publishes_expires_before_its_successor():
    stored = DatabaseScheduler(app=app).schedule

    for name in timetable():
        assert 0 < stored[name].options["expires"] <= 3600


# --- planning and opening ---------------------------------------------------------------------


@pytest.mark.django_db
def test_a_second_trigger_opens_nothing():
    the_house()
    an_approved_content(day=DAY)

    assert len(schedule.open_due(SIX)) == 1
    assert schedule.open_due(SIX + timedelta(seconds=15)) == []
    assert Distribution.objects.count() == 1


@pytest.mark.django_db
def test_a_morning_that_beat_slept_through_is_opened_late():
    the_house()
    an_approved_content(day=DAY)

    assert len(schedule.open_due(SIX + LATE)) == 1
    assert Distribution.objects.get().planned_at == SIX


@pytest.mark.django_db
def test_a_morning_that_everybody_slept_through_is_missed_and_told():
    the_house()
    an_approved_content(day=DAY)

    assert schedule.open_due(SIX + LATE + INSTANT) == []

    assert Distribution.objects.get().state == DistributionState.MISSED
    assert Alert.objects.get().rule == "distribution_missed"
    assert schedule.open_due(SIX + LATE + timedelta(hours=1)) == []


@pytest.mark.django_db
def test_a_day_that_was_slept_through_to_its_end_is_missed_and_never_sent_beside_the_next():
    the_house()
    for day in (DAY, DAY + timedelta(days=1)):
        an_approved_content(day=day)

    opened = schedule.open_due(SIX + timedelta(days=1))

    days = Distribution.objects.order_by("local_date")
    assert list(days.values_list("local_date", "state")) == [
        (DAY, "MISSED"),
        (DAY + timedelta(days=1), "SENDING"),
    ]
    assert opened == [days.last().pk]
    assert Alert.objects.filter(rule="distribution_missed", closed_at=None).count() == 1


@pytest.mark.django_db
def test_a_house_first_started_in_the_afternoon_has_missed_nothing():
    the_house()
    a_draft(day=DAY)

    assert schedule.open_due(SIX + LATE + INSTANT) == []
    assert not Distribution.objects.exists()


@pytest.mark.django_db
def test_content_approved_late_still_goes_out_the_same_morning():
    the_house()
    assert schedule.open_due(SIX) == []
    assert Distribution.objects.get().state == DistributionState.BLOCKED
    assert Alert.objects.get().rule == "no_content"

    an_approved_content(day=DAY)

    assert len(schedule.open_due(SIX + timedelta(minutes=40))) == 1
    assert Alert.objects.filter(closed_at=None, rule="no_content").count() == 0


@pytest.mark.django_db
def test_every_day_has_its_own():
    the_house()
    for day in (DAY, DAY + timedelta(days=1)):
        an_approved_content(day=day)

    assert len(schedule.open_due(SIX)) == 1
    assert len(schedule.open_due(SIX + timedelta(days=1))) == 1
    assert list(Distribution.objects.order_by("pk").values_list("local_date", flat=True)) == [
        DAY,
        DAY + timedelta(days=1),
    ]


@pytest.mark.django_db
def test_a_planned_one_opens_when_its_time_has_come():
    the_house()
    content = an_approved_content(day=None, is_fallback=True)
    before_six = SIX - timedelta(hours=2)
    planned = schedule.plan_once(at=before_six, content=content)

    assert schedule.open_due(before_six - INSTANT) == []
    assert schedule.open_due(before_six) == [planned.pk]

    planned.refresh_from_db()
    assert (planned.kind, planned.local_date, planned.content) == (Kind.ONE_TIME, DAY, content)


@pytest.mark.django_db
def test_what_was_planned_first_opens_first():
    the_house()
    content = an_approved_content(day=None, is_fallback=True)
    before_six = SIX - timedelta(hours=2)
    later = schedule.plan_once(at=before_six, content=content)
    earlier = schedule.plan_once(at=before_six - timedelta(seconds=1), content=content)

    assert schedule.open_due(before_six) == [earlier.pk, later.pk]


@pytest.mark.django_db
def test_one_that_breaks_keeps_the_others_from_nothing(monkeypatch, caplog):
    the_house()
    content = an_approved_content(day=None, is_fallback=True)
    before_six = SIX - timedelta(hours=2)
    broken, sound = (schedule.plan_once(at=before_six, content=content) for _ in range(2))
    freeze = audience.freeze

    def broken_freeze(distribution: Distribution, *, now: datetime) -> audience.FrozenAudience:
        if distribution.pk == broken.pk:
            raise OperationalError("canceling statement due to statement timeout")
        return freeze(distribution, now=now)

    monkeypatch.setattr(audience, "freeze", broken_freeze)

    assert schedule.open_due(before_six) == [sound.pk]
    assert f"distribution {broken.pk} could not be opened" in caplog.text

    monkeypatch.undo()
    assert schedule.open_due(before_six + timedelta(seconds=15)) == [broken.pk]


@pytest.mark.django_db(transaction=True)
def test_eight_triggers_at_once_make_one_distribution():
    the_house(60)
    an_approved_content(day=DAY)
    together = Barrier(8)

    def trigger(_: int) -> list[int]:
        try:
            together.wait(timeout=60)
            return schedule.open_due(SIX)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as triggers:
        opened = [pk for pks in triggers.map(trigger, range(8)) for pk in pks]

    assert len(opened) == 1
    assert Distribution.objects.count() == 1
    assert Delivery.objects.count() == 60


@pytest.mark.django_db
def test_a_trigger_that_loses_the_race_joins_the_winner(monkeypatch):
    """Somebody else writes the day down between our look and our insert."""
    winners = []

    def meanwhile(day: date, lateness: timedelta) -> bool:
        winners.append(Distribution.objects.create(kind=Kind.DAILY, local_date=day, planned_at=SIX))
        return False

    monkeypatch.setattr(schedule, "_is_unexpected", meanwhile)

    assert [schedule.plan_daily(SIX)] == winners
    assert Distribution.objects.count() == 1
