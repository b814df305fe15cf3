from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.staff import sign_in_log
from config.staff.audit_log import message_parts
from distribution.models import Approval
from phonepool.models import Portfolio
from tests import builders
from tests.admin.routes import MAKERS
from tests.shown_forms import confirm, confirm_rows, form_with

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


def shown(client: Client, entry: LogEntry) -> tuple[str, str, str]:
    """What the list says of an entry, what it is about, and the page of it."""
    listed = client.get(reverse("admin:admin_logentry_changelist"))
    rows = {row.pk: row for row in listed.context["cl"].result_list}
    admin = listed.context["cl"].model_admin
    page = client.get(reverse("admin:admin_logentry_change", args=[entry.pk])).content.decode()
    return admin.act(rows[entry.pk]), admin.target(rows[entry.pk]), page


def test_an_export_of_everybody_says_how_many_and_names_nobody(client):
    builders.some_subscribers(1005)
    url = reverse("admin:subscribers_subscriber_export_all")
    confirm(client, url, form="csv", reason="For the auditor")

    entry = LogEntry.objects.get()
    act, target, page = shown(client, entry)
    assert (act, target) == ("Exported 1,005 subscribers", "1,005 subscribers")
    assert entry.object_id is None
    assert re.search(r"<title>\s*Exported 1,005 subscribers", page)
    assert "No fields changed" not in page
    assert "For the auditor" in page


def test_the_roles_of_a_person_are_told_before_and_after(client, boss):
    bob = User.objects.create_user("bob", is_staff=True)
    bob.groups.set([Group.objects.get(name="Editor")])
    url = reverse("admin:auth_user_change", args=[bob.pk])
    page = client.get(url)
    form = form_with(page, "username")
    form["groups"] = [Group.objects.get(name=name).pk for name in ("Editor", "Approver")]

    assert client.post(url, form).status_code == 302

    entry = LogEntry.objects.get()
    told = message_parts(entry)[-1]
    assert (told["before"]["groups"], told["after"]["groups"]) == (
        ["Editor"],
        ["Approver", "Editor"],
    )
    act, _, page = shown(client, entry)
    assert act == "Changed roles"
    assert "<th>roles</th><td>Editor</td><td>Approver, Editor</td>" in page


def test_of_a_role_with_many_permissions_only_the_difference_is_told(client):
    role = Group.objects.create(name="Desk")
    many = list(Permission.objects.order_by("pk")[:30])
    role.permissions.set(many)
    url = reverse("admin:auth_group_change", args=[role.pk])
    form = form_with(client.get(url), "name")
    form["permissions"] = [one.pk for one in many[1:]]

    assert client.post(url, form).status_code == 302

    told = message_parts(LogEntry.objects.get())[-1]
    assert told["before"]["permissions"] == [str(many[0])]
    assert told["after"]["permissions"] == []


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("Signed in.", "Signed in"),
        ("Gave a wrong password.", "Sign-in failed: wrong password"),
        ("opt out", "Unsubscribed"),
        ("submit", "Submitted for review"),
        ("Made.", "Created"),
        ("Planned.", "Scheduled"),
        ("Planned. (API token crm)", "Scheduled by API token crm"),
        ("purge", "Erased personal details"),
        ("Something new.", "Something new"),
    ],
)
def test_one_vocabulary_for_all_entries_also_old_ones(client, boss, act, words):
    entry = LogEntry.objects.create(
        user=boss, action_flag=2, object_repr="x", change_message=json.dumps([{"act": act}])
    )
    assert shown(client, entry)[0] == words
    assert re.search(rf"<title>\s*{words}", shown(client, entry)[2])


def test_many_rows_of_one_action_are_one_entry_that_names_how_many(client):
    url = reverse("admin:subscribers_subscriber_changelist")
    people = builders.some_subscribers(3)
    form = {"action": "opt_out", "_selected_action": [person.pk for person in people]}
    confirm_rows(client, url, form, reason="They asked")

    act, target, _ = shown(client, LogEntry.objects.get())
    assert (act, target) == ("Unsubscribed 3 subscribers", "3 subscribers")


def test_moments_in_the_details_are_in_indian_time(client, boss):
    facts = {"before": {"until": "2026-11-28T21:18:23.517872+00:00"}, "after": {"until": None}}
    entry = LogEntry.objects.create(
        user=boss, action_flag=2, object_repr="x", change_message=json.dumps([facts])
    )
    assert "<td>29 Nov 2026, 02:48:23 IST</td><td>–</td>" in shown(client, entry)[2]


def test_lists_of_what_happened_begin_with_the_newest(client):
    builders.an_approved_content()
    content = builders.a_draft()
    for at in (1, 2, 3):
        Approval.objects.create(
            content=content,
            decision="EDITED",
            by=content.author,
            at=timezone.now() + timedelta(days=at),
        )
    rows = client.get(reverse("admin:distribution_approval_changelist")).context["cl"].result_list
    moments = [row.at for row in rows]
    assert moments == sorted(moments, reverse=True)
