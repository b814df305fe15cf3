"""Acknowledging from outside: by a signed link, and by PagerDuty's webhook."""

from __future__ import annotations

import json

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from distribution.alert_channels import delivery, links
from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import Alert
from tests.distribution.sinks import ACKNOWLEDGED, a_channel, a_route, signed_by_pagerduty

pytestmark = pytest.mark.django_db
SECRET = "the secret that PagerDuty showed"


@pytest.fixture
def alert(clock) -> Alert:
    incidents.raise_alert(AlertRule.NO_NUMBER, 1, message="Call +919812345678.", now=clock.now)
    return Alert.objects.get()


def test_a_link_acknowledges_by_its_button_only(alert, settings):
    desk, other = a_channel("Desk", "email", "d@example.com"), a_channel("Other", "email", "o@x.in")
    address = links.acknowledge([alert.pk], desk.pk).removeprefix(settings.PUBLIC_URL)
    stranger = Client(enforce_csrf_checks=True)

    for look in (stranger.get, stranger.head, stranger.get):
        page = look(address)
        assert page.status_code == 200
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page.headers["Cache-Control"]
    assert "+919812345678" not in page.content.decode()
    assert "Acknowledge this alert?" in page.content.decode()
    alert.refresh_from_db()
    assert alert.acknowledged_at is None

    assert "It stays open" in stranger.post(address).content.decode()
    alert.refresh_from_db()
    assert alert.acknowledged_via == "a link sent by “Desk”"
    at = alert.acknowledged_at
    stranger.post(address)
    alert.refresh_from_db()
    assert alert.acknowledged_at == at
    assert str(other) == "Other"


def test_a_link_that_is_not_ours_or_too_old_does_nothing(alert, settings):
    address = links.acknowledge([alert.pk], 1).removeprefix(settings.PUBLIC_URL)
    forged = address[:-8] + "AAAAAAA/"
    with time_machine.travel("2030-01-01"):
        old = Client().post(address)
    for page in (old, Client().post(forged), Client().post("/alerts/acknowledge/x/")):
        assert page.status_code == 404
        assert "work any more" in page.content.decode()
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_pagerduty_acknowledges_what_its_signature_proves(alert, pagerduty, clock):
    oncall = a_channel("Oncall", "pagerduty", signing_secret=SECRET)
    desk = a_channel("Desk", "email", "d@example.com")
    a_route(oncall)
    a_route(desk)
    incidents.close_alert(AlertRule.NO_NUMBER, 1, now=clock.now)
    incidents.raise_alert(AlertRule.NO_NUMBER, 1, message="None.", now=clock.later(60))
    incidents.raise_alert(AlertRule.NO_NUMBER, 2, message="None.", now=clock.now)
    delivery.serve(oncall.pk, clock)
    key = "daybreak/pune/no_number/distribution 1"
    data = {"incident_key": key, "title": "x"}
    event = {"event_type": "incident.acknowledged", "agent": {"summary": "Priya"}, "data": data}

    def post(content: object, secret: str = SECRET, channel: int = oncall.pk) -> int:
        body = json.dumps(content).encode()
        return (
            Client(enforce_csrf_checks=True)
            .post(
                reverse("alert_pagerduty", args=[channel]),
                body,
                content_type="application/json",
                headers={"X-PagerDuty-Signature": signed_by_pagerduty(body, secret)},
            )
            .status_code
        )

    assert post({"event": event}, secret="another") == 403
    assert post({"event": event}, channel=desk.pk) == 403
    assert post({"event": event}, channel=10**30) == 403
    for odd in ([], None, {"event": []}, {"event": {**event, "data": {"incident_key": 7}}}):
        assert post(odd) == 200
    assert post({"event": {**event, "event_type": "incident.resolved"}}) == 200
    assert not Alert.objects.exclude(acknowledged_at=None).exists()

    assert [post({"event": event}), post({"event": event})] == [200, 200]
    handled = Alert.objects.exclude(acknowledged_at=None).get()
    assert (handled.scope, handled.acknowledged_via) == ("distribution 1", "PagerDuty: Priya")
    assert [row.destination for row in handled.notices.filter(kind="alert.acknowledged")] == [desk]
    assert ACKNOWLEDGED not in dict(pagerduty.incidents).values()  # it knows


def test_a_body_that_is_too_long_is_not_read(alert, clock):
    oncall = a_channel("Oncall", "pagerduty", signing_secret=SECRET)
    answer = Client().post(
        reverse("alert_pagerduty", args=[oncall.pk]), b"x" * 300_000, content_type="text/plain"
    )
    assert answer.status_code == 413
