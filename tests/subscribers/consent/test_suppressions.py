"""STOP from a phone that nobody knows yet, and what an import makes of it later."""

from __future__ import annotations

from itertools import permutations

import pytest
from django.contrib.auth import get_user_model

from subscribers.consent import preferences, suppressions
from subscribers.consent.suppressions import Preference
from subscribers.models import ConsentEvent, Subscriber, Suppression
from subscribers.people import registration
from tests.subscribers.imports import LATER, counts, run
from tests.subscribers.moments import NOW, minute, statuses

pytestmark = pytest.mark.django_db
PHONE = "+919812345678"
FILE = f"phone,name\n{PHONE},Asha\n"


def say(wants: bool, at: int, phone: str = PHONE) -> None:
    said = Preference(phone, wants, "whatsapp:STOP", f"wamid.{at}", minute(at))
    preferences.apply_preferences([said], now=NOW)


STOP, START = False, True


def test_a_stranger_who_said_stop_is_imported_as_somebody_who_left():
    say(STOP, 1)

    for options in ({"dry_run": True}, {}):
        assert counts(run(FILE, now=LATER, **options)) == {"total": 1, "kept_opted_out": 1}

    assert statuses() == ["UNSUBSCRIBED"]
    event = ConsentEvent.objects.get()
    assert (event.kind, event.at, event.evidence) == ("OPT_OUT", minute(1), "wamid.1")
    assert counts(run(FILE, now=LATER)) == {"total": 1, "kept_opted_out": 1}


def test_their_start_lifts_it_before_the_import_and_after():
    say(STOP, 1)
    say(START, 2)
    run(FILE, now=LATER)
    assert statuses() == ["ACTIVE"]

    say(STOP, 3, other := "+919812345679")
    run(FILE.replace(PHONE, other), now=LATER)
    assert statuses() == ["ACTIVE", "UNSUBSCRIBED"]
    say(START, 4, other)
    assert statuses() == ["ACTIVE", "ACTIVE"]


def test_wishes_in_any_order_end_with_the_latest():
    for order in permutations([(STOP, 1), (START, 2), (STOP, 3), (START, 3)]):
        Suppression.objects.all().delete()
        for wants, at in order:
            say(wants, at)
        (row,) = Suppression.objects.all()
        assert (row.holds, row.at, row.evidence) == (True, minute(3), "wamid.3")


def test_others_are_imported_as_ever():
    say(STOP, 1, "+919812345670")

    assert counts(run(FILE, now=LATER)) == {"total": 1, "new": 1}
    assert statuses() == ["ACTIVE"]


def test_a_file_that_agrees_with_the_stranger_adds_somebody_new():
    say(STOP, 1)

    report = run(f"phone,status\n{PHONE},UNSUBSCRIBED\n", now=LATER)

    assert (counts(report), statuses()) == ({"total": 1, "new": 1}, ["UNSUBSCRIBED"])


def test_a_clock_that_runs_ahead_does_not_outrank_the_next_wish():
    suppressions.remember(Preference(PHONE, wants=True, source="s", evidence="", at=LATER), now=NOW)

    assert Suppression.objects.get().at == NOW


def test_who_is_added_by_hand_is_asked_first_too(client):
    say(STOP, 1)
    client.force_login(get_user_model().objects.create_superuser("asha"))
    form = {"phone": PHONE, "name": "Asha", "tier": "BASIC", "language": "en", "attributes": "{}"}
    inline = {
        "consent_events-TOTAL_FORMS": "0",
        "consent_events-INITIAL_FORMS": "0",
        "consent_source": "Form",
    }

    answer = client.post("/admin/subscribers/subscriber/add/", {**form, **inline}, follow=True)

    assert "This person sent STOP" in answer.content.decode()
    assert Subscriber.objects.get().status == "UNSUBSCRIBED"


SPELT = pytest.mark.parametrize(
    ("said_by", "added"),
    [
        ("+551187654321", "+5511987654321"),
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
    ],
)


@SPELT
def test_a_stop_in_whatsapps_spelling_holds_for_who_is_imported_later(said_by, added):
    """Case A13: the stranger's phone is spelt otherwise in the file."""
    say(STOP, 1, said_by)

    assert counts(run(f"phone\n{added}\n", now=LATER)) == {"total": 1, "kept_opted_out": 1}

    assert statuses() == ["UNSUBSCRIBED"]


@SPELT
def test_a_stop_in_whatsapps_spelling_holds_for_who_is_registered_later(said_by, added):
    say(STOP, 1, said_by)

    person = registration.register(added, {}, source="api", notice="form", actor="", now=LATER)

    assert person.status == "UNSUBSCRIBED"


def test_the_latest_wish_holds_in_whatever_spelling_it_came():
    say(STOP, 1, "+5511987654321")
    say(START, 2, "+551187654321")

    assert suppressions.find_suppressed(["+5511987654321"]) == {}
