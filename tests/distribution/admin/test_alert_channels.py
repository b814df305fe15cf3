"""The pages of alert channels and routes: secrets stay hidden, mistakes are named."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from distribution.models import AlertChannel, AlertRoute, Notification
from tests.distribution.receivers import a_receiver
from tests.distribution.sinks import KEY, a_channel, a_pagerduty, a_route
from tests.distribution.staff import a_client
from tests.shown_forms import form_with, marks_of

pytestmark = pytest.mark.django_db
CHANNELS = reverse("admin:distribution_alertchannel_changelist")
ADD = reverse("admin:distribution_alertchannel_add")
ADD_ROUTE = reverse("admin:distribution_alertroute_add")
SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def change(channel: AlertChannel) -> str:
    return reverse("admin:distribution_alertchannel_change", args=[channel.pk])


def test_a_channel_is_stored_and_its_secrets_are_shown_nowhere(admin_client):
    form = {"name": "Oncall", "kind": "pagerduty", "secret_address": KEY, "active": "on"}
    secret = "what PagerDuty showed"
    admin_client.post(ADD, {**form, "signing_secret": secret})
    channel = AlertChannel.objects.get()
    assert (channel.secret_address, channel.signing_secret) == (KEY, secret)

    page = admin_client.get(change(channel))
    for text in (page.content.decode(), admin_client.get(CHANNELS).content.decode()):
        assert KEY not in text
        assert secret not in text
        assert f"key …{KEY[-4:]}" in text
    assert f"/alerts/pagerduty/{channel.pk}/" in page.content.decode()

    admin_client.post(change(channel), form_with(page, "name", name="On call"))
    channel.refresh_from_db()
    assert (channel.name, channel.secret_address, channel.signing_secret) == (
        *("On call", KEY, secret),
    )
    for entry in LogEntry.objects.all():
        assert KEY not in entry.change_message
        assert secret not in entry.change_message


@pytest.mark.parametrize(
    ("kind", "address", "told"),
    [
        ("pagerduty", "short", "32 letters and digits"),
        ("service", "json://10.0.0.1/", "not supported"),
        ("service", f"{SLACK}?verify=no", "options are not taken"),
        ("email", "desk@example.com, nobody", "“nobody” is no e-mail address"),
        ("webhook", "https://10.0.0.1/", "EVENT_PRIVATE_NETWORKS"),
        ("webhook", "ftp://example.com/", "https://"),
    ],
)
def test_an_address_that_cannot_be_is_refused_with_what_to_do(admin_client, kind, address, told):
    form = {"name": "X", "kind": kind, "secret_address": address, "active": "on"}
    page = admin_client.post(ADD, form)
    assert told in page.content.decode()
    assert not AlertChannel.objects.exists()


def test_a_test_alert_says_how_it_went_and_pages_nobody_for_long(admin_client, settings):
    with a_pagerduty() as pagerduty, a_receiver() as receiver:
        settings.PAGERDUTY_URL = pagerduty.url
        oncall = a_channel("Oncall", "pagerduty")
        wrong = a_channel("Wrong", "pagerduty", "f" * 32)
        hook = a_channel("Hook", address=receiver.url)
        for channel, told in (
            (oncall, "“Oncall” accepted the test alert."),
            (wrong, "Check the integration key."),
            (hook, "“Hook” accepted the test alert."),
        ):
            url = reverse("admin:distribution_alertchannel_send_test", args=[channel.pk])
            page = admin_client.post(url, marks_of(admin_client.get(url)), follow=True)
            assert told in page.content.decode()
            assert a_client("Operator").post(url).status_code == 403
    assert [event["event_action"] for event in pagerduty.events] == ["trigger", "resolve"]
    assert pagerduty.open() == {}
    assert receiver.posts[0].content["kind"] == "test"
    assert not Notification.objects.exists()


def test_a_route_that_reaches_nobody_is_refused_or_named(admin_client):
    desk = a_channel("Desk", "email", "desk@example.com")
    off = a_channel("Off", "email", "off@example.com", active=False)
    form = {"name": "All", "rules": "no_number, sla_*", "min_severity": "WARNING"}
    form |= {"remind_minutes": 5, "active": "on"}
    for wrong, told in (
        ({"channel": off.pk}, "“Off” is off, so nobody would get the alert."),
        ({"channel": desk.pk, "rules": "no_such_rule"}, "No alert is called “no_such_rule”."),
        ({"channel": desk.pk, "starts": "22:00"}, "Enter both times, or neither."),
        ({"channel": desk.pk, "third": desk.pk}, "Choose the second channel before the third."),
        ({}, "This field is required."),
    ):
        page = admin_client.post(ADD_ROUTE, {**form, **wrong})
        assert told in page.content.decode(), told
    assert not AlertRoute.objects.exists()

    admin_client.post(ADD_ROUTE, {**form, "channel": desk.pk})
    assert AlertRoute.objects.get().rules == "no_number, sla_*"
    page = admin_client.get(change(desk))
    answer = admin_client.post(change(desk), {**form_with(page, "name"), "active": ""}, follow=True)
    assert "All" in answer.content.decode()
    listed = admin_client.get(reverse("admin:distribution_alertroute_changelist"))
    assert "nobody: its channels are off" in listed.content.decode()


def test_a_channel_that_is_switched_off_forgets_what_waits(admin_client, django_user_model):
    from datetime import UTC, datetime

    from distribution.alerts import incidents
    from distribution.alerts.catalogue import AlertRule

    desk = a_channel("Desk", "email", "desk@example.com")
    a_route(desk)
    now = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
    incidents.raise_alert(AlertRule.NO_NUMBER, 1, message="x", now=now)
    page = admin_client.get(change(desk))
    form = form_with(page, "name")
    form.pop("active", None)
    admin_client.post(change(desk), form)
    assert Notification.objects.get(destination=desk).state == "DROPPED"
