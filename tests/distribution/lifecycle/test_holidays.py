"""The exchange's holidays that are offered as blackout dates."""

from __future__ import annotations

from datetime import UTC, date, datetime
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.urls import reverse

from distribution.lifecycle import holidays
from distribution.models import BlackoutDate
from tests.distribution.staff import a_client
from tests.shown_forms import form_with

NOW = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
CHRISTMAS, REPUBLIC_DAY = date(2026, 12, 25), date(2027, 1, 26)


def test_the_table_is_in_order_and_holds_weekdays_once():
    days = [one.day for one in holidays.known()]

    assert days == sorted(set(days))
    assert [day for day in days if day.weekday() > 4] == []
    assert holidays.announced_until() == date(2026, 12, 31)
    assert all(
        one.day <= holidays.announced_until() for one in holidays.known() if one.is_announced
    )


def test_the_next_twelve_months_are_offered_without_those_taken():
    offered = holidays.suggested(NOW.date(), taken={CHRISTMAS})

    assert offered[0].day == REPUBLIC_DAY
    assert (offered[0].reason, offered[0].is_announced) == ("NSE holiday: Republic Day", False)
    assert holidays.suggested(CHRISTMAS, taken=())[0].day == REPUBLIC_DAY  # today is too late
    assert holidays.suggested(date(2028, 1, 1), taken=()) == []


@pytest.mark.django_db
def test_a_suggestion_becomes_a_blackout_date_by_its_link_and_save():
    listed = reverse("admin:distribution_blackoutdate_changelist")
    with time_machine.travel(NOW, tick=False):
        client = a_client("Operator")
        page = unescape(client.get(listed).content.decode())
        link = page.partition("Fri 25 Dec 2026")[2].partition('href="')[2].partition('"')[0]
        given = parse_qs(urlsplit(link).query)
        assert given == {"day": ["2026-12-25"], "reason": ["NSE holiday: Christmas"]}
        form = client.get(link)
        assert 'value="NSE holiday: Christmas"' in form.content.decode()

        fields = {"day": "2026-12-25", "reason": "NSE holiday: Christmas"}
        client.post(link, form_with(form, "day", **fields))

        assert BlackoutDate.objects.get().day == CHRISTMAS
        assert "Fri 25 Dec 2026" not in unescape(client.get(listed).content.decode())
        assert "NSE has announced its holidays until 31 December 2026" in page
        assert "NSE trading" not in a_client("Viewer").get(listed).content.decode()
