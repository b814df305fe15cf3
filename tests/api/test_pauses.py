"""A pause that ends on its own, set by a program as on the person's page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from subscribers.models import Status, Subscriber
from subscribers.people import pauses
from tests import builders
from tests.api.tokens import a_program

pytestmark = pytest.mark.django_db


def day(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


def pause(person: Subscriber, **fields: Any) -> Any:
    body = {"status": "PAUSED", "reason": "On holiday", **fields}
    return a_program("subscribers").patch(f"/api/distribution/subscribers/{person.pk}/status", body)


def test_a_pause_ends_on_the_day_that_was_said() -> None:
    person = builders.a_subscriber()
    assert pause(person, resumes_on=day(3)).json()["status"] == "PAUSED"
    assert pauses.ends_on(person.pk) == timezone.localdate() + timedelta(days=3)
    assert pauses.end_due(timezone.now()) == 0
    assert pauses.end_due(timezone.now() + timedelta(days=3)) == 1
    person.refresh_from_db()
    assert person.status == Status.ACTIVE


def test_another_end_replaces_the_first_and_no_end_changes_nothing() -> None:
    person = builders.a_subscriber()
    for wanted, found in ((3, 3), (5, 5), (None, 5)):
        fields = {} if wanted is None else {"resumes_on": day(wanted)}
        assert pause(person, **fields).status_code == 200
        assert pauses.ends_on(person.pk) == timezone.localdate() + timedelta(days=found)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"resumes_on": "2020-01-02"}, "past"),
        ({"resumes_on": "2020-01-01"}, "past"),
        ({"resumes_on": "soon"}, "invalid"),
        ({"resumes_on": "2100-01-01", "status": "UNSUBSCRIBED"}, "not_a_pause"),
    ],
)
def test_an_end_that_makes_no_sense_is_refused(fields: dict[str, str], code: str) -> None:
    person = builders.a_subscriber()
    told = pause(person, **fields).json()
    assert [(one["field"], one["code"]) for one in told["errors"]] == [("resumes_on", code)]
    person.refresh_from_db()
    assert person.status == Status.ACTIVE
