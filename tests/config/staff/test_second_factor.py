from __future__ import annotations

import re
from base64 import b32decode

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.staff import second_factor, sign_in_log
from config.staff.audit_log import message_parts

pytestmark = pytest.mark.django_db
ASK, SET_UP, HOME = "/admin/second-factor/", "/admin/second-factor/set-up/", "/admin/"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password="correct horse battery")


@pytest.fixture
def client(ada, settings) -> Client:
    settings.TWO_FACTOR = "required"
    client = Client()
    client.force_login(ada)
    return client


def code(user: User) -> str:
    """What the phone shows next; each code counts once."""
    device = TOTPDevice.objects.get(user=user)
    shown = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    shown.time = shown.time  # now
    number = shown.token() if device.last_t < shown.t() else _next(shown)
    return f"{number:06}"


def _next(shown: TOTP) -> int:
    shown.time += shown.step
    return shown.token()


def offered(client: Client) -> str:
    """The first code of an app that took the key from the page."""
    key = re.search(r'id="key">([A-Z2-7]{32})<', client.get(SET_UP).content.decode())
    return f"{TOTP(b32decode(key[1])).token():06}"


def with_a_phone(user: User) -> TOTPDevice:
    return TOTPDevice.objects.create(user=user, name="phone", confirmed=True)


def test_where_it_is_required_nobody_goes_further_without_having_set_it_up(client):
    for path in (HOME, "/admin/auth/user/", "/admin/password_change/", "/dashboard/"):
        answer = client.get(path)
        assert (answer.status_code, answer["Location"]) == (302, f"{SET_UP}?next={path}")
    kept = client.post("/admin/auth/user/add/", {"username": "x"})
    assert (kept.status_code, f'href="{SET_UP}"' in kept.content.decode()) == (401, True)
    assert not User.objects.filter(username="x").exists()


def test_setting_it_up_shows_a_picture_takes_a_code_and_gives_spare_ones(client, ada):
    shown = client.get(SET_UP).content.decode()
    assert "<svg" in shown
    key = re.search(r'id="key">([A-Z2-7]{32})<', shown)  # the same as text, and a button to copy it
    assert key is not None
    assert f'data-copy="{key[1]}"' in shown
    wrong = client.post(SET_UP, {"code": "000000"}).content.decode()
    assert "Incorrect code. Wait for the next one" in wrong

    done = client.post(SET_UP, {"code": offered(client)}).content.decode()

    spare = re.findall(r"<li>(\w{8})</li>", done)
    assert len(set(spare)) == second_factor.SPARE_CODES_COUNT
    assert client.get(HOME).status_code == 200
    again = Client()
    again.force_login(ada)
    assert again.post(ASK, {"code": spare[0]})["Location"] == HOME
    third = Client()
    third.force_login(ada)
    assert third.post(ASK, {"code": spare[0]}).status_code == 200  # it was used


def test_who_has_it_is_asked_also_where_it_is_optional_and_sent_on_where_they_wanted(
    client, ada, settings
):
    settings.TWO_FACTOR = "optional"
    assert client.get(HOME).status_code == 200
    with_a_phone(ada)
    assert client.get("/admin/auth/user/")["Location"] == f"{ASK}?next=/admin/auth/user/"
    answer = client.post(f"{ASK}?next=/admin/auth/user/", {"code": code(ada)})
    assert answer["Location"] == "/admin/auth/user/"


def test_nobody_is_sent_on_to_another_house(client, ada):
    with_a_phone(ada)
    answer = client.post(f"{ASK}?next=https://example.org/", {"code": code(ada)})
    assert answer["Location"] == HOME


def test_a_thief_of_the_password_cannot_set_up_a_phone_of_their_own(client, ada):
    with_a_phone(ada)
    assert client.get(SET_UP)["Location"] == ASK
    assert client.post(SET_UP, {"code": "000000"})["Location"] == ASK


def test_wrong_codes_are_slowed_down(client, ada):
    with_a_phone(ada)
    assert client.post(ASK, {"code": "000000"}).status_code == 200
    assert client.post(ASK, {"code": code(ada)}).status_code == 200  # right, but too soon
    assert client.get(HOME).status_code == 302


def test_a_lost_phone_is_forgotten_with_its_spare_codes(client, ada):
    with_a_phone(ada)
    StaticDevice.objects.create(user=ada, name="spare codes")
    second_factor.remove_devices(ada)
    assert client.get(HOME)["Location"].startswith(SET_UP)


def test_where_it_is_off_nobody_is_asked(client, ada, settings):
    settings.TWO_FACTOR = "off"
    with_a_phone(ada)
    assert client.get(HOME).status_code == 200


# --- what is replaced, and what the log says ----------------------------------------------------


def told() -> list[str]:
    return [message_parts(one)[0]["act"] for one in LogEntry.objects.order_by("pk")]


def test_opening_the_page_stores_nothing(client):
    client.get(SET_UP)
    with CaptureQueriesContext(connection) as asked:
        client.get(SET_UP)
    assert [one["sql"] for one in asked if not one["sql"].startswith("SELECT")] == []
    assert not TOTPDevice.objects.exists()


def test_a_session_alone_replaces_no_second_factor(client, ada):
    client.post(SET_UP, {"code": offered(client)})
    old = TOTPDevice.objects.get(user=ada)
    session = client.session
    session["confirmed_at"] = 0
    session.save()

    for answer in (client.get(SET_UP), client.post(SET_UP, {"code": "000000"})):
        assert "Confirm it’s you" in answer.content.decode()
        assert "<svg" not in answer.content.decode()
    thief = {"confirm_password": "wrong", "confirm_code": code(ada), "confirm_reads": "1"}
    assert "Confirm it’s you" in client.post(SET_UP, thief).content.decode()
    assert TOTPDevice.objects.get(user=ada) == old

    TOTPDevice.objects.update(last_t=-1)
    owner = {"confirm_password": "correct horse battery", "confirm_reads": "1"}
    assert client.post(SET_UP, {**owner, "confirm_code": code(ada)}).status_code == 302
    client.post(SET_UP, {"code": offered(client)})
    assert TOTPDevice.objects.get(user=ada) != old
    assert told()[-1] == "Replaced two-factor authentication."


def test_signed_in_is_written_after_the_code(ada, settings):
    settings.TWO_FACTOR = "required"
    with_a_phone(ada)
    client = Client()
    client.post("/admin/login/", {"username": "ada", "password": "correct horse battery"})
    assert "device" not in client.cookies  # the browser is not known yet
    assert told() == ["Gave the right password; the code is still to come."]
    client.post(ASK, {"code": "000000"})
    TOTPDevice.objects.update(throttling_failure_count=0)
    client.post(ASK, {"code": code(ada)})
    assert told()[1:] == ["Gave a wrong code.", "Signed in."]
    assert "device" in client.cookies


def test_wrong_codes_do_not_fill_the_log(client, ada):
    with_a_phone(ada)
    for _ in range(30):
        client.post(ASK, {"code": "000000"})
    wrong = [act for act in told() if act == "Gave a wrong code."]
    assert len(wrong) == sign_in_log.FAILURE_LINES
    assert told()[-1] == sign_in_log.MORE


def test_setting_it_up_is_on_record(client):
    client.post(SET_UP, {"code": offered(client)})
    assert told()[-2:] == ["Set up two-factor authentication.", "Signed in."]


def test_pages_of_the_second_factor_are_not_stored(client):
    pages = [client.get(SET_UP), client.post(SET_UP, {"code": offered(client)}), client.get(ASK)]
    assert ["no-store" in page["Cache-Control"] for page in pages] == [True] * 3
