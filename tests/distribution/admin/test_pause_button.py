"""Pause is one click, from the live dashboard and from the distribution; the reason follows."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.lifecycle import control
from distribution.models import Alert, Distribution
from tests.distribution.admin.test_distributions import act, kept, page_of
from tests.distribution.staff import a_client, a_member
from tests.mornings import a_morning
from tests.shown_forms import confirm

pytestmark = pytest.mark.django_db
BOARD = reverse("dashboard:page")


@pytest.fixture
def morning() -> Distribution:
    return a_morning(20, now=timezone.now(), local_date=timezone.localdate())


def explain(distribution: Distribution) -> str:
    return reverse("admin:distribution_pause_reason", args=[distribution.pk])


def test_one_post_from_the_dashboard_pauses_at_once(morning):
    client = a_client("Operator")
    assert f'formaction="{act(morning, "pause")}"' in client.get(BOARD).content.decode()
    answer = client.post(act(morning, "pause"), {"back": "dashboard"})
    assert (answer.status_code, answer["Location"]) == (302, BOARD)
    morning.refresh_from_db()
    assert morning.state == "PAUSED"
    assert kept()["act"] == "Pause"
    board = client.get(BOARD).content.decode()
    assert "Distribution paused." in board
    assert explain(morning) in board
    assert f"{act(morning, 'resume')}?back=dashboard" in board


def test_the_reason_is_stored_afterwards_once(morning):
    user = a_member("Operator")
    client = a_client(None, user)
    client.post(act(morning, "pause"), {"back": "dashboard"})
    client.post(explain(morning), {"reason": " ", "back": "dashboard"})
    morning.refresh_from_db()
    assert morning.state_reason.endswith(control.UNEXPLAINED)
    client.post(explain(morning), {"reason": "Wrong picture", "back": "dashboard"})
    morning.refresh_from_db()
    assert morning.state_reason == f"{user}: Wrong picture"
    assert "Wrong picture" in Alert.objects.get(rule="distribution_paused").message
    assert kept()["reason"] == "Wrong picture"
    client.post(explain(morning), {"reason": "Another one"})
    morning.refresh_from_db()
    assert morning.state_reason == f"{user}: Wrong picture"
    assert explain(morning) not in client.get(BOARD).content.decode()


def test_an_old_page_s_button_pauses_again_after_a_resume(morning):
    client = a_client("Operator")
    for _ in range(2):
        client.post(act(morning, "pause"), {"form_key": "the same"})
        morning.refresh_from_db()
        assert morning.state == "PAUSED"
        confirm(client, act(morning, "resume") + "?back=dashboard", reason="It is right.")
        morning.refresh_from_db()
        assert morning.state == "SENDING"


def test_a_second_click_does_nothing_more_and_keeps_the_reason(morning):
    client = a_client("Operator")
    client.post(act(morning, "pause"), {"reason": "Wrong picture"})
    answer = client.post(act(morning, "pause"), follow=True)
    assert "already paused" in answer.content.decode()
    morning.refresh_from_db()
    assert morning.state_reason.endswith(": Wrong picture")


def test_what_a_rule_paused_takes_no_reason_of_a_person(morning):
    control.pause(morning.pk, reason="billing: pay", cause="payment", now=timezone.now())
    answer = a_client("Operator").post(explain(morning), {"reason": "x"}, follow=True)
    assert "a reason was already given" in answer.content.decode()
    morning.refresh_from_db()
    assert morning.state_reason == "billing: pay"


@pytest.mark.parametrize("role", ["Viewer", "Editor", "Approver"])
def test_those_who_may_not_pause_have_no_button_and_are_refused(morning, role):
    client = a_client(role)
    assert "pause-form" not in client.get(BOARD).content.decode()
    assert act(morning, "pause") not in client.get(page_of(morning)).content.decode()
    assert client.post(act(morning, "pause")).status_code == 403
    assert client.post(explain(morning), {"reason": "x"}).status_code == 403
    morning.refresh_from_db()
    assert morning.state == "SENDING"


def test_without_the_token_of_a_page_of_ours_nothing_is_paused(morning):
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_member("Operator"))
    assert client.post(act(morning, "pause"), {"back": "dashboard"}).status_code == 403
    morning.refresh_from_db()
    assert morning.state == "SENDING"


def test_the_page_of_the_distribution_pauses_at_once_too(morning):
    client = a_client("Operator")
    assert f'action="{act(morning, "pause")}"' in client.get(page_of(morning)).content.decode()
    answer = client.post(act(morning, "pause"))
    assert answer["Location"] == page_of(morning)
    assert explain(morning) in client.get(page_of(morning)).content.decode()


def test_only_these_two_lead_back(morning):
    answer = a_client("Operator").post(act(morning, "pause"), {"back": "https://example.com"})
    assert answer["Location"] == page_of(morning)
