"""Coming contents are checked while there is time: the evening before, the fallback for a week."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from distribution.content import approval
from distribution.engine import tick
from distribution.lifecycle import content_watch, preflight, schedule
from distribution.models import (
    Alert,
    BlackoutDate,
    Content,
    Distribution,
    MessageTemplate,
    TemplateStatus,
)
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_user,
    an_approved_content,
    some_subscribers,
)
from tests.distribution.content_staff import a_plain_template, a_rich_template

pytestmark = pytest.mark.django_db
DAY = date(2026, 11, 24)
DEADLINE = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 20:00 in India
OPENING = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
THREE = [{"type": "BODY", "text": "Good morning {{1}}.\n*Today:* {{2}}, {{3}}"}]


@pytest.fixture(autouse=True)
def deadline(settings: Any) -> None:
    settings.CONTENT_DEADLINE = time(20)


@pytest.fixture
def content(db: Any) -> Content:
    """That of the day; a number, and one person."""
    a_number()
    some_subscribers(1)
    return an_approved_content(day=DAY, message_template=a_plain_template())


@pytest.fixture
def fallback(content: Content) -> Content:
    return a_fallback()


def a_fallback(**fields: Any) -> Content:
    given = {"day": None, "is_fallback": True, "title": "A quiet morning"}
    return an_approved_content(**{**given, "message_template": a_plain_template(), **fields})


def changed_at_meta(content: Content, **fields: Any) -> None:
    MessageTemplate.objects.filter(pk=content.message_template_id).update(**fields)


def alerts(rule: str = "content_not_ready") -> list[Alert]:
    return list(Alert.objects.filter(rule=rule, closed_at=None).order_by("scope"))


def test_the_evening_check_tells_what_the_opening_would_find(content):
    """Case A6, the evening before: the template got a third variable at Meta."""
    changed_at_meta(content, components=THREE)
    tick.check(DEADLINE - timedelta(seconds=70))
    assert alerts() == []

    tick.check(DEADLINE)

    (alert,) = alerts()
    assert (alert.severity, alert.scope) == ("CRITICAL", "day 2026-11-24")
    assert alert.message.startswith("For 24 Nov 2026: “The day ahead” can't be sent: ")
    assert "was changed at Meta after the content was approved" in alert.message
    assert "Variable 3: Enter a value" in alert.message


def test_it_is_a_warning_if_the_fallback_stands_in(content, fallback):
    changed_at_meta(content, status=TemplateStatus.PAUSED)

    tick.check(DEADLINE)

    (alert,) = alerts()
    assert alert.severity == "WARNING"
    assert "The fallback “A quiet morning” is sent because" in alert.message
    assert "PAUSED" in alert.message


def test_nothing_approved_is_a_warning_that_names_the_fallback(content, fallback):
    Content.objects.filter(pk=content.pk).update(day=DAY - timedelta(days=30))

    tick.check(DEADLINE)

    (alert,) = alerts()
    assert alert.severity == "WARNING"
    told = "No content is approved for 24 Nov 2026, so the fallback “A quiet morning” will be sent."
    assert alert.message.startswith(told)
    Content.objects.filter(pk=content.pk).update(day=DAY)
    tick.check(DEADLINE + timedelta(seconds=61))
    assert alerts() == []


def test_a_fallback_that_is_planned_for_the_day_is_nothing_to_tell(content, fallback):
    planned = {"local_date": DAY, "planned_at": OPENING, "content": fallback}
    Distribution.objects.create(kind="DAILY", **planned)

    tick.check(DEADLINE)

    assert alerts() == []


@pytest.mark.parametrize(
    ("approved", "since", "told"),
    [
        ({}, {"correct_category": "MARKETING"}, "from UTILITY to MARKETING"),
        ({}, {"correct_category": "UTILITY"}, ""),
        ({"send_ttl_seconds": 43_200}, {"send_ttl_seconds": None}, "longer than when"),
        ({"send_ttl_seconds": 43_200}, {"send_ttl_seconds": -1}, "longer than when"),
        ({"send_ttl_seconds": 3600}, {"send_ttl_seconds": 43_200}, "longer than when"),
        ({"send_ttl_seconds": 43_200}, {"send_ttl_seconds": 3600}, ""),
        ({"send_ttl_seconds": None}, {"send_ttl_seconds": 3600}, ""),
        ({"send_ttl_seconds": -1}, {"send_ttl_seconds": None}, ""),
    ],
)
def test_what_meta_changes_without_forbidding_it_is_a_warning_and_is_sent(approved, since, told):
    a_number()
    some_subscribers(1)
    template = a_plain_template(**approved)
    content = an_approved_content(day=DAY, message_template=template)
    changed_at_meta(content, **since)

    tick.check(DEADLINE)

    assert [told in alert.message for alert in alerts()] == [True] * bool(told)
    assert {alert.severity for alert in alerts()} <= {"WARNING"}
    planned = a_planned_distribution(OPENING, content=Content.objects.get())
    checked = preflight.check(planned, now=OPENING)
    assert checked.content == content
    assert [finding.blocking for finding in checked.findings] == [False] * bool(told)


def test_nothing_approved_and_no_fallback_is_told_too(content):
    Content.objects.update(state="REPLACED")

    tick.check(DEADLINE)

    (alert,) = alerts()
    assert alert.severity == "CRITICAL"
    assert "No content is approved for 24 Nov 2026" in alert.message


def test_it_closes_once_a_new_version_is_approved(content):
    changed_at_meta(content, components=THREE)
    tick.check(DEADLINE)
    content.message_template.refresh_from_db()
    again = approval.new_version(content, by=a_user(), now=DEADLINE)
    approval.edit(again, by=again.author, now=DEADLINE, body_variables=["{name}", "flat", "calm"])
    approval.submit(again, by=again.author, now=DEADLINE)
    approval.approve(again, by=a_user(), now=DEADLINE, reason="The template was changed.")

    tick.check(DEADLINE + timedelta(seconds=60))

    assert alerts() == []
    assert Alert.objects.get(rule="content_not_ready").closed_at is not None


def test_the_openings_own_alert_takes_over(content):
    changed_at_meta(content, components=THREE)
    tick.check(OPENING - timedelta(minutes=5))
    assert len(alerts()) == 1

    tick.check(OPENING)

    assert alerts() == []
    assert [alert.severity for alert in alerts("content_invalid")] == ["CRITICAL"]


def test_a_planned_one_time_distribution_is_checked_as_well(content):
    other = an_approved_content(day=DAY + timedelta(days=9), message_template=a_plain_template())
    schedule.plan_once(at=OPENING + timedelta(hours=6), content=other)
    changed_at_meta(other, components=[{"type": "HEADER", "format": "LOCATION"}, *THREE])

    tick.check(DEADLINE)

    (alert,) = alerts()
    assert "a LOCATION header" in alert.message
    tick.check(OPENING + timedelta(seconds=60))  # the day's own has begun
    assert len(alerts()) == 1


def test_a_blackout_date_is_left_alone(content):
    Content.objects.update(state="REPLACED")
    BlackoutDate.objects.create(day=DAY, reason="Holiday")

    tick.check(DEADLINE)

    assert alerts() == []


def test_the_alert_names_the_first_day_on_which_the_fallback_fails(content):
    """Its file is not kept here, and Meta forgets it on the fourth of the seven mornings."""
    uploaded = DEADLINE + timedelta(days=4) - timedelta(days=30)
    fallback = a_fallback(
        message_template=a_rich_template(),
        media={"type": "image", "id": "5", "uploaded_at": uploaded.isoformat()},
        button_variables={"1": "today"},
    )

    tick.check(DEADLINE)

    (alert,) = alerts("fallback_not_ready")
    assert (alert.severity, alert.scope) == ("WARNING", "")
    assert alert.message == (
        "The fallback “A quiet morning” can't be sent on 27 Nov 2026: "
        "Meta deletes the image on 27 Nov 2026. Upload it closer to the send date."
    )

    Content.objects.filter(pk=fallback.pk).update(
        media={**fallback.media, "uploaded_at": DEADLINE.isoformat()}
    )
    tick.check(DEADLINE + timedelta(seconds=60))
    assert alerts("fallback_not_ready") == []


@pytest.mark.parametrize(("days", "told"), [(7, True), (8, False)])
def test_it_looks_seven_mornings_ahead(content, days, told):
    uploaded = DEADLINE + timedelta(days=days) - timedelta(days=30)
    a_fallback(
        message_template=a_rich_template(),
        media={"type": "image", "id": "5", "uploaded_at": uploaded.isoformat()},
        button_variables={"1": "today"},
    )

    tick.check(DEADLINE)

    assert bool(alerts("fallback_not_ready")) == told


def test_a_fallback_whose_template_meta_paused_fails_from_the_next_morning_on(fallback):
    changed_at_meta(fallback, status=TemplateStatus.PAUSED)
    tick.check(DEADLINE - timedelta(hours=3))  # at any time of the day
    assert "can't be sent on 24 Nov 2026" in alerts("fallback_not_ready")[0].message

    changed_at_meta(fallback, status=TemplateStatus.APPROVED)
    tick.check(DEADLINE)
    assert alerts("fallback_not_ready") == []


def test_another_fallback_that_can_be_sent_closes_it(fallback):
    changed_at_meta(fallback, status=TemplateStatus.DISABLED)
    tick.check(DEADLINE)
    a_fallback(title="Another")

    tick.check(DEADLINE + timedelta(seconds=60))

    assert alerts("fallback_not_ready") == []


def test_it_looks_once_a_minute_whoever_asks(content, monkeypatch):
    looks = []
    monkeypatch.setattr(content_watch, "look", looks.append)
    seconds = (0, 5, 59, 60, 65, -3600, -3599)  # the clock is set back
    for at in seconds:
        tick.check(DEADLINE + timedelta(seconds=at))

    assert [(now - DEADLINE).total_seconds() for now in looks] == [0, 60, -3600]


def test_a_check_that_fails_does_not_keep_the_tick_from_its_work(content, monkeypatch):
    def fail(now: datetime) -> None:
        raise RuntimeError

    monkeypatch.setattr(content_watch, "look", fail)

    assert len(tick.check(OPENING).opened) == 1
