from __future__ import annotations

import json

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.shown_forms import confirm_rows
from tests.webhooks.posts import apply, text_message
from webhooks.models import WebhookEvent

pytestmark = pytest.mark.django_db
LIST = "admin:webhooks_webhookevent_changelist"


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("asha", password="a long enough one", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=permissions, content_type__app_label="webhooks")
    )
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def dead() -> WebhookEvent:
    apply(b"no json 919812345678", text_message("+919812345678", "STOP", at=timezone.now()))
    return WebhookEvent.objects.dead().get()


def test_the_list_shows_where_each_stands_and_filters(dead):
    client = staff("view_webhookevent")

    page = client.get(reverse(LIST)).content.decode()
    assert ("given up" in page, "applied" in page) == (True, True)
    for state, rows in [("dead", 1), ("applied", 1), ("pending", 0)]:
        found = client.get(reverse(LIST), {"state": state}).context["cl"].queryset
        assert found.count() == rows


def test_a_body_is_shown_masked_and_nothing_can_be_changed(dead):
    client = staff("view_webhookevent", "change_webhookevent", "delete_webhookevent")
    for row in WebhookEvent.objects.all():
        url = reverse("admin:webhooks_webhookevent_change", args=[row.pk])
        page = client.get(url)
        assert page.status_code == 200
        assert b"9812345678" not in page.content
        assert client.post(url, {"error": "x"}).status_code == 403
        gone = client.post(reverse("admin:webhooks_webhookevent_delete", args=[row.pk]))
        assert gone.status_code == 403
    assert client.get(reverse("admin:webhooks_webhookevent_add")).status_code == 403


def test_dead_letters_are_tried_again_by_who_may_and_it_is_on_record(dead):
    client = staff("view_webhookevent", "reprocess_webhookevent")
    everybody = list(WebhookEvent.objects.values_list("pk", flat=True))
    form = {"action": "reprocess", "_selected_action": everybody}

    asked = client.post(reverse(LIST), form)
    assert b"Retry webhooks" in asked.content
    assert confirm_rows(client, reverse(LIST), form, reason=" ").status_code == 200
    assert WebhookEvent.objects.dead().count() == 1  # without a reason nothing happens
    confirm_rows(client, reverse(LIST), form, reason="mended")

    dead.refresh_from_db()
    assert (dead.dead_at, dead.tries, dead.error) == (None, 0, "")
    entry = LogEntry.objects.get()
    told = [{"act": "Tried again.", "reason": "mended"}, {"ip": "127.0.0.1"}]
    assert (entry.object_id, json.loads(entry.change_message)) == (str(dead.pk), told)


def test_who_may_only_look_cannot_try_again(dead):
    client = staff("view_webhookevent")

    client.post(
        reverse(LIST),
        {
            "action": "reprocess",
            "_selected_action": [dead.pk],
            "confirmed": "yes",
            "reason": "mended",
        },
    )

    assert WebhookEvent.objects.dead().count() == 1
