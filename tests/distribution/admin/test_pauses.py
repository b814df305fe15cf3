"""A pause with an end: asked for on a person's page, shown there, over by itself on its day."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from distribution.engine import tick
from distribution.models import Delivery, Distribution
from distribution.runtime import india_time
from subscribers.models import ConsentEvent, Subscriber
from subscribers.people import pauses
from tests.builders import a_number, a_planned_distribution, a_subscriber
from tests.shown_forms import confirm, confirm_rows
from tests.subscribers.decide import opt_out, pause
from tests.subscribers.roles import a_client

pytestmark = pytest.mark.django_db
MONDAY = date(2026, 11, 23)
PEOPLE = "/admin/subscribers/subscriber/"


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return india_time.local_datetime(day, datetime(2026, 1, 1, hour, minute).time())  # noqa: DTZ001


def day(offset: int) -> date:
    return MONDAY + timedelta(days=offset)


def page_of(person: Subscriber, act: str = "change") -> str:
    return reverse(f"admin:subscribers_subscriber_{act}", args=[person.pk])


def status(person: Subscriber) -> str:
    person.refresh_from_db()
    return person.status


@pytest.fixture
def editor() -> Client:
    return a_client("Editor")


def a_paused(client: Client, until: date | None) -> Subscriber:
    person = a_subscriber()
    asked = {"reason": "On a journey", "resumes_on": until.isoformat() if until else ""}
    assert confirm(client, page_of(person, "pause_person"), **asked).status_code == 302
    assert status(person) == "PAUSED"
    return person


@pytest.fixture(autouse=True)
def monday_evening():
    with time_machine.travel(at(MONDAY, 20), tick=False) as clock:
        yield clock


def test_the_page_shows_when_a_pause_ends(editor):
    until = a_paused(editor, day(2))
    assert "on 25 Nov 2026 by itself" in editor.get(page_of(until)).content.decode()
    assert "2026-11-25" in LogEntry.objects.latest("pk").change_message
    open_ended = a_paused(editor, None)
    assert "when somebody resumes them" in editor.get(page_of(open_ended)).content.decode()
    active = a_subscriber()
    assert "when somebody resumes them" not in editor.get(page_of(active)).content.decode()


@pytest.mark.parametrize("offset", [0, -1, -400])
def test_a_day_that_is_not_to_come_is_refused(editor, offset):
    person = a_subscriber()
    asked = {"reason": "On a journey", "resumes_on": day(offset).isoformat()}
    page = confirm(editor, page_of(person, "pause_person"), **asked)
    assert "Choose tomorrow or a later date." in page.content.decode()
    assert status(person) == "ACTIVE"


def test_it_ends_at_midnight_in_india_and_once(editor):
    person = a_paused(editor, day(2))
    assert pauses.end_due(at(day(1), 23, 59)) == 0
    assert status(person) == "PAUSED"
    assert pauses.end_due(at(day(2), 0)) == 1
    assert status(person) == "ACTIVE"
    assert pauses.end_due(at(day(3), 0)) == 0
    event = ConsentEvent.objects.latest("pk")
    assert (event.kind, event.source) == ("RESUME", "pause ended")
    assert event.evidence.endswith("until 2026-11-25")


def test_a_run_leaves_out_who_is_paused_and_writes_to_them_from_their_day_on(
    editor, monday_evening
):
    a_number()
    person, other = a_paused(editor, day(2)), a_subscriber()
    for offset, reached in ((1, [other.pk]), (2, sorted([person.pk, other.pk]))):
        moment = at(day(offset), 6)
        monday_evening.move_to(moment)
        planned = a_planned_distribution(moment)
        tick.check(moment)
        found = Delivery.objects.filter(distribution=planned)
        assert sorted(found.values_list("subscriber_id", flat=True)) == reached
        Distribution.objects.filter(pk=planned.pk).update(state="COMPLETED")


@pytest.mark.parametrize(
    "act",
    [
        pytest.param("later", id="a later pause without an end"),
        pytest.param("stop", id="an opt-out"),
    ],
)
def test_what_was_decided_since_stays(editor, act):
    person = a_paused(editor, day(2))
    now = at(day(1), 9)
    if act == "later":
        pause(person, source="api:crm", at=now, now=now)
    else:
        opt_out(person, source="whatsapp:STOP", at=now, now=now)
    before = status(person)
    assert pauses.end_due(at(day(3), 0)) == 0
    assert status(person) == before != "ACTIVE"


def test_resumed_by_hand_and_paused_again_the_first_end_counts_no_longer(editor, monday_evening):
    person = a_paused(editor, day(2))
    monday_evening.move_to(at(MONDAY, 20, 10))
    assert confirm(editor, page_of(person, "resume_person"), reason="Back").status_code == 302
    monday_evening.move_to(at(MONDAY, 20, 20))
    asked = {"reason": "Away again", "resumes_on": day(9).isoformat()}
    assert confirm(editor, page_of(person, "pause_person"), **asked).status_code == 302
    assert pauses.end_due(at(day(3), 0)) == 0
    assert pauses.ends_on(person.pk) == day(9)
    assert pauses.end_due(at(day(9), 0)) == 1


def test_many_are_paused_until_a_day_from_the_list(editor):
    people = [a_subscriber() for _ in range(3)]
    chosen = {"action": "pause", "_selected_action": [one.pk for one in people]}
    asked = {"reason": "Diwali", "resumes_on": day(2).isoformat()}
    assert confirm_rows(editor, PEOPLE, chosen, **asked).status_code == 302
    assert {status(one) for one in people} == {"PAUSED"}
    assert pauses.end_due(at(day(2), 1)) == 3
    assert {status(one) for one in people} == {"ACTIVE"}
    assert timezone.localdate() == MONDAY
