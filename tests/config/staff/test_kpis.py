"""The key figures of quality on the home page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from config.staff import kpis
from distribution.models import DailySignals, Distribution, DistributionState, Kind
from phonepool.models import Quality
from tests.builders import a_number, a_template

pytestmark = pytest.mark.django_db
SIX = datetime(2026, 11, 28, 0, 30, tzinfo=UTC)  # 06:00 IST
TODAY = date(2026, 11, 28)


def a_morning(days_ago: int, late: timedelta = timedelta(), **fields) -> None:
    at = SIX - timedelta(days=days_ago)
    row = {
        "kind": Kind.DAILY,
        "local_date": timezone.localdate(at),
        "planned_at": at,
        "opened_at": at + late,
        "window_end": at + timedelta(hours=1),
        "state": DistributionState.COMPLETED,
    }
    Distribution.objects.create(**{**row, **fields})


def told() -> dict[str, tuple[str, str, bool]]:
    boss = get_user_model()(is_superuser=True, is_active=True)
    return {one.name: (one.value, one.beside, one.is_bad) for one in kpis.strip(boss, TODAY)}


def test_without_figures_nothing_is_claimed():
    assert told() == {}


def test_quality_starts_and_block_rate_say_what_they_rest_on():
    a_morning(0)
    a_morning(1, late=timedelta(minutes=2))
    a_morning(2, state=DistributionState.MISSED, opened_at=None)
    a_morning(40, late=timedelta(minutes=2))  # too long ago
    a_number(quality=Quality.MEDIUM)
    a_number(quality=Quality.LOW, verified_at=None)  # not ours
    DailySignals.objects.create(
        day=TODAY,
        template=a_template(),
        number=a_number(),
        delivered=2_000,
        read=900,
        stop_words=80,
        stops=0,
        refusals=0,
        silent=0,
        held=0,
        counted_at=SIX,
    )

    shown = told()

    assert shown["Uptime at the start"] == (
        "33.3%",
        "1 of 3 mornings in 28 days started within a minute",
        True,
    )
    assert shown["High quality"] == ("1 of 2", "phone numbers that Meta rates high", False)
    assert shown["Block rate"] == ("4.0%", "Above 2%: 3.3% to 4.7%, last 7 mornings", True)
