"""Subscribers in the admin."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from masking.phones import mask_phone
from subscribers.models import ConsentEvent, Subscriber
from tests.builders import a_subscriber
from tests.shown_forms import confirm_rows
from tests.subscribers.moments import NOW, statuses
from tests.subscribers.roles import log_messages

pytestmark = pytest.mark.django_db
LIST = "admin:subscribers_subscriber_changelist"


def page(client, name, *args, **query):
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def change(client, subscriber, **fields):
    form = {
        "name": subscriber.name,
        "tier": subscriber.tier,
        "language": subscriber.language,
        "email": subscriber.email,
        "attributes": "{}",
        "consent_source": "Sign-up form",
        "consent_events-TOTAL_FORMS": 0,
        "consent_events-INITIAL_FORMS": 0,
        **fields,
    }
    where = reverse("admin:subscribers_subscriber_change", args=[subscriber.pk])
    return client.post(where, form)


def test_the_list_shows_numbers_masked(admin_client):
    a_subscriber(phone="+919812345678", name="Asha")

    html = page(admin_client, LIST)

    assert "+91******5678" in html
    assert "9812345678" not in html


@pytest.mark.parametrize("query", ["9812345678", "098123 45678", "+91-98123-45678", "asha"])
def test_a_phone_is_found_in_any_spelling(admin_client, query):
    a_subscriber(phone="+919812345678", name="Asha")
    a_subscriber(name="Ravi")

    html = page(admin_client, LIST, q=query)

    assert "Asha" in html
    assert "Ravi" not in html


def test_the_consent_events_are_shown_and_cannot_be_edited(admin_client):
    subscriber = a_subscriber()
    evidence = "OPT_IN on line 4, 2026-11-22T21:33:53.070696+00:00"
    subscriber.consent_events.create(kind="OPT_IN", source="form:june", evidence=evidence, at=NOW)

    html = page(admin_client, "admin:subscribers_subscriber_change", subscriber.pk)

    assert "form:june" in html
    assert "OPT_IN on line 4, 23 Nov 2026, 03:03:53 IST" in html
    assert 'name="consent_events-0-source"' not in html
    assert 'name="status"' not in html
    assert 'name="phone"' not in html


def test_a_subscriber_added_by_hand_comes_with_a_consent_event(admin_client):
    response = admin_client.post(
        reverse("admin:subscribers_subscriber_add"),
        {
            "phone": "098123 45678",
            "tier": "PRO",
            "language": "hi",
            "attributes": "{}",
            "consent_source": "Sign-up form",
            "consent_events-TOTAL_FORMS": 0,
            "consent_events-INITIAL_FORMS": 0,
        },
    )

    assert response.status_code == 302
    assert Subscriber.objects.get().phone == "+919812345678"
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.actor) == ("OPT_IN", "admin:admin", "admin")
    assert (event.notice, event.evidence) == ("Sign-up form", "")


@pytest.mark.parametrize("source", ["", "  ", "\u200b"])
def test_nobody_is_added_by_hand_without_how_they_consented(admin_client, source):
    form = {
        "phone": "098123 45678",
        "tier": "PRO",
        "language": "hi",
        "attributes": "{}",
        "consent_source": source,
        "consent_evidence": "Form 4711",
        "consent_events-TOTAL_FORMS": 0,
        "consent_events-INITIAL_FORMS": 0,
    }
    add = reverse("admin:subscribers_subscriber_add")
    assert "Enter how this person consented." in admin_client.post(add, form).content.decode()
    assert not Subscriber.objects.exists()
    form["consent_source"] = "Branch office, paper form"
    assert admin_client.post(add, form).status_code == 302
    event = ConsentEvent.objects.get()
    assert (event.notice, event.evidence) == ("Branch office, paper form", "Form 4711")


def test_a_phone_that_is_none_is_refused_with_what_to_do(admin_client):
    response = admin_client.post(
        reverse("admin:subscribers_subscriber_add"),
        {
            "phone": "12",
            "tier": "PRO",
            "language": "hi",
            "attributes": "{}",
            "consent_source": "Sign-up form",
            "consent_events-TOTAL_FORMS": 0,
            "consent_events-INITIAL_FORMS": 0,
        },
    )

    assert "The number has too few digits" in response.content.decode()
    assert Subscriber.objects.count() == 0


def test_saving_a_form_does_not_undo_a_stop_that_came_meanwhile(admin_client, monkeypatch):
    subscriber = a_subscriber()
    save = Subscriber.save

    def stop_comes_first(self, *args, **kwargs):
        Subscriber.objects.filter(pk=subscriber.pk).update(status="UNSUBSCRIBED")
        save(self, *args, **kwargs)

    monkeypatch.setattr(Subscriber, "save", stop_comes_first)
    response = change(admin_client, subscriber, name="Asha")

    assert response.status_code == 302
    subscriber.refresh_from_db()
    assert (subscriber.name, subscriber.status) == ("Asha", "UNSUBSCRIBED")


@pytest.mark.parametrize(
    ("action", "before", "after", "words"),
    [
        ("pause", "ACTIVE", "PAUSED", "1 paused."),
        ("resume", "PAUSED", "ACTIVE", "1 resumed."),
        ("opt_out", "ACTIVE", "UNSUBSCRIBED", "1 unsubscribed."),
        ("resume", "UNSUBSCRIBED", "UNSUBSCRIBED", "0 resumed."),
    ],
)
def test_an_action_decides_through_consent(admin_client, action, before, after, words):
    subscriber = a_subscriber(status=before)

    chosen = {"action": action, "_selected_action": [subscriber.pk]}
    asked = admin_client.post(reverse(LIST), chosen)
    assert statuses() == [before]
    assert 'name="reason"' in asked.content.decode()
    unsaid = admin_client.post(reverse(LIST), {**chosen, "confirmed": "yes", "reason": " "})
    assert "Enter a reason" in unsaid.content.decode()
    response = confirm_rows(admin_client, reverse(LIST), chosen, follow=True, reason="he rang")

    assert words in response.content.decode()
    assert statuses() == [after]
    event = ConsentEvent.objects.get()
    assert (event.source, event.evidence[:7]) == ("admin:admin", "he rang")
    assert '"reason": "he rang"' in log_messages()[0]


def test_nobody_deletes_a_subscriber(admin_client):
    subscriber = a_subscriber()
    where = reverse("admin:subscribers_subscriber_delete", args=[subscriber.pk])

    assert admin_client.post(where, {"post": "yes"}).status_code == 403
    assert Subscriber.objects.count() == 1


def test_the_number_and_the_name_in_the_list_lead_to_the_person(admin_client):
    person = a_subscriber(name="Asha Rao")
    address = f"/admin/subscribers/subscriber/{person.pk}/change/"
    links = re.findall(rf'<a[^>]*href="{address}"[^>]*>([^<]+)</a>', page(admin_client, LIST))
    assert links == [mask_phone(person.phone), "Asha Rao"]
