"""Nobody is added twice by another spelling of the phone, or by what WhatsApp calls them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from django.db import connections

from subscribers.identity import locks
from subscribers.models import Subscriber, WhatsAppIdentity
from subscribers.people import registration
from subscribers.people.registration import AlreadyHere
from tests.builders import a_subscriber
from tests.subscribers.imports import counts, run
from tests.subscribers.moments import NOW

HOME, ABROAD = "+541123456789", "+5491123456789"
MEXICO, MEXICO_ON_WHATSAPP = "+525512345678", "+5215512345678"
BENIN, BENIN_ON_WHATSAPP = "+2290197654321", "+22997654321"


def add(phone: str) -> Subscriber:
    return registration.register(
        phone, {}, source="api:crm", notice="Form of June", actor="crm", now=NOW
    )


def known_to_whatsapp(phone: str, wa_id: str) -> Subscriber:
    person = a_subscriber(phone=phone, name="Ana")
    WhatsAppIdentity.objects.create(
        subscriber=person, portfolio_id="900", wa_id=wa_id[1:], user_id="IN.1", seen_at=NOW
    )
    return person


@pytest.mark.django_db
@pytest.mark.parametrize(("stored", "added"), [(HOME, ABROAD), (ABROAD, HOME)])
def test_another_spelling_of_a_phone_is_the_same_person(stored, added):
    person = a_subscriber(phone=stored)

    with pytest.raises(
        AlreadyHere, match=rf"already belongs to subscriber {person.pk} \(\+54\*+6789\)"
    ):
        add(added)
    assert Subscriber.objects.count() == 1


@pytest.mark.django_db
def test_a_phone_by_which_whatsapp_calls_somebody_is_theirs():
    """Case A13: no rule tells Benin's spelling; statuses do."""
    person = known_to_whatsapp(BENIN, BENIN_ON_WHATSAPP)

    with pytest.raises(AlreadyHere) as known:
        add(BENIN_ON_WHATSAPP)
    assert known.value.subscriber_id == person.pk


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("stored", "listed"), [(MEXICO, MEXICO_ON_WHATSAPP), ("+5511987654321", "+551187654321")]
)
def test_a_list_in_whatsapps_spelling_names_the_people_who_are_here(stored, listed):
    a_subscriber(phone=stored, name="Ana")

    assert counts(run(f"phone,name\n{listed},Bea\n")) == {"total": 1, "changed": 1}
    assert list(Subscriber.objects.values_list("phone", "name")) == [(stored, "Bea")]
    assert counts(run(f"phone,name\n{listed},Bea\n")) == {"total": 1, "unchanged": 1}


@pytest.mark.django_db
def test_a_list_with_both_spellings_of_somebody_takes_the_first():
    assert counts(run(f"phone\n{MEXICO_ON_WHATSAPP}\n{MEXICO}\n")) == {
        "total": 2,
        "new": 1,
        "refused": 1,
    }
    assert list(Subscriber.objects.values_list("phone", flat=True)) == [MEXICO]


@pytest.mark.django_db
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_list_finds_people_by_what_whatsapp_calls_them(dry_run, monkeypatch):
    """The number is valid in no numbering plan of today: it is read as WhatsApp told it."""
    monkeypatch.setattr("subscribers.importing.columns.read_phone", lambda raw: raw)
    known_to_whatsapp(BENIN, BENIN_ON_WHATSAPP)

    file = f"phone,name\n{BENIN_ON_WHATSAPP},Koffi\n{BENIN},Kofi\n"
    assert counts(run(file, dry_run=dry_run)) == {"total": 2, "changed": 2}
    names = list(Subscriber.objects.values_list("phone", "name"))
    assert names == [(BENIN, "Ana" if dry_run else "Kofi")]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("on_postgres")
def test_two_spellings_that_are_added_at_once_are_one_person(monkeypatch):
    """The first has looked and found nobody; the second waits for what it adds."""
    looked, lock = Event(), locks.lock_spellings

    def locked_after_the_first(phones):
        if list(phones) == [ABROAD]:
            assert looked.wait(30)
        lock(phones)
        looked.set()

    def adding(phone):
        try:
            return add(phone).phone
        except AlreadyHere:
            return "already here"
        finally:
            connections.close_all()

    monkeypatch.setattr(locks, "lock_spellings", locked_after_the_first)
    with ThreadPoolExecutor(2) as both:
        assert list(both.map(adding, [HOME, ABROAD])) == [HOME, "already here"]
    assert Subscriber.objects.count() == 1
