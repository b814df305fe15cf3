from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.staff import sessions

pytestmark = pytest.mark.django_db
HOME = "/admin/password_change/"


@pytest.fixture
def ada() -> User:
    ada = User.objects.create_user("ada", password="correct horse battery", is_staff=True)
    ada.groups.add(Group.objects.get(name="Viewer"))
    return ada


@pytest.fixture
def client(ada) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def test_thirty_idle_minutes_end_a_session_and_a_click_prolongs_it(client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert client.get(HOME).status_code == 200
        for _ in range(3):
            clock.shift(timedelta(minutes=29))
            assert client.get(HOME).status_code == 200
        clock.shift(timedelta(minutes=31))
        assert client.get(HOME).status_code == 302


def test_twelve_hours_end_a_session_however_busy(client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        told = []
        for _ in range(36):
            told.append(client.get(HOME).status_code)
            clock.shift(timedelta(minutes=20))
        assert told == [200] * 36
        assert client.get(HOME).status_code == 302


def test_the_wall_asks_by_itself_for_twelve_hours(client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert "Signed in until" in client.get("/dashboard/").content.decode()
        told = []
        for _ in range(36):
            told.append(client.get("/dashboard/board/").status_code)
            clock.shift(timedelta(minutes=20))
        assert told == [200] * 36
        assert client.get("/dashboard/board/").status_code == 302


def test_who_left_the_wall_on_must_sign_in_again_for_anything_else(client):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client.get("/dashboard/")
        for _ in range(3):
            clock.shift(timedelta(minutes=11))
            assert client.get("/dashboard/board/").status_code == 200
        assert client.get(HOME).status_code == 302
        assert client.get("/dashboard/board/").status_code == 302  # that ended the session


def test_a_page_that_asks_all_the_time_does_not_write_all_the_time(client):
    client.get(HOME)
    with CaptureQueriesContext(connection) as asked:
        client.get(HOME)
    assert [one["sql"] for one in asked if not one["sql"].startswith("SELECT")] == []


def test_a_disabled_person_and_one_with_a_new_password_are_out_at_once(client, ada):
    assert client.get(HOME).status_code == 200
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert client.get(HOME).status_code == 302
    User.objects.filter(pk=ada.pk).update(is_active=True)

    client.force_login(ada)
    ada.set_password("another long password")
    ada.save()
    assert client.get(HOME).status_code == 302


def test_signing_out_everywhere_ends_that_person_s_sessions_only(client, ada):
    second, other = Client(), Client()
    second.force_login(ada)
    other.force_login(User.objects.create_user("bob", is_staff=True))

    assert sessions.end_sessions(ada, now=timezone.now()) == 2

    assert [one.get(HOME).status_code for one in (client, second, other)] == [302, 302, 200]


def test_the_session_s_id_changes_at_sign_in(ada):
    client = Client()
    client.get("/admin/login/")
    client.session["seen"] = 1
    before = client.session.session_key
    client.post("/admin/login/", {"username": "ada", "password": "correct horse battery"})
    assert client.session.session_key not in (None, before)
