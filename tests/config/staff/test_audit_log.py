from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from config.staff import sign_in_log
from config.staff.audit_log import message_parts
from phonepool.models import Portfolio
from tests import builders
from tests.admin.routes import MAKERS
from tests.shown_forms import confirm_rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="correct horse battery")


@pytest.fixture
def client(boss) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.5")
    client.force_login(boss)
    return client


def test_a_changed_form_says_who_from_where_before_and_after(client, boss):
    portfolio = builders.a_portfolio(name="Old")
    url = reverse("admin:phonepool_portfolio_change", args=[portfolio.pk])
    shown = client.get(url).context["adminform"].form
    form = {name: shown[name].value() or "" for name in shown.fields}

    assert client.post(url, {**form, "name": "New"}).status_code == 302

    assert Portfolio.objects.get().name == "New"
    entry = LogEntry.objects.get()
    assert entry.user == boss
    told = message_parts(entry)[-1]
    assert told["ip"] == "203.0.113.5"
    assert (told["before"]["name"], told["after"]["name"]) == ("Old", "New")
    page = client.get(reverse("admin:admin_logentry_change", args=[entry.pk])).content.decode()
    assert "<th>name</th><td>Old</td><td>New</td>" in page


def test_neither_a_password_nor_a_whole_phone_number_is_written_down(client, boss):
    url = reverse("admin:auth_user_password_change", args=[boss.pk])
    word = "quite another long password"
    client.post(url, {"usable_password": "true", "password1": word, "password2": word})
    messages = "".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "password" in messages
    assert word not in messages
    assert "md5" not in messages


def test_that_a_persons_details_were_changed_is_on_record_without_the_details(client):
    person = builders.a_subscriber(name="Asha Rao", tier="PRO", attributes={"city": "Pune"})
    url = reverse("admin:subscribers_subscriber_change", args=[person.pk])
    shown = client.get(url).context["adminform"].form
    form = {name: shown[name].value() or "" for name in shown.fields}
    sets = {"consent_events-TOTAL_FORMS": 0, "consent_events-INITIAL_FORMS": 0}
    client.post(
        url,
        {**form, **sets, "name": "Asha Menon", "tier": "BASIC", "attributes": '{"city": "Goa"}'},
    )

    person.refresh_from_db()
    assert person.name == "Asha Menon"
    entry = LogEntry.objects.latest("pk")
    after = message_parts(entry)[-1]["after"]
    assert (after["tier"], after["name"], after["attributes"]) == ("BASIC", "…", "…")
    assert not any(word in entry.change_message for word in ("Rao", "Menon", "Pune", "Goa"))


def test_signing_in_out_and_failing_are_on_record_with_the_address(boss):
    client = Client(REMOTE_ADDR="203.0.113.5")
    client.post("/admin/login/", {"username": "boss", "password": "wrong"})
    client.post("/admin/login/", {"username": "nobody", "password": "wrong"})
    client.post("/admin/login/", {"username": "boss", "password": "correct horse battery"})
    client.post("/admin/logout/")
    told = [message_parts(entry)[0] for entry in LogEntry.objects.order_by("pk")]
    assert [one["act"] for one in told] == ["Gave a wrong password.", "Signed in.", "Signed out."]
    assert {one["ip"] for one in told} == {"203.0.113.5"}


def acts() -> list[str]:
    return [message_parts(entry)[0]["act"] for entry in LogEntry.objects.order_by("pk")]


def test_a_lock_is_one_true_line_however_often_it_refuses(boss):
    client = Client(REMOTE_ADDR="203.0.113.5")
    for password in ["wrong"] * 5 + ["correct horse battery"] * 20 + ["wrong"] * 20:
        client.post("/admin/login/", {"username": "boss", "password": password})
    assert acts() == ["Gave a wrong password."] * 5 + ["Refused while locked."]


def test_nobody_outside_fills_the_log(boss):
    """From as many addresses as they like."""
    for number in range(30):
        client = Client(REMOTE_ADDR=f"198.51.{number}.1")
        for _ in range(2):
            client.post("/admin/login/", {"username": "boss", "password": "wrong"})
    assert len(acts()) == sign_in_log.FAILURE_LINES + 1
    assert acts()[-1] == sign_in_log.MORE


def test_what_a_page_said_itself_is_kept_and_completed(client, boss):
    alert = MAKERS["distribution_alert"]()
    url = reverse("admin:distribution_alert_changelist")
    client.post(url, {"action": "acknowledge", "_selected_action": [alert.pk]})
    entry = LogEntry.objects.get()
    assert json.loads(entry.change_message)[0] == {"act": "Acknowledged."}
    assert message_parts(entry)[-1]["ip"] == "203.0.113.5"
    alert.refresh_from_db()
    assert alert.acknowledged_by == boss


def test_the_log_cannot_be_changed_by_anybody(boss):
    entry = LogEntry.objects.create(user=boss, action_flag=2, object_repr="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        LogEntry.objects.filter(pk=entry.pk).update(object_repr="y")
    if connection.vendor == "postgresql":
        with pytest.raises(IntegrityError), transaction.atomic():
            LogEntry.objects.all().delete()


def test_staff_are_stopped_not_deleted_and_their_sessions_end(client, boss):
    bob = User.objects.create_user("bob", is_staff=True)
    other = Client()
    other.force_login(bob)
    url = reverse("admin:auth_user_changelist")
    form = {"action": "sign_out_everywhere", "_selected_action": [bob.pk]}
    confirm_rows(client, url, form, reason="left the house")
    assert other.get("/admin/").status_code == 302
    assert message_parts(LogEntry.objects.get())[0]["reason"] == "left the house"
    assert client.post(reverse("admin:auth_user_delete", args=[bob.pk])).status_code == 403


def test_the_five_roles_cannot_be_edited_by_hand(client):
    role = Group.objects.get(name="Operator")
    url = reverse("admin:auth_group_change", args=[role.pk])
    assert client.post(url, {"name": "Mine"}).status_code == 403
