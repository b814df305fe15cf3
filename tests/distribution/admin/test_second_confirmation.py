"""A one-time distribution in the admin: asked for by one, confirmed by another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from distribution.models import Distribution, OneTime
from tests.api.tokens import a_key, a_program
from tests.builders import a_number, an_approved_content, some_subscribers
from tests.distribution.admin.test_distributions import act, page_of
from tests.distribution.staff import a_client, a_member
from tests.shown_forms import confirm

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_onetime_add")


def asked_for(client) -> Distribution:
    at = timezone.localtime() + timedelta(days=2)
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
