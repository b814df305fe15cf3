"""The home of the admin: what comes next and lacks, seven mornings, open alerts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import (
    BlackoutDate,
    Distribution,
    DistributionState,
    Kind,
    MessageTemplate,
    Severity,
    TemplateStatus,
)
from distribution.reporting import today
from tests.builders import a_number, an_approved_content, some_subscribers

pytestmark = pytest.mark.django_db
EVENING = datetime(2026, 11, 22, 14, 30, tzinfo=UTC)  # 20:00 IST
SIX = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
TOMORROW = date(2026, 11, 23)


def a_morning(days: int, **fields: object) -> Distribution:
    at = SIX - timedelta(days=days)
    known = {"opened_at": at, "window_end": at + timedelta(hours=4), "completed_at": at}
    return Distribution.objects.create(
        kind=Kind.DAILY,
        local_date=TOMORROW - timedelta(days=days),
        planned_at=at,
        **{"state": DistributionState.COMPLETED, **known, **fields},
    )


def test_the_evening_before_it_says_what_tomorrow_lacks():
    found = today.load(EVENING)
    assert (found.next.planned_at, found.ready) == (SIX, False)
    assert [one.rule for one in found.findings] == ["no_content", "no_number"]


def test_when_nothing_is_missing_it_is_ready():
    a_number()
    some_subscribers(2)
    an_approved_content(day=TOMORROW)
    assert today.load(EVENING).ready


def test_a_paused_message_template_and_a_short_capacity_are_told():
    number = a_number(rate_per_second=1)
    content = an_approved_content(day=TOMORROW)
    MessageTemplate.objects.update(status=TemplateStatus.PAUSED)
    (told,) = today.load(EVENING).findings
    assert "PAUSED" in told.message
    MessageTemplate.objects.update(status=TemplateStatus.APPROVED)
    some_subscribers(400)
    (told,) = today.load(EVENING).findings
    assert f"{int(number.rate_per_second * 0.985 * 300)} of 400" in told.message
    assert content.is_fallback is False


def test_one_that_is_held_back_comes_before_the_next_morning():
    blocked = a_morning(0, state=DistributionState.BLOCKED, opened_at=None, window_end=None)
    assert today.load(SIX + timedelta(minutes=1)).next == blocked


def test_seven_mornings_are_told_by_share_failures_and_tone():
    BlackoutDate.objects.create(day=date(2026, 11, 18), reason="Diwali")
    a_morning(1, sla_accepted=0.995, sla_delivered=0.9, results={"failed": 4})
    a_morning(2, sla_accepted=0.98, results={"failed": 9})
    a_morning(3, sla_accepted=0.5, results={"failed": 70})
    a_morning(4, state=DistributionState.MISSED, opened_at=None, window_end=None)
    a_morning(30, sla_accepted=1.0, results={"failed": 0})
    strip = today.day_results(EVENING)
    assert [(one.day.day, one.colour, one.percent, one.failed) for one in strip] == [
        (16, "quiet", "", 0),
        (17, "quiet", "", 0),
        (18, "quiet", "", 0),
        (19, "bad", "", 0),
        (20, "bad", "50.0%", 70),
        (21, "fair", "98.0%", 9),
        (22, "good", "99.5%", 4),
    ]
    assert strip[2].word == "Blackout date: Diwali"


def test_open_alerts_come_with_the_ones_nobody_looks_after_first():
    boss = User.objects.create_user("boss")
    for distribution, severity in enumerate(("WARNING", "CRITICAL", "CRITICAL", "WARNING")):
        incidents.raise_alert(
            AlertRule.CAPACITY_SHORT,
            distribution,
            severity=Severity(severity),
            message="Short.",
            now=EVENING,
        )
    incidents.close_alert(AlertRule.CAPACITY_SHORT, 3, now=EVENING)
    first = today.load(EVENING).alerts.rows[0]
    assert incidents.acknowledge([first.pk], by=boss.pk, now=EVENING) == 1
    assert incidents.acknowledge([first.pk], by=boss.pk, now=EVENING) == 0
    found = today.load(EVENING)
    assert [one.severity for one in found.alerts.rows] == ["CRITICAL", "WARNING", "CRITICAL"]
    assert (found.alerts.rows[-1].acknowledged_by, found.alerts.total) == (boss, 3)


def test_the_page_shows_it_to_a_viewer_by_few_queries_and_nothing_to_a_stranger(admin_client):
    a_number()
    some_subscribers(50)
    an_approved_content(day=TOMORROW)
    with CaptureQueriesContext(connection) as asked:
        page = admin_client.get("/admin/").content.decode()
    assert "Last seven days" in page
    assert len(asked) <= 42  # nine of them for the badges of the sidebar
    stranger = Client()
    stranger.force_login(User.objects.create_user("new", is_staff=True))
    assert "have a role yet. Ask an administrator." in stranger.get("/admin/").content.decode()
