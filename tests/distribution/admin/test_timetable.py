"""The schedule's pages: what they take, what they refuse, and what they write down."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from distribution.models import BlackoutDate, DailyTime, DistributionState, OneTime
from tests.builders import an_approved_content, some_subscribers
from tests.distribution.reporting.test_today import TOMORROW, a_morning
from tests.shown_forms import confirm_rows

pytestmark = pytest.mark.django_db
ADD_TIME = reverse("admin:distribution_dailytime_add")
ADD_DARK = reverse("admin:distribution_blackoutdate_add")
ADD_ONCE = reverse("admin:distribution_onetime_add")
LIST = reverse("admin:distribution_onetime_changelist")


def test_a_daily_time_begins_tomorrow_at_the_earliest(admin_client, admin_user):
    today = timezone.localdate()
    late = admin_client.post(ADD_TIME, {"from_day": today, "time": "07:00", "reason": "x"})
    assert "Choose tomorrow or a later date" in late.content.decode()
    tomorrow = {"from_day": today + timedelta(days=1), "time": "07:00"}
    some_subscribers(3)
    assert "3 people now" in admin_client.get(ADD_TIME).content.decode()
    assert "Enter a reason" in admin_client.post(ADD_TIME, tomorrow).content.decode()
    assert not DailyTime.objects.exists()
    admin_client.post(ADD_TIME, {**tomorrow, "reason": "Markets open earlier"})
    assert DailyTime.objects.get().created_by == admin_user
    assert "Markets open earlier" in LogEntry.objects.latest("pk").change_message


def test_a_blackout_date_is_no_day_that_is_over_or_has_begun(admin_client):
    today = timezone.localdate()
    a_morning((TOMORROW - today).days)
    assert "people are subscribed now" in admin_client.get(ADD_DARK).content.decode()
    for day in (today - timedelta(days=1), today):
        assert admin_client.post(ADD_DARK, {"day": day, "reason": "x"}).status_code == 200
    assert not BlackoutDate.objects.exists()
    admin_client.post(ADD_DARK, {"day": today + timedelta(days=3), "reason": "Diwali"})
    assert BlackoutDate.objects.get().reason == "Diwali"


def test_a_one_time_distribution_is_planned_and_cancelled_with_a_reason(admin_client):
    at = timezone.localtime() + timedelta(days=2)
    content = an_approved_content(day=at.date() + timedelta(days=9))  # not that day's daily one
    form = {"at_0": f"{at:%Y-%m-%d}", "at_1": f"{at:%H:%M}", "content": content.pk}
    past = {**form, "at_0": "2020-01-01"}
    assert b"Choose a time in the future" in admin_client.post(ADD_ONCE, past).content
    assert admin_client.post(ADD_ONCE, form).status_code == 302
    planned = OneTime.objects.get()
    assert (planned.state, planned.content) == (DistributionState.AWAITING_CONFIRMATION, content)

    act = {"action": "cancel", "_selected_action": [planned.pk]}
    assert b"Cancel one-time distributions" in admin_client.post(LIST, act).content
    confirm_rows(admin_client, LIST, act, reason="not needed")
    planned.refresh_from_db()
    assert (planned.state, planned.state_reason) == (DistributionState.CANCELLED, "not needed")
    assert LogEntry.objects.count() == 2


def test_nothing_is_planned_by_the_page_for_a_blackout_date(admin_client):
    at = timezone.localtime() + timedelta(days=2)
    BlackoutDate.objects.create(day=at.date(), reason="Diwali")
    content = an_approved_content(day=at.date())
    form = {"at_0": f"{at:%Y-%m-%d}", "at_1": f"{at:%H:%M}", "content": content.pk}
    assert b"Nothing is sent on that day" in admin_client.post(ADD_ONCE, form).content
    assert not OneTime.objects.exists()
