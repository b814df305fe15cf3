"""An action on a distribution is done on the state and the deliveries that its page displayed."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.models import Delivery, Distribution, State, Verdict
from subscribers.models import Status, Subscriber
from tests.admin.test_forms_create_once import a_browser
from tests.mornings import a_morning
from tests.shown_forms import confirm, marks_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> Client:
    return a_browser()


@pytest.fixture
def morning(monkeypatch) -> Distribution:
    monkeypatch.setattr("distribution.tasks.publish", lambda *_, **__: False)
    return a_morning(200, now=timezone.now(), local_date=timezone.localdate())


def act(distribution: Distribution, name: str) -> str:
    return reverse("admin:distribution_act", args=[distribution.pk, name])


def test_a_distribution_that_was_paused_meanwhile_is_not_cancelled_unseen(boss, morning):
    form = {**marks_of(boss.get(act(morning, "cancel"))), "reason": "x"}
    confirm(boss, act(morning, "pause"), reason="wrong picture")

    response = boss.post(act(morning, "cancel"), form)

    morning.refresh_from_db()
    assert (response.status_code, morning.state) == (409, "PAUSED")
    assert "wrong picture" in response.content.decode()


def test_only_the_failed_that_were_shown_are_sent_again(boss, morning):
    form = {**marks_of(boss.get(act(morning, "retry"))), "reason": "x"}
    failed = Delivery.objects.filter(state=State.FAILED, reason="service_unavailable")
    left = failed.earliest("pk")
    Subscriber.objects.filter(pk=left.subscriber_id).update(status=Status.PAUSED)

    response = boss.post(act(morning, "retry"), form)

    assert response.status_code == 409
    assert "1 gone" in response.content.decode()
    assert not Verdict.objects.exists()


def test_of_unconfirmed_ones_that_somebody_else_decided_nothing_is_sent_again(boss, morning):
    rows = list(Delivery.objects.order_by("pk").values_list("pk", flat=True)[:2])
    Delivery.objects.filter(pk__in=rows).update(
        state=State.UNCONFIRMED, reason="never_answered", attempt_no=1, claim_token=7
    )
    decide = reverse("admin:distribution_decide", args=[morning.pk])
    chosen = {"what": "resend", "pk": rows}
    old = {**chosen, **marks_of(boss.get(decide, chosen)), "reason": "x"}
    left = {"what": "leave", "pk": rows[:1]}
    boss.post(decide, {**left, **marks_of(boss.get(decide, left)), "reason": "she has it"})

    response = boss.post(decide, old)

    assert response.status_code == 409
    assert "1 gone" in response.content.decode()
    assert list(Verdict.objects.values_list("ruling", flat=True)) == ["HUMAN_LEAVE"]
