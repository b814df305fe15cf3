from __future__ import annotations

import re
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
        assert "Incorrect user name or password." in page
    assert [attempt("nobody", "wrong") for _ in range(5)][-1] == 429


def test_twenty_failures_lock_an_address_for_every_name(ada):
    told = [attempt(f"name-{number}", "wrong") for number in range(20)]
    assert told[:19] == [200] * 19
    assert attempt("ada", PASSWORD) == 429
    assert attempt("ada", PASSWORD, "203.0.113.2") == 302


def failures(count: int, name: str = "x", address: str = "198.51.100.1") -> None:
    AccessAttempt.objects.create(
        username=name,
        ip_address=address,
        user_agent=f"{count} {address}",
        failures_since_start=count,
        attempt_time=timezone.now(),
    )


@pytest.mark.parametrize("name", ["x", "ada"])
def test_no_number_of_failures_elsewhere_refuses_the_right_password(ada, name):
    """Outsiders cannot lock the staff out; they get one try from each address instead of five."""
    failures(100_000, name)
    assert attempt("ada", PASSWORD) == 302
    assert attempt("ada", "wrong", "203.0.113.9") == 429
    assert attempt("ada", PASSWORD, "203.0.113.9") == 429  # it has failed from there
    assert attempt("ada", PASSWORD, "203.0.113.10") == 302


def a_browser_that_knows(name: str = "ada", address: str = "203.0.113.1") -> Client:
    client = Client(REMOTE_ADDR=address)
    client.post("/admin/login/", {"username": name, "password": PASSWORD})
    client.post("/admin/logout/")
    return client


def sign_in(client: Client, name: str, password: str) -> int:
    return client.post("/admin/login/", {"username": name, "password": password}).status_code


def test_a_browser_that_signed_in_before_is_locked_by_nobody_else(ada):
    known = a_browser_that_knows()
    for number in range(20):
        attempt(f"name-{number}", "wrong")  # of others behind the same address
    for _ in range(5):
        attempt("ada", "wrong")
    failures(100_000, "ada")
    assert attempt("ada", PASSWORD) == 429
    assert sign_in(known, "ada", PASSWORD) == 302


def test_a_known_browser_has_its_own_five_tries_and_for_its_person_only(ada):
    User.objects.create_user("bob", password=PASSWORD, is_staff=True)
    known = a_browser_that_knows()
    assert [sign_in(known, "ada", "wrong") for _ in range(5)] == [200, 200, 200, 200, 429]
    assert sign_in(known, "ada", PASSWORD) == 429
    assert "known device" in AccessAttempt.objects.get(username="ada").user_agent
    assert attempt("ada", PASSWORD) == 302  # its failures are its own
    for number in range(20):
        attempt(f"name-{number}", "wrong")
    assert sign_in(known, "bob", PASSWORD) == 429  # to bob it is any browser there


def test_the_cookie_of_a_known_browser_is_kept_from_scripts_and_cannot_be_made_up(ada):
    client = Client()
    client.post("/admin/login/", {"username": "ada", "password": PASSWORD})
    cookie = client.cookies["device"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    forged = Client(REMOTE_ADDR="203.0.113.7")
    forged.cookies["device"] = cookie.value[:-4] + "AAAA"
    for number in range(20):
        attempt(f"name-{number}", "wrong", "203.0.113.7")
    assert sign_in(forged, "ada", PASSWORD) == 429
    genuine = Client(REMOTE_ADDR="203.0.113.7")
    genuine.cookies["device"] = cookie.value
    assert sign_in(genuine, "ada", PASSWORD) == 302


def test_a_wrong_password_makes_no_browser_known(ada):
    client = Client()
    sign_in(client, "ada", "wrong")
    assert "device" not in client.cookies


@pytest.mark.parametrize(
    ("first", "second"),
    [("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"), ("::ffff:203.0.113.1", "203.0.113.1")],
)
def test_a_network_of_one_machine_is_one_address(ada, first, second):
    assert [attempt("ada", "wrong", first) for _ in range(4)] == [200] * 4
    assert attempt("ada", "wrong", second) == 429
    assert attempt("ada", PASSWORD, "2001:db8:1:3::1") == 302


def test_a_claimed_address_neither_escapes_a_lock_nor_makes_one(ada):
    for number in range(5):
        attempt("ada", "wrong", HTTP_X_FORWARDED_FOR=f"198.51.100.{number}")
    assert attempt("ada", PASSWORD, HTTP_X_FORWARDED_FOR="198.51.100.99") == 429
    assert set(AccessAttempt.objects.values_list("ip_address", flat=True)) == {"203.0.113.1"}


def test_who_signs_in_comes_to_today_s_board(ada):
    form = {"username": "ada", "password": PASSWORD}
    assert Client().post("/admin/login/", form)["Location"] == "/admin/"


def test_one_mistake_gets_one_sentence_and_the_last_tries_are_counted(ada):
    form = {"username": "ada", "password": "wrong"}
    pages = [Client().post("/admin/login/", form).content.decode() for _ in range(4)]

    assert pages[0].count("Incorrect user name or password.") == 1
    assert "Please correct the error" not in pages[0]
    assert "left before" not in pages[1]
    assert "2 tries left before signing in is locked for 15 minutes." in pages[2]
    assert "One try left before signing in is locked for 15 minutes." in pages[3]


def test_the_page_of_a_lock_names_the_product_its_duration_and_a_way_back(ada, settings):
    settings.AXES_COOLOFF_TIME = timedelta(minutes=20)
    failures(5, "ada", "203.0.113.1")

    form = {"username": "ada", "password": PASSWORD}
    answer = Client(REMOTE_ADDR="203.0.113.1").post("/admin/login/", form)

    page = answer.content.decode()
    assert answer.status_code == 429
    assert "Daybreak" in page
    assert "locked for 20 minutes" in page
    assert 'href="/admin/login/"' in page


def test_every_page_says_sign_in(ada):
    browser = a_browser_that_knows()
    pages = [browser.get("/admin/login/"), Client().get("/admin/login/")]
    browser.force_login(ada)
    pages += [browser.get("/admin/"), browser.post("/admin/logout/")]

    for page in pages:
        text = page.content.decode()
        assert "Sign in" in text or "Sign out" in text
        assert not re.search(r"\b[Ll]og (in|out)\b|[Ll]ogged", text)
