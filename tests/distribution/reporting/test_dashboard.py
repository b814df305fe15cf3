from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from distribution.analytics import shared_counts
from distribution.models import Alert, Delivery, Distribution
from distribution.reporting import dashboard
from tests.builders import a_planned_distribution
from tests.distribution.staff import ROLES, a_client
from tests.mornings import a_morning

pytestmark = pytest.mark.django_db
STATIC = Path(dashboard.__file__).parents[1] / "static" / "distribution"


@pytest.fixture(autouse=True)
def nothing_shared():
    dashboard.shared.clear()
    yield
    dashboard.shared.clear()


def fragment(client: Client) -> str:
    answer = client.get("/dashboard/board/")
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_every_role_sees_the_board(role):
    a_morning(20, now=timezone.now())
    client = a_client(role)
    page = client.get("/dashboard/")
    assert page.status_code == 200
    assert 'id="dashboard"' in page.content.decode()
    assert "20" in fragment(client)


@pytest.mark.parametrize("address", ["/dashboard/", "/dashboard/board/"])
def test_staff_without_a_role_does_not(address):
    assert a_client(None).get(address).status_code == 403


def test_alerts_are_on_the_board_of_those_who_may_see_alerts():
    Alert.objects.create(
        rule="x", scope="", severity="CRITICAL", message="Meta is away", opened_at=timezone.now()
    )
    client = a_client(None)
    user = get_user_model().objects.get(pk=client.session["_auth_user_id"])
    user.user_permissions.add(Permission.objects.get(codename="view_distribution"))
    assert "Meta is away" not in fragment(client)
    assert "Meta is away" in fragment(a_client("Viewer"))
    assert "Meta is away" not in client.get("/dashboard/").content.decode()


@pytest.mark.parametrize("address", ["/dashboard/", "/dashboard/board/"])
def test_nobody_else_does(client, address):
    assert client.get(address).status_code == 302
    client.force_login(get_user_model().objects.create_user("subscriber"))
    assert client.get(address).status_code == 302
    assert client.post(address).status_code == 405


def test_a_plain_board_when_nothing_was_ever_sent():
    assert "Nothing has been sent yet" in fragment(a_client("Viewer"))


def test_when_nothing_runs_the_last_one_is_shown_and_the_next_one_named():
    now = timezone.now()
    a_morning(20, now=now, state="COMPLETED", completed_at=now)
    a_planned_distribution(now)
    html = fragment(a_client("Viewer"))
    assert "Nothing is being sent. Showing the most recent distribution." in html
    assert re.search(r"Next: [^<]* IST \((?:now|just now)\)\.", html)
    assert 'data-refresh-ms="5000"' in html


def test_a_running_one_is_asked_for_every_second_and_says_as_of_when():
    a_morning(20, now=timezone.now())
    html = fragment(a_client("Viewer"))
    assert 'data-refresh-ms="1000"' in html
    assert re.search(r'as of <time datetime="\d{4}-[^"]+">\d\d:\d\d:\d\d IST<', html)


def test_open_alerts_are_on_the_board_and_markup_in_them_is_not():
    a_morning(5, now=timezone.now())
    Alert.objects.create(
        rule="x", severity="CRITICAL", message="<script>alert(1)</script>", opened_at=timezone.now()
    )
    html = fragment(a_client("Viewer"))
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_nothing_on_the_pages_is_inline():
    """The policy of the pages refuses inline scripts and styles: there are none to refuse."""
    a_morning(200, now=timezone.now())
    html = a_client("Viewer").get("/dashboard/").content.decode()
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", html)
    assert [
        bool(tag.strip()) for tag in re.findall(r"<script[^>]*>(.*?)</script>", html, re.S)
    ] == [False]
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)


@pytest.mark.parametrize("people", [2000, 20_000])
def test_an_update_takes_at_most_fifteen_queries_however_many_people(people, monkeypatch):
    for pause in ("MIN_PAUSE", "MAX_PAUSE"):
        monkeypatch.setattr(shared_counts, pause, 600.0)
    morning = a_morning(people, now=timezone.now())
    shared_counts.read(morning, now=timezone.now())  # of many people, the first counts for all
    client = a_client("Viewer")
    with CaptureQueriesContext(connection) as caught:
        fragment(client)
    assert len(caught) == 12  # fifteen are allowed; two are for permissions


def test_viewers_share_one_reckoning_until_it_is_old():
    morning = a_morning(20, now=timezone.now())
    one, other = a_client("Viewer"), a_client("Viewer")
    first = fragment(one)
    Delivery.objects.filter(distribution=morning).delete()
    with CaptureQueriesContext(connection) as caught:
        assert fragment(other) == first
    assert len(caught) == 4  # the session, its user, and what they may see
    dashboard.shared.clear()
    assert fragment(other) != first


def test_of_two_running_ones_the_earlier_is_shown_and_the_other_named():
    now = timezone.now()
    a_morning(7, now=now)
    a_morning(9, now=now, kind="DAILY", planned_at=now)
    html = fragment(a_client("Viewer"))
    assert Distribution.objects.running().count() == 2
    assert "Daily distribution of" in html
