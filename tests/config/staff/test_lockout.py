from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password=PASSWORD, is_staff=True)


def attempt(name: str, password: str, address: str = "203.0.113.1", **headers: str) -> int:
    form = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/admin/login/", form, **headers).status_code


def test_five_wrong_passwords_lock_the_name_at_that_address_until_the_time_is_over(ada):
    assert [attempt("ada", "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert attempt("ada", PASSWORD) == 429  # the right one too
    assert attempt("ada", PASSWORD, "203.0.113.2") == 302  # she herself, elsewhere

    with time_machine.travel(timezone.now() + timedelta(seconds=901), tick=False):
        assert attempt("ada", PASSWORD) == 302


def test_an_unknown_name_is_answered_like_a_known_one(ada):
    for name in ("ada", "nobody"):
        form = {"username": name, "password": "wrong"}
        page = Client().post("/admin/login/", form).content.decode()
        assert "Please enter the correct username and password" in page
    assert [attempt("nobody", "wrong") for _ in range(5)][-1] == 429


def test_twenty_failures_lock_an_address_for_every_name(ada):
    told = [attempt(f"name-{number}", "wrong") for number in range(20)]
    assert told[:19] == [200] * 19
    assert attempt("ada", PASSWORD) == 429
    assert attempt("ada", PASSWORD, "203.0.113.2") == 302


def test_two_hundred_failures_lock_the_house_whatever_their_addresses(ada):
    AccessAttempt.objects.create(username="x", ip_address="198.51.100.1", failures_since_start=199)
    assert attempt("ada", PASSWORD) == 302
    AccessAttempt.objects.update(failures_since_start=200, attempt_time=timezone.now())
    assert attempt("ada", PASSWORD) == 429


def test_a_claimed_address_neither_escapes_a_lock_nor_makes_one(ada):
    for number in range(5):
        attempt("ada", "wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert attempt("ada", PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.99") == 429
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {"203.0.113.1"}


def test_who_signs_in_comes_to_today_s_board(ada):
    form = {"username": "ada", "password": PASSWORD}
    assert Client().post("/admin/login/", form)["Location"] == "/admin/"
