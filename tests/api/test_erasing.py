"""A person is erased by a program under the rules of the admin's pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from subscribers import phones
from subscribers.models import Erasure, Status, Subscriber
from tests import builders
from tests.api.tokens import a_program
from tests.distribution.staff import a_client, a_member

pytestmark = pytest.mark.django_db
WHY = {"reason": "Asked for it by email"}


def erase(person: Subscriber, body: Any = WHY, client: Any = None) -> Any:
    client = client or a_program("subscribers")
    return client.post(f"/api/distribution/subscribers/{person.pk}/erase", body)


def test_messages_stop_at_once_and_the_details_go_later() -> None:
    person = builders.a_subscriber(name="Asha Rao")
    told = erase(person).json()
    asked = Erasure.objects.get()
    person.refresh_from_db()
    assert (person.status, person.name) == (Status.UNSUBSCRIBED, "Asha Rao")
    assert (told["id"], told["deleted_at"], told["waiting_for"]) == (person.pk, None, "")
    due = timezone.localtime(asked.asked_at + timedelta(days=settings.ERASURE_DAYS))
    assert told["delete_after"] == due.isoformat()
    assert erase(person).json() == told  # again is no error
    assert LogEntry.objects.count() == 1


def test_details_are_deleted_at_once_on_request_and_the_log_names_nobody() -> None:
    person = builders.a_subscriber(name="Asha Rao", phone="+919812345601")
    body = {"reason": "Asha Rao of 9812345601 asked", "delete_now": True}
    told = erase(person, body).json()
    assert told["deleted_at"] is not None
    person.refresh_from_db()
    assert phones.is_blank(person.phone)
    assert person.name == ""
    assert LogEntry.objects.count() == 2
    for entry in LogEntry.objects.all():
        text = f"{entry.object_repr} {entry.change_message}"
        assert "Asha" not in text
        assert "9812345601" not in text
    assert erase(person).status_code == 404


def test_what_prevents_it_is_said_and_messages_have_stopped() -> None:
    builders.an_open_distribution(1)
    person = Subscriber.objects.get()
    told = erase(person, {**WHY, "delete_now": True}).json()
    assert told["deleted_at"] is None
    assert told["waiting_for"]
    person.refresh_from_db()
    assert person.status == Status.UNSUBSCRIBED


def test_a_role_that_cannot_erase_in_the_admin_cannot_here() -> None:
    person = builders.a_subscriber()
    client = a_program("subscribers", user=a_member("Editor"))
    answer = erase(person, client=client)
    assert (answer.status_code, answer.json()["code"]) == (403, "role_missing")
    assert not Erasure.objects.exists()


def test_a_session_erases_nobody_here_because_the_admin_asks_for_the_password_first() -> None:
    person = builders.a_subscriber()
    url = f"/api/distribution/subscribers/{person.pk}/erase"
    answer = a_client("Administrator").post(url, WHY, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert not Erasure.objects.exists()


def test_a_reason_is_needed() -> None:
    assert erase(builders.a_subscriber(), {}).status_code == 400
    assert not Erasure.objects.exists()
