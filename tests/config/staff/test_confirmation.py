"""Before sensitive acts somebody confirms that it is they; before Pause never (S07)."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.staff import sensitive_acts
from config.staff.sensitive_acts import SENSITIVE
from config.staff.sessions import CONFIRMED
from distribution.models import ApiToken, DistributionState
from subscribers.models import Subscriber
from tests.admin.routes import MAKERS, routes
from tests.builders import an_open_distribution
from tests.config.staff.interrupted import PASSWORD
from tests.config.staff.test_second_factor import code, with_a_phone

pytestmark = pytest.mark.django_db
TOKENS = reverse("admin:distribution_apitoken_add")
ASKED = "Confirm it’s you"


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password=PASSWORD)


@pytest.fixture
def client(boss) -> Client:
    """Signed in six minutes ago."""
    client = Client()
    client.force_login(boss)
    age(client)
    return client


def age(client: Client, minutes: float = 6) -> None:
    session = client.session
    session[CONFIRMED] = (timezone.now() - timedelta(minutes=minutes)).timestamp()
    session.save()


def form_of(answer: Any) -> tuple[str, dict[str, Any]]:
    """Where the page that asks sends what it keeps, and what that is."""
    page = answer.content.decode()
    form = re.search(r'<form method="post" action="([^"]*)"(.*?)</form>', page, re.S)
    assert form is not None, page
    kept: dict[str, list[str]] = {}
    for name, value in re.findall(
        r'<textarea name="([^"]*)"[^>]*>\n(.*?)</textarea>', form[2], re.S
    ):
        kept.setdefault(html.unescape(name), []).append(html.unescape(value))
    return html.unescape(form[1]), dict(kept)


def address_of(view: str) -> str:
    """The address of a sensitive act, of a new record if it is about one."""
    try:
        return reverse(view)
    except Exception:
        model = view.removeprefix("admin:").rsplit("_", 2 if "person" in view else 1)[0]
        model = {"auth_user_password": "auth_user", "distribution": "distribution"}.get(
            model, model
        )
        row = an_open_distribution(1) if view.endswith("decide") else MAKERS[model]()
        return reverse(view, args=[row.pk])


def ask(client: Client, view: str) -> Any:
    act = SENSITIVE[view]
    if act.reads:
        return client.get(address_of(view))
    return client.post(address_of(view), {"what": "typed", "action": list(act.actions)})


@pytest.mark.parametrize("view", sorted(SENSITIVE))
def test_every_act_of_the_table_asks_and_after_the_answer_goes_on(client, view):
    answer = ask(client, view)
    assert answer.status_code == 401
    assert ASKED in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    address, kept = form_of(answer)
    wrong = client.post(address, {**kept, "confirm_password": "wrong"})
    assert ASKED in wrong.content.decode()

    again = client.post(address, {**kept, "confirm_password": PASSWORD})

    if SENSITIVE[view].reads:
        assert (again.status_code, again["Location"]) == (302, address)
        again = client.get(address)
    assert ASKED.encode() not in b"".join(again)
    assert ASKED.encode() not in b"".join(ask(client, view))  # nor again within five minutes


@pytest.mark.parametrize("view", sorted(view for view, act in SENSITIVE.items() if not act.reads))
def test_looking_at_a_page_asks_nothing(client, view):
    assert ASKED.encode() not in b"".join(client.get(address_of(view)))


def test_pause_and_what_else_a_morning_needs_never_asks(client):
    for name, state in [("pause", "PAUSED"), ("resume", "SENDING"), ("cancel", "CANCELLED")]:
        distribution = an_open_distribution(1)
        if name == "resume":
            type(distribution).objects.filter(pk=distribution.pk).update(
                state=DistributionState.PAUSED
            )
        url = reverse("admin:distribution_act", args=[distribution.pk, name])
        answer = client.post(url, {"reason": "Now.", "confirmed": "yes"})
        assert ASKED.encode() not in answer.content, state
    urgent = {"admin:distribution_act", "admin:distribution_content_step"}
    assert not urgent & set(SENSITIVE)
    assert not any(
        view.startswith("admin:phonepool_phonenumber_")
        for view in SENSITIVE
        if not view.endswith(("_add", "_change"))
    )


def test_a_new_page_that_exports_erases_or_gives_rights_is_in_the_table():
    kinds = re.compile(
        r"export|erase|purge|refused$|second_factor_set_up|user_password_change"
        r"|(?:apitoken|eventsubscription|user|(?<!rotation)group|waba|portfolio|phonenumber)_add"
        r"|(?:eventsubscription|user|(?<!rotation)group|waba|portfolio|phonenumber)_change$"
    )
    # No session opens this one: tests/api/test_erasing.py.
    by_token_only = {"api:subscriber-erase"}
    found = {name for name in routes() if kinds.search(name)}
    assert found - by_token_only <= set(SENSITIVE)


def test_a_token_is_made_with_what_was_typed_before_the_question(client, boss):
    typed = {"name": "crm & co", "user": str(boss.pk), "lives": "90", "read": "on"}
    answer = client.post(TOKENS, typed)
    assert not ApiToken.objects.exists()
    assert "<dd>crm &amp; co</dd>" in answer.content.decode()
    address, kept = form_of(answer)
    assert {name: values[0] for name, values in kept.items()} == typed
    done = client.post(address, {**kept, "confirm_password": PASSWORD})
    assert ApiToken.objects.get().name == "crm & co"
    assert re.search(r"dbk_[\w-]{43}", done.content.decode())


def test_with_a_phone_the_password_alone_is_not_enough_and_each_code_counts_once(
    client, boss, settings
):
    settings.TWO_FACTOR = "required"
    device = with_a_phone(boss)
    session = client.session
    session["otp_device_id"] = device.persistent_id
    session.save()
    typed = {"name": "crm", "user": str(boss.pk), "lives": "90", "read": "on"}
    for wrong in ({}, {"confirm_code": ""}, {"confirm_code": "000000"}):
        answer = client.post(TOKENS, {**typed, "confirm_password": PASSWORD, **wrong})
        assert ASKED in answer.content.decode()
        TOTPDevice.objects.update(throttling_failure_count=0)
    assert not ApiToken.objects.exists()
    client.post(TOKENS, {**typed, "confirm_password": PASSWORD, "confirm_code": code(boss)})
    assert ApiToken.objects.count() == 1
    assert LogEntry.objects.filter(change_message__contains="Gave a wrong code.").count() == 3


def test_a_sign_in_is_a_confirmation_for_five_minutes(boss):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        client = Client()
        client.post("/admin/login/", {"username": "boss", "password": PASSWORD})
        group = {"name": "Night"}
        assert ASKED.encode() not in client.post(reverse("admin:auth_group_add"), group).content
        assert Group.objects.filter(name="Night").exists()
        clock.shift(timedelta(minutes=sensitive_acts.MINUTES, seconds=1))
        assert ASKED in client.post(reverse("admin:auth_group_add"), group).content.decode()


def test_guessing_the_password_there_is_locked_like_at_the_sign_in(client):
    answers = [client.post(TOKENS, {"confirm_password": "wrong"}).status_code for _ in range(6)]
    assert answers == [401, 401, 401, 401, 429, 429]
    assert client.post(TOKENS, {"confirm_password": PASSWORD}).status_code == 429


def test_an_erasure_waits_for_the_password(client):
    person = MAKERS["subscribers_subscriber"]()
    url = reverse("admin:subscribers_subscriber_erase_person", args=[person.pk])
    client.post(url, {"reason": "She asked.", "confirmed": "yes"})
    assert Subscriber.objects.get(pk=person.pk).status == person.status
