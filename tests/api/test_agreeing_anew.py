"""Who unsubscribed and agrees anew within one second, by the API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from subscribers.models import Subscriber
from tests.api.tokens import a_program
from tests.builders import a_subscriber
from tests.subscribers.decide import opt_out

pytestmark = pytest.mark.django_db


def set_status(person: Subscriber, status: str, **more: str) -> Any:
    body = {"status": status, "reason": "Asked on the phone", **more}
    url = f"/api/distribution/subscribers/{person.pk}/status"
    return a_program("subscribers").patch(url, body)


def test_who_unsubscribed_a_moment_ago_agrees_anew() -> None:
    person = a_subscriber()
    with time_machine.travel("2026-11-23T06:00:00.100Z", tick=False) as clock:
        assert set_status(person, "UNSUBSCRIBED").status_code == 200
        clock.shift(timedelta(milliseconds=500))
        answer = set_status(person, "ACTIVE", consent_source="Form of July")
        assert (answer.status_code, answer.json()["status"]) == (200, "ACTIVE")
        clock.shift(timedelta(milliseconds=100))
        assert set_status(person, "UNSUBSCRIBED").json()["status"] == "UNSUBSCRIBED"
        clock.shift(timedelta(milliseconds=100))
        again = set_status(person, "ACTIVE", consent_source="Form of August")
        assert again.json()["status"] == "ACTIVE"


def test_a_stop_by_whatsapp_in_the_second_of_a_new_consent_holds() -> None:
    person, second = a_subscriber(), datetime(2026, 11, 23, 6, tzinfo=UTC)
    with time_machine.travel(second + timedelta(milliseconds=100), tick=False) as clock:
        set_status(person, "UNSUBSCRIBED")
        clock.shift(timedelta(milliseconds=300))
        set_status(person, "ACTIVE", consent_source="Form of July")
        clock.shift(timedelta(milliseconds=300))
        opt_out(person, source="whatsapp:STOP", evidence="wamid.1", at=second, now=timezone.now())
        person.refresh_from_db()
        assert person.status == "UNSUBSCRIBED"
        refused = set_status(person, "ACTIVE", consent_source="Form of July")
        assert "They sent STOP just now" in refused.json()["detail"]
        clock.shift(timedelta(seconds=2))
        assert set_status(person, "ACTIVE", consent_source="Form of July").status_code == 200
