from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.core.cache import cache
from django.test import Client

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert, Distribution
from tests.builders import an_open_distribution

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)


@pytest.fixture(autouse=True)
def fresh(settings):
    settings.STATUS_PAGE = True
    cache.clear()
    yield
    cache.clear()


def a_day(back: int, **fields: object) -> None:
    row = an_open_distribution(1, now=NOW - timedelta(days=back, hours=2))
    fields = {"state": "COMPLETED", "completed_at": NOW - timedelta(days=back), **fields}
    day = TODAY - timedelta(days=back)
    Distribution.objects.filter(pk=row.pk).update(kind="DAILY", local_date=day, **fields)


def test_the_page_tells_how_mornings_went_and_nothing_about_people():
    a_day(0, state="SENDING", completed_at=None)
    a_day(1, sla_accepted=0.995, sla_delivered=0.9)
    a_day(2, sla_accepted=0.5, sla_delivered=0.4)
    a_day(3, state="MISSED", completed_at=None, opened_at=None, window_end=None, sla_deadline=None)
    incidents.raise_alert(AlertRule.SLA_MISSED, 1, message="+919812345678 late", now=NOW)
    with time_machine.travel(NOW, tick=False):
        told = Client().get("/status.json").json()
        assert [one["level"] for one in told["mornings"]][:5] == [
            "running",
            "good",
            "late",
            "failed",
            "none",
        ]
        assert (len(told["mornings"]), told["incident"]) == (28, "")
        assert told["today"]["day"] == "2026-11-23"

        incidents.raise_alert(AlertRule.SLA_AT_RISK, 1, message="+919812345678 slow", now=NOW)
        assert Client().get("/status.json").json() == told  # kept for some seconds
        cache.clear()
        page = Client().get("/status")
    text = page.content.decode()
    assert "Messages are delayed. We are working on it." in text
    assert "Today: Sending now" in text
    assert "9812345678" not in text
    assert page["Cache-Control"] == "public, max-age=15"
    Alert.objects.filter(rule="sla_at_risk").delete()
    for rule, words in (
        (AlertRule.NO_NUMBER_AVAILABLE, "Sending is interrupted."),
        (AlertRule.KEEPER_SILENT, "We are looking into a problem."),
    ):
        Alert.objects.all().delete()
        cache.clear()
        incidents.raise_alert(rule, message="x", now=NOW)
        assert words in Client().get("/status.json").json()["incident"]


def test_it_is_off_by_default_and_only_read(settings):
    assert Client().post("/status").status_code == 405
    settings.STATUS_PAGE = False
    assert Client().get("/status").status_code == 404
    assert Client().get("/status.json").status_code == 404
