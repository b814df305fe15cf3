from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from distribution import tasks
from distribution.models import Distribution, EventKind, Notification, OutgoingEvent, State
from distribution.reporting import morning_report
from distribution.service_level import sla
from phonepool.models import PhoneEvent, PhoneNumber
from tests.builders import a_user, an_open_distribution
from tests.distribution.service_level.measured import NOW, WINDOW, seconds, sent

pytestmark = pytest.mark.django_db
DUE = NOW + seconds(WINDOW + 121)


@pytest.fixture
def ended(settings) -> Distribution:
    settings.EMAIL_ENABLED = True
    boss = a_user()
    boss.email, boss.is_staff, boss.is_superuser = "boss@example.org", True, True
    boss.save()
    row = an_open_distribution(100, now=NOW)
    Distribution.objects.update(kind="DAILY", local_date=date(2026, 11, 23))
    row.refresh_from_db()
    sent(0, 99, at=24, delivered=30)
    sent(99, 100, at=1, state=State.FAILED, reason="media_unusable", accepted_at=None)
    results = sla.results(row, now=NOW + seconds(WINDOW))
    Distribution.objects.update(
        state="COMPLETED",
        completed_at=NOW + seconds(WINDOW),
        results=results,
        sla_accepted=results["sla_accepted"],
        sla_delivered=results["sla_delivered"],
    )
    number = PhoneNumber.objects.get()
    PhoneEvent.objects.create(number=number, kind="resting", at=NOW + seconds(20))
    PhoneEvent.objects.create(number=number, kind="resting", at=NOW - seconds(20))
    return row


def test_a_report_is_written_once_two_minutes_after_the_window(ended):
    assert morning_report.send_due(DUE - seconds(2)) == 0
    assert morning_report.send_due(DUE) == 1
    assert morning_report.send_due(DUE + timedelta(minutes=1)) == 0

    told = OutgoingEvent.objects.get(kind=EventKind.MORNING_REPORT).data["morning"]
    assert (told["met"], told["accepted_share"], told["seconds"]) == (True, 0.99, 24)
    assert (told["failures"], told["actions"]) == ({"media_unusable": 1}, {"resting": 1})
    assert told["budget_left"] == pytest.approx(1 - 0.01 / 0.28)
    letter = Notification.objects.get(kind="morning.report")
    assert letter.subject == "Mon 23 Nov: Service level met"
    assert letter.text.splitlines()[:3] == [
        "Service level met: 99.0% accepted and 99.0% delivered in time.",
        "Recipients: 100, of whom 100 were owed a message.",
        "The last message was accepted 24 s after the start.",
    ]
    assert "Cost: not counted yet." in letter.text
    assert "- 1 numbers rested" in letter.text


def test_one_that_missed_says_so_and_one_of_long_ago_is_not_told(ended, monkeypatch):
    Distribution.objects.update(sla_accepted=0.5)
    assert morning_report.compose(Distribution.objects.get(), now=DUE).met is False
    monkeypatch.setattr(tasks.timezone, "now", lambda: datetime(2026, 11, 24, tzinfo=UTC))
    assert tasks.report_mornings() == 0
