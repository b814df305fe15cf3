"""The right to be forgotten: no message any more, the details go, no file brings them back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.consent import erased_phones, suppressions
from subscribers.consent.suppressions import Preference
from subscribers.models import Erasure, Subscriber
from subscribers.people import erasure as erasing
from tests.builders import a_subscriber
from tests.subscribers.decide import opt_in
from tests.subscribers.imports import counts, run
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db

PHONE = "+919812345678"
FILE = "phone,name\n9812345678,Asha\n"


def an_erased_person(*, purged: bool = True) -> Subscriber:
    person = a_subscriber(phone=PHONE, name="Asha", email="a@b.in", attributes={"city": "Pune"})
    erasure = erasing.request_erasure(person, reason="wrote to us", by="omar", now=NOW)
    if purged:
        erasing.purge(erasure, now=NOW)
    person.refresh_from_db()
    return person


def test_asking_stops_messages_and_keeps_the_details_for_a_while():
    person = an_erased_person(purged=False)

    assert (person.status, person.name) == ("UNSUBSCRIBED", "Asha")
    assert counts(run(FILE)) == {"total": 1, "kept_opted_out": 1}


def test_purging_leaves_no_phone_name_or_detail():
    person = an_erased_person()

    assert person.phone == f"+0{person.pk:014d}"
    assert (person.name, person.email, person.attributes) == ("", "", {})
    assert PHONE not in str(Erasure.objects.values().get())


def test_a_file_never_brings_back_who_was_erased_not_even_the_number():
    an_erased_person()

    assert counts(run(FILE)) == {"total": 1, "kept_opted_out": 1}
    assert counts(run("phone,status\n9812345678,unsubscribed\n")) == {
        "total": 1,
        "kept_opted_out": 1,
    }
    assert Subscriber.objects.count() == 1


def test_their_own_start_opens_the_door_for_a_later_file():
    an_erased_person()
    start = Preference(
        PHONE, wants=True, source="whatsapp:START", evidence="w1", at=NOW + timedelta(days=1)
    )
    suppressions.remember(start, now=NOW + timedelta(days=2))

    assert counts(run(FILE)) == {"total": 1, "new": 1}


def test_a_former_key_still_knows_whom_to_forget(settings):
    an_erased_person()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, long enough for the check of the settings, and new"

    assert erased_phones.find_erased([PHONE, "+919812345679"]) == {PHONE}


def test_who_subscribed_again_is_not_purged():
    person = an_erased_person(purged=False)
    opt_in(person, source="whatsapp:START", at=NOW + timedelta(1), now=NOW + timedelta(1))

    with pytest.raises(erasing.ErasureRefused, match="subscribed again"):
        erasing.purge(Erasure.objects.get(), now=NOW + timedelta(2))


def test_details_go_by_themselves_when_the_days_are_over(settings):
    person = an_erased_person(purged=False)
    due = NOW + timedelta(days=settings.ERASURE_DAYS)

    assert erasing.purge_due(due - timedelta(seconds=1)) == 0
    assert erasing.purge_due(due) == 1
    assert erasing.purge_due(due) == 0
    person.refresh_from_db()
    assert person.name == ""


def test_who_was_erased_is_known_in_every_spelling():
    """Case A13."""
    person = a_subscriber(phone="+5511987654321")
    erasing.purge(erasing.request_erasure(person, reason="", by="omar", now=NOW), now=NOW)

    assert erased_phones.find_erased(["+551187654321"]) == {"+551187654321"}
    start = Preference(
        "+551187654321", wants=True, source="whatsapp:START", evidence="w1", at=NOW + timedelta(1)
    )
    suppressions.remember(start, now=NOW + timedelta(days=2))
    assert erased_phones.find_erased(["+5511987654321"]) == set()
