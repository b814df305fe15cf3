"""Many STOP and START at once: the latest of each person holds."""

from __future__ import annotations

import pytest

from subscribers.consent import preferences
from subscribers.consent.suppressions import Preference
from subscribers.models import ConsentEvent
from tests.builders import a_subscriber
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db


def preference(phone, says, at=1, evidence="wamid.1"):
    return Preference(phone, says == "START", "whatsapp:user_preferences", evidence, minute(at))


def test_preferences_are_applied_together_and_unknown_phones_returned():
    active, gone = a_subscriber(), a_subscriber(status="UNSUBSCRIBED")
    quiet = a_subscriber(status="UNSUBSCRIBED")

    unknown = preferences.apply_preferences(
        [
            preference(active.phone, "STOP"),
            preference(gone.phone, "START"),
            preference(quiet.phone, "STOP"),
            preference("+14155552671", "STOP"),
        ],
        now=NOW,
    )

    assert unknown == ["+14155552671"]
    assert statuses() == ["UNSUBSCRIBED", "ACTIVE", "UNSUBSCRIBED"]


def test_of_several_preferences_of_one_person_the_latest_holds():
    subscriber = a_subscriber()
    said = [("START", 3), ("STOP", 2), ("START", 1)]

    unknown = preferences.apply_preferences(
        [preference(subscriber.phone, says, at, f"wamid.{at}") for says, at in said], now=NOW
    )

    assert (unknown, statuses()) == ([], ["ACTIVE"])
    assert ConsentEvent.objects.count() == 3


def test_many_preferences_take_few_statements(django_assert_max_num_queries):
    people = [a_subscriber() for _ in range(300)]
    stops = [preference(who.phone, "STOP") for who in people]

    # find, lock, append (SQLite takes a hundred rows a statement), read back, update
    with django_assert_max_num_queries(12):
        preferences.apply_preferences(stops, now=NOW)

    assert statuses() == ["UNSUBSCRIBED"] * 300


def test_no_preferences_cost_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert preferences.apply_preferences([], now=NOW) == []
