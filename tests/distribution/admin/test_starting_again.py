"""*Start now* of a content that is sent today already: the box, and the reason (case P10)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from distribution.lifecycle import opening, schedule
from distribution.models import Delivery, Distribution
from tests.builders import a_number, an_approved_content, some_subscribers
from tests.distribution.staff import a_client
from tests.shown_forms import confirm, form_with

pytestmark = pytest.mark.django_db
TICKED = {"again": "on"}


@pytest.fixture
def planned(monkeypatch, settings) -> Distribution:
    """One for later today, of a content that another distribution sends now."""
    settings.WHATSAPP_ACCESS_TOKEN = "t"
    monkeypatch.setattr("distribution.tasks.publish", lambda *_, **__: False)
    some_subscribers(4)
    a_number()
    now = timezone.now()
    content = an_approved_content(day=timezone.localdate() + timedelta(days=300))
    first = schedule.plan_once(at=now, content=content)
    assert opening.open_distribution(first.pk, now=now)
    second = schedule.plan_once(at=now, content=content)
    Distribution.objects.filter(pk=second.pk).update(local_date=first.local_date)
    second.refresh_from_db()
    return second


def start(distribution: Distribution) -> str:
    return reverse("admin:distribution_act", args=[distribution.pk, "start"])


def test_without_the_box_it_is_refused_and_the_page_says_who_sends_it(planned):
    page = confirm(a_client("Operator"), start(planned), follow=True, reason="It is late")

    planned.refresh_from_db()
    assert planned.state == "SCHEDULED"
    assert "sends the same content" in page.content.decode()
    assert not Delivery.objects.filter(distribution=planned).exists()


def test_the_box_alone_is_not_enough(planned):
    page = confirm(a_client("Operator"), start(planned), **TICKED)

    planned.refresh_from_db()
    assert planned.state == "SCHEDULED"
    assert "Enter a reason" in page.content.decode()
    assert form_with(page, "again")["again"] == ["on"]


def test_with_box_and_reason_everybody_gets_it_and_the_reason_is_kept(planned):
    confirm(a_client("Operator"), start(planned), reason="A correction", **TICKED)

    planned.refresh_from_db()
    assert (planned.state, planned.recipients) == ("SENDING", 4)
    assert planned.again_reason.startswith("Operator-")
    assert planned.again_reason.endswith(": A correction")
    states = Delivery.objects.filter(distribution=planned).values_list("state", flat=True)
    assert set(states) == {"PENDING"}
    assert "A correction" in LogEntry.objects.latest("pk").change_message


def test_a_second_click_on_start_begins_nothing_again(planned):
    client = a_client("Operator")
    page = client.get(start(planned))
    form = form_with(page, "reason", reason="A correction", again="on")

    answers = [client.post(start(planned), form, follow=True).content.decode() for _ in range(2)]

    assert "Distribution started." in answers[0]
    assert "Nothing was done twice" in answers[1]
    assert Delivery.objects.filter(distribution=planned).count() == 4
