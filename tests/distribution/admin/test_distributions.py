"""The pages of distributions over HTTP, as each role meets them."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from distribution.models import Delivery, Distribution, State, Verdict
from tests.builders import a_number, a_planned_distribution, some_subscribers
from tests.distribution.staff import ROLES, a_client
from tests.mornings import a_morning
from tests.shown_forms import confirm, marks_of

pytestmark = pytest.mark.django_db
RUNS = ("Operator", "Administrator")
MAYBE = [(role, role in RUNS) for role in ROLES]


@pytest.fixture
def morning(monkeypatch) -> Distribution:
    """Two hundred people; no broker is asked."""
    monkeypatch.setattr("distribution.tasks.publish", lambda *_, **__: False)
    return a_morning(200, now=timezone.now(), local_date=timezone.localdate())


def page_of(distribution: Distribution) -> str:
    return reverse("admin:distribution_distribution_change", args=[distribution.pk])


def act(distribution: Distribution, name: str) -> str:
    return reverse("admin:distribution_act", args=[distribution.pk, name])


def state_of(distribution: Distribution) -> str:
    return str(Distribution.objects.values_list("state", flat=True).get(pk=distribution.pk))


def kept() -> dict:
    entry = LogEntry.objects.latest("pk")
    return {key: value for part in json.loads(entry.change_message) for key, value in part.items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_role_reads_list_page_doubts_and_deliveries(morning, role):
    client = a_client(role)
    for address in (
        reverse("admin:distribution_distribution_changelist"),
        page_of(morning),
        reverse("admin:distribution_doubts", args=[morning.pk]),
        reverse("admin:distribution_delivery_changelist"),
        reverse("admin:distribution_delivery_change", args=[Delivery.objects.first().pk]),
    ):
        answer = client.get(address)
        assert answer.status_code == 200, address
        assert "+9197" not in answer.content.decode(), f"a whole number on {address}"


def test_staff_without_a_role_see_none_of_them(morning):
    assert a_client(None).get(page_of(morning)).status_code == 403


@pytest.mark.parametrize(("role", "may"), MAYBE)
@pytest.mark.parametrize("name", ["start", "pause", "resume", "cancel", "retry"])
def test_acts_are_open_to_those_who_run_the_day_only(morning, role, may, name):
    client = a_client(role)
    assert client.get(act(morning, name)).status_code == (200 if may else 403)
    before = state_of(morning)
    if not may:
        assert client.post(act(morning, name), {"reason": "I want to"}).status_code == 403
    assert state_of(morning) == before
    assert (act(morning, "pause") in client.get(page_of(morning)).content.decode()) is may


@pytest.mark.parametrize("name", ["cancel", "retry"])
def test_without_a_reason_nothing_is_done(morning, name):
    client = a_client("Operator")
    answer = client.post(act(morning, name), {"reason": "   "})
    assert "Enter a reason" in answer.content.decode()
    assert state_of(morning) == "SENDING"
    assert not Verdict.objects.exists()


def test_pause_resume_and_cancel_are_done_and_logged(morning):
    client = a_client("Operator")
    for name, after in (("pause", "PAUSED"), ("resume", "SENDING"), ("cancel", "CANCELLED")):
        before = state_of(morning)
        answer = confirm(client, act(morning, name), reason="Wrong picture")
        assert answer.status_code == 302
        assert state_of(morning) == after
        entry = kept()
        assert (entry["reason"], entry["before"]["state"]) == ("Wrong picture", before)
        assert (entry["after"]["state"], entry["ip"]) == (after, "127.0.0.1")
    assert not Delivery.objects.filter(state__in=["PENDING", "RETRY_WAIT"]).exists()


def test_what_is_not_possible_is_refused_in_words_and_logged_as_refused(morning):
    client = a_client("Operator")
    assert "This is not possible" in client.get(act(morning, "resume")).content.decode()
    answer = confirm(client, act(morning, "resume"), reason="go", follow=True)
    assert "Only a paused distribution can be resumed." in answer.content.decode()
    assert kept()["act"] == "Resume: refused"


def test_a_planned_one_starts_now_and_its_clock_with_it(monkeypatch):
    monkeypatch.setattr("distribution.tasks.publish", lambda *_, **__: False)
    a_number()
    some_subscribers(3)
    later = timezone.now() + timezone.timedelta(minutes=1)
    planned = a_planned_distribution(later, local_date=timezone.localdate())
    confirm(a_client("Operator"), act(planned, "start"), reason="Everybody is up")
    planned.refresh_from_db()
    assert (planned.state, planned.recipients) == ("SENDING", 3)
    assert planned.planned_at == planned.opened_at
    assert (planned.sla_deadline - planned.opened_at).total_seconds() == 300


def test_one_of_another_day_does_not_start_today():
    tomorrow = timezone.now() + timezone.timedelta(days=1)
    planned = a_planned_distribution(tomorrow)
    answer = confirm(a_client("Operator"), act(planned, "start"), reason="x", follow=True)
    assert "can only start on that day" in answer.content.decode()
    assert state_of(planned) == "SCHEDULED"


def test_the_preview_tells_safe_unsafe_and_pointless_and_only_the_safe_are_sent_again(morning):
    client = a_client("Operator")
    rows = Delivery.objects.filter(state=State.FAILED)
    safe = set(rows.filter(reason="service_unavailable").values_list("pk", flat=True))
    others = set(rows.values_list("pk", flat=True)) - safe
    assert safe
    assert others
    asked = client.get(act(morning, "retry"))
    preview = asked.context["preview"]
    figures = re.findall(r'class="figure">(\d+)<', asked.content.decode())
    assert figures == [str(len(safe)), "0", str(len(others))]
    assert set(preview.safe) == {"service_unavailable"}
    assert (preview.safe.total(), preview.total) == (len(safe), len(safe | others))
    assert set(preview.pointless) == {"undeliverable", "marketing_capped"}
    answer = confirm(client, act(morning, "retry"), reason="Meta is well", follow=True)
    assert f"{len(safe)} failed deliveries" in answer.content.decode()
    assert set(Verdict.objects.values_list("delivery", flat=True)) == safe
    assert set(rows.values_list("pk", flat=True)) == others


@pytest.mark.parametrize(("role", "may"), MAYBE)
def test_doubts_are_decided_on_one_by_one_by_those_who_may(morning, role, may):
    Delivery.objects.filter(pk__in=Delivery.objects.order_by("pk").values("pk")[:2]).update(
        state=State.UNCONFIRMED, reason="never_answered", attempt_no=1, claim_token=7
    )
    first, second = Delivery.objects.order_by("pk")[:2]
    client = a_client(role)
    decide = reverse("admin:distribution_decide", args=[morning.pk])
    asked = client.get(decide, {"what": "resend", "pk": [first.pk]})
    assert asked.status_code == (200 if may else 403)
    wish = {"reason": "She asked for it"}
    for what, row in (("resend", first), ("leave", second)):
        chosen = {"what": what, "pk": [row.pk]}
        client.post(decide, {**wish, **chosen, **marks_of(client.get(decide, chosen))})
    states = [Delivery.objects.get(pk=one.pk).state for one in (first, second)]
    assert states == (["RETRY_WAIT", "UNCONFIRMED"] if may else ["UNCONFIRMED", "UNCONFIRMED"])
    rulings = set(Verdict.objects.values_list("ruling", "reason"))
    assert rulings == (
        {("HUMAN_SEND_AGAIN", wish["reason"]), ("HUMAN_LEAVE", wish["reason"])} if may else set()
    )


@pytest.mark.parametrize("people", [200, 2000])
def test_a_page_takes_as_many_queries_for_ten_times_the_people(people):
    morning = a_morning(people, now=timezone.now())
    client = a_client("Viewer")
    client.get(page_of(morning))
    with CaptureQueriesContext(connection) as caught:
        client.get(page_of(morning))
    assert len(caught) <= 28  # nine of them for the badges of the sidebar
