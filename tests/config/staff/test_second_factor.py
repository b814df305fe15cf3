from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.staff import second_factor

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
    assert "<svg" in client.get(SET_UP).content.decode()
    wrong = client.post(SET_UP, {"code": "000000"}).content.decode()
    assert "That code is not right" in wrong
    TOTPDevice.objects.update(throttling_failure_count=0)

    done = client.post(SET_UP, {"code": code(ada)}).content.decode()

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
