"""What waits for a person, on the home page: one click from the page where it is done."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from distribution.content import approval
from distribution.models import Distribution
from tests.builders import a_draft
from tests.distribution.staff import a_client, a_member
from tests.mornings import a_morning

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)  # 06:00 in India
DAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def six_o_clock():
    with time_machine.travel(NOW, tick=False):
        yield


def waits_for(client: Client) -> dict[str, str]:
    """The list on the home page: words by address."""
    html = client.get("/admin/").content.decode()
    listed = html.partition('<ul class="today-todo">')[2].partition("</ul>")[0]
    found = re.findall(r'<a href="([^"]+)">([^<]+)</a>', listed)
    return {unescape(url): unescape(words) for url, words in found}


def submitted(number: int) -> list[str]:
    pages = []
    for ahead in range(number):
        content = a_draft(title=f"Text {ahead}", day=DAY + timedelta(days=ahead))
        approval.submit(content, by=content.author, now=NOW)
        pages.append(reverse("admin:distribution_content_change", args=[content.pk]))
    return pages


def test_a_content_to_review_is_one_click_away_and_many_are_in_the_queue():
    first, second = submitted(2)
    assert waits_for(a_client("Approver")) == {
        first: "Review “Text 0” (Tue 24 Nov)",
        second: "Review “Text 1” (Wed 25 Nov)",
    }

    for content_day in (30, 31):
        content = a_draft(title="More", day=DAY + timedelta(days=content_day))
        approval.submit(content, by=content.author, now=NOW)
    queue = reverse("admin:distribution_content_queue")
    found = waits_for(a_client("Approver"))
    assert (found[queue], len(found), first in found) == ("4 contents to review", 4, True)


def test_own_content_waits_for_somebody_else():
    author = a_member("Editor")
    author.groups.add(*a_member("Approver").groups.all())
    content = a_draft(day=DAY, author=author)
    approval.submit(content, by=author, now=NOW)

    found = waits_for(a_client(None, author))
    assert not [words for words in found.values() if words.startswith("Review")]


def test_an_editor_is_led_to_the_next_day_that_nobody_has_written_for():
    add = reverse("admin:distribution_content_add")
    editor = a_client("Editor")
    assert waits_for(editor) == {f"{add}?day=2026-11-24": "Write content for Tuesday 24 November"}

    submitted(1)
    # That day is written for, and waits for its approval.
    assert waits_for(editor) == {f"{add}?day=2026-11-25": "Write content for Wednesday 25 November"}
    assert waits_for(a_client("Viewer")) == {}


def test_failed_deliveries_of_today_that_can_be_retried_are_one_click_away():
    morning = a_morning(300, now=NOW, local_date=NOW.date(), kind="DAILY")
    retry = reverse("admin:distribution_act", args=[morning.pk, "retry"])
    words = "Retry failed deliveries of the daily distribution of 23 Nov 2026"
    assert waits_for(a_client("Operator"))[retry] == words
    assert retry not in waits_for(a_client("Approver"))

    Distribution.objects.update(state="CANCELLED")
    assert retry not in waits_for(a_client("Operator"))
    Distribution.objects.update(state="COMPLETED", local_date=NOW.date() - timedelta(days=1))
    assert retry not in waits_for(a_client("Operator"))
