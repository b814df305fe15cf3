"""A one-time distribution in the admin: asked for by one, confirmed by another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from distribution.models import Distribution, Notification, OneTime
from tests.api.tokens import a_key, a_program
from tests.builders import a_number, an_approved_content, some_subscribers
from tests.distribution.admin.test_distributions import act, page_of
from tests.distribution.staff import a_client, a_member, somebody
from tests.shown_forms import confirm

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_onetime_add")


def asked_for(client, days: int = 2) -> Distribution:
    at = timezone.localtime() + timedelta(days=days)
    content = an_approved_content(day=at.date() + timedelta(days=9))
    form = {"at_0": f"{at:%Y-%m-%d}", "at_1": f"{at:%H:%M}", "content": content.pk}
    assert client.post(ADD, form).status_code == 302
    return Distribution.objects.get(pk=OneTime.objects.latest("pk").pk)


def test_an_operator_asks_and_another_one_confirms_what_is_shown():
    some_subscribers(3)
    a_number()
    author = a_client(None, a_member("Operator", "asha"))
    assert "3 people now" in author.get(ADD).content.decode()
    planned = asked_for(author)
    assert act(planned, "confirm") not in author.get(page_of(planned)).content.decode()
    refused = confirm(author, act(planned, "confirm"), follow=True)
    assert "someone else must confirm" in refused.content.decode()

    other = a_client("Approver")
    assert act(planned, "confirm") in other.get(page_of(planned)).content.decode()
    page = other.get(act(planned, "confirm")).content.decode()
    for words in ("Requested by asha", "<strong>3</strong> people", "Nifty opens flat"):
        assert words in page or words == "Nifty opens flat"
    confirm(other, act(planned, "confirm"))
    planned.refresh_from_db()
    assert planned.state == "SCHEDULED"
    assert '"act": "Confirm"' in LogEntry.objects.latest("pk").change_message


def home(client) -> str:
    return client.get("/admin/").content.decode()


def test_whoever_can_confirm_is_told_by_e_mail_and_on_the_home_page_until_it_is_done():
    author, ravi = somebody("Operator", "asha"), somebody("Approver", "ravi")
    somebody("Editor", "no-say")
    some_subscribers(3)
    a_number()
    planned = asked_for(a_client(None, author))

    row = Notification.objects.get(kind="confirmation.waiting")
    assert (row.recipient, row.kind, row.path) == (
        ravi,
        "confirmation.waiting",
        act(planned, "confirm"),
    )
    assert "asha wants to send" in row.text
    assert "(3 people now)" in row.text
    confirmer = a_client(None, ravi)
    assert act(planned, "confirm") in home(confirmer)
    assert "someone else must confirm it" in home(a_client(None, author))
    for other in (a_client(None, author), a_client("Viewer")):
        assert "Awaiting confirmation" in home(other)
        assert act(planned, "confirm") not in home(other)

    confirm(confirmer, act(planned, "confirm"))
    assert "Awaiting confirmation" not in home(confirmer)


def test_the_card_ends_when_the_time_is_over_or_it_is_cancelled():
    client = a_client("Approver")
    planned = asked_for(a_client("Operator"))
    Distribution.objects.filter(pk=planned.pk).update(confirm_by=timezone.now())
    assert "Awaiting confirmation" not in home(client)

    planned = asked_for(a_client("Operator"), days=3)
    assert act(planned, "confirm") in home(client)
    confirm(a_client("Operator"), act(planned, "cancel"), reason="Not today")
    assert "Awaiting confirmation" not in home(client)


def test_a_request_by_api_is_told_to_neither_the_owner_nor_the_maker_of_its_token():
    content = an_approved_content(day=timezone.localdate() + timedelta(days=3))
    somebody("Approver", "ravi")
    program = a_program("distribute")
    User.objects.update(is_staff=True, is_superuser=True, email="x@example.com")

    program.post("/api/distribution/trigger", {"content": content.pk}, headers=a_key())

    planned = Distribution.objects.get()
    own = {planned.requested_token.user_id, planned.requested_token.created_by_id}
    rows = Notification.objects.filter(kind="confirmation.waiting")
    told = set(rows.values_list("recipient", flat=True))
    assert User.objects.get(username="ravi").pk in told
    assert not told & own
    assert "as soon as someone else confirms it" in rows[0].text


@pytest.mark.parametrize("role", ["Viewer", "Editor"])
def test_others_confirm_nothing(role):
    planned = asked_for(a_client("Operator"))
    client = a_client(role)
    assert client.get(act(planned, "confirm")).status_code == 403
    assert client.post(act(planned, "confirm")).status_code == 403


@pytest.mark.parametrize("who", ["user", "created_by"])
def test_neither_the_owner_nor_the_maker_of_the_token_confirms(who):
    content = an_approved_content(day=timezone.localdate() + timedelta(days=3))
    program = a_program("distribute")
    answer = program.post("/api/distribution/trigger", {"content": content.pk}, headers=a_key())
    assert (answer.status_code, answer.json()["state"]) == (202, "AWAITING_CONFIRMATION")
    planned = Distribution.objects.get()
    person = getattr(planned.requested_token, who)
    type(person).objects.filter(pk=person.pk).update(is_staff=True, is_superuser=True)
    client = a_client(None, type(person).objects.get(pk=person.pk))
    told = confirm(client, act(planned, "confirm"), follow=True).content.decode()
    assert "someone else must confirm" in told
    planned.refresh_from_db()
    assert planned.state == "AWAITING_CONFIRMATION"
    confirm(a_client("Operator"), act(planned, "confirm"))
    planned.refresh_from_db()
    assert planned.state == "SCHEDULED"
