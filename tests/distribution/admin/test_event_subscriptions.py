"""The pages of outgoing events: a secret shown once, addresses judged, dead letters sent again."""

from __future__ import annotations

import re
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone
from standardwebhooks import Webhook

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.event_webhooks import delivery
from distribution.models import EventDelivery, EventSubscription, PostState
from tests.distribution.receivers import a_receiver, a_subscription
from tests.distribution.staff import a_client
from tests.shown_forms import confirm_rows, marks_of

pytestmark = pytest.mark.django_db
ADD = reverse("admin:distribution_eventsubscription_add")
LISTENERS = reverse("admin:distribution_eventsubscription_changelist")
LETTERS = reverse("admin:distribution_eventdelivery_changelist")
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{32}")


def test_a_listener_is_added_and_its_secret_is_shown_once_and_logged_never(admin_client):
    form = {"name": "CRM", "url": "https://crm.example/hook", "kinds": ["alert.opened"]}
    first = admin_client.post(ADD, {**form, "active": "on"}, follow=True).content.decode()

    listener = EventSubscription.objects.get()
    assert set(SECRET.findall(first.replace("&#x2B;", "+"))) == {listener.secret}
    assert f'data-copy="{listener.secret}"' in first.replace("&#x2B;", "+")
    assert (listener.kinds, listener.active) == (["alert.opened"], True)
    page = reverse("admin:distribution_eventsubscription_change", args=[listener.pk])
    for url in (LISTENERS, page):
        assert "whsec_" not in admin_client.get(url).content.decode()
    assert not LogEntry.objects.filter(change_message__contains="whsec_").exists()


@pytest.mark.parametrize("url", ["ftp://crm.example/", "https://me:pw@crm.example/", "crm"])
def test_an_address_that_cannot_be_is_refused_with_a_reason(admin_client, url):
    answer = admin_client.post(ADD, {"name": "CRM", "url": url, "active": "on"})

    assert answer.status_code == 200
    assert not EventSubscription.objects.exists()


def test_a_new_secret_is_shown_once_and_the_act_is_logged(admin_client):
    listener = a_subscription("https://crm.example/hook")
    chosen = {"action": "change_secret", "_selected_action": [listener.pk]}
    shown = confirm_rows(admin_client, LISTENERS, chosen, follow=True).content.decode()

    former = listener.secret
    listener.refresh_from_db()
    assert listener.secret != former
    assert listener.former_secret == former
    assert listener.secret in shown.replace("&#x2B;", "+")
    (entry,) = LogEntry.objects.all()
    assert "Secret rotated." in entry.change_message
    assert "whsec_" not in entry.change_message


def test_dead_letters_are_found_and_sent_again(admin_client):
    now = timezone.now()
    with a_receiver() as receiver:
        listener = a_subscription(receiver.url)
        incidents.raise_alert(AlertRule.CLOCK_SET_BACK, message="X.", now=now)
        receiver.status = 500
        delivery.deliver_due(lambda: now - timedelta(days=2))
        delivery.deliver_due(lambda: now)
        assert EventDelivery.objects.get().state == PostState.DEAD
        assert "Dead" in admin_client.get(f"{LETTERS}?state__exact=DEAD").content.decode()

        receiver.status = 200
        letter = EventDelivery.objects.get()
        chosen = {"action": "replay", "_selected_action": [letter.pk]}
        admin_client.post(LETTERS, chosen, follow=True)
        EventSubscription.objects.filter(pk=listener.pk).update(busy_until=None)
        delivery.deliver_due()

        letter.refresh_from_db()
        assert letter.state == PostState.DELIVERED
    assert "Sent again." in LogEntry.objects.get().change_message


def test_the_built_in_listener_is_neither_renamed_nor_deleted(admin_client, settings):
    settings.WEBHOOK_STATUS_URL = "https://crm.example/status"
    delivery.deliver_due()
    builtin = EventSubscription.objects.get(builtin=True)
    page = reverse("admin:distribution_eventsubscription_change", args=[builtin.pk])
    admin_client.post(page, {"name": "Mine", "url": "https://other.example/", "active": "on"})

    builtin.refresh_from_db()
    assert (builtin.name, builtin.url) == ("WEBHOOK_STATUS_URL", "")
    assert "https://crm.example/status" in admin_client.get(LISTENERS).content.decode()
    delete = reverse("admin:distribution_eventsubscription_delete", args=[builtin.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/hook",
        "https://10.0.0.8/hook",
        "https://169.254.169.254/latest",
        "https://[::1]/hook",
        "http://8.8.8.8/hook",
    ],
)
@pytest.mark.parametrize("networks", [[], ["192.168.7.0/24"]])
def test_an_address_that_can_never_be_posted_to_is_not_saved(admin_client, settings, url, networks):
    settings.EVENT_PRIVATE_NETWORKS = [ip_network(network) for network in networks]
    answer = admin_client.post(ADD, {"name": "CRM", "url": url, "active": "on"})

    assert answer.status_code == 200
    assert not EventSubscription.objects.exists()


def test_secrets_are_on_pages_that_nothing_keeps_and_in_no_message(admin_client):
    form = {"name": "CRM", "url": "https://8.8.8.8/hook", "active": "on"}
    page = admin_client.post(ADD, form)
    listener = EventSubscription.objects.get()
    chosen = {"action": "change_secret", "_selected_action": [listener.pk]}
    rotated = confirm_rows(admin_client, LISTENERS, chosen)
    for shown in (page, rotated):
        assert "whsec_" in shown.content.decode()
        assert "no-store" in shown["Cache-Control"]
        assert "<title>" in shown.content.decode()
    assert "whsec_" not in admin_client.get(LISTENERS).content.decode()


def test_a_test_event_is_posted_once_and_its_answer_is_shown(admin_client):
    with a_receiver() as receiver:
        listener = a_subscription(receiver.url, kinds=["alert.opened"])
        url = reverse("admin:distribution_eventsubscription_send_test", args=[listener.pk])
        assert receiver.url in admin_client.get(url).content.decode()
        for status, told in ((200, "responded with 200"), (500, "responded with 500")):
            receiver.status = status
            form = marks_of(admin_client.get(url))
            assert told in admin_client.post(url, form, follow=True).content.decode()

    assert len(receiver.posts) == 2
    post = receiver.posts[0]
    body = Webhook(listener.secret).verify(
        post.body, {k.lower(): v for k, v in post.headers.items()}
    )
    assert (body["type"], body["data"]) == ("test", {"subscription": listener.name})
    assert not EventDelivery.objects.exists()
    assert "Test event sent." in LogEntry.objects.latest("pk").change_message


@pytest.mark.parametrize("role", ["Viewer", "Operator", "Editor", "Approver"])
def test_only_who_manages_subscriptions_sends_a_test_event(role):
    listener = a_subscription("https://8.8.8.8/hook")
    url = reverse("admin:distribution_eventsubscription_send_test", args=[listener.pk])
    assert a_client(role).get(url).status_code == 403
    assert a_client(role).post(url).status_code == 403
