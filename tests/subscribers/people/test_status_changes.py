"""People added one by one, found, and brought to a status that is asked for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from subscribers.consent import suppressions
from subscribers.consent.suppressions import Preference
from subscribers.models import ConsentEvent, Status, Subscriber
from subscribers.people import erasure, registration, search, status_changes
from tests.builders import a_subscriber
from tests.subscribers.decide import opt_out, pause
from tests.subscribers.moments import NOW

pytestmark = pytest.mark.django_db
PHONE = "+919812345601"
LATER = NOW + timedelta(minutes=5)


def an_addition(phone: str = PHONE, **details: str) -> Subscriber:
    return registration.register(
        phone, details, source="api:crm", notice="Form of June", actor="crm", now=NOW
    )


def ask(person: Subscriber, status: Status, **more: str) -> bool:
    changed = status_changes.set_status(
        person.pk, status, reason="Asked on the phone", source="api:crm", actor="crm",
        now=LATER, **more,
    )  # fmt: skip
    person.refresh_from_db()
    return changed


def found(term: str) -> list[str]:
    return [one.name for one in search.search(Subscriber.objects.all(), term).order_by("pk")]


def test_who_is_added_has_agreed_on_record():
    person = an_addition(name="Asha", tier="PRO")

    assert (person.status, person.tier) == ("ACTIVE", "PRO")
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.notice, event.actor) == (
        "OPT_IN",
        "api:crm",
        "Form of June",
        "crm",
    )


def test_nobody_is_added_twice_nor_after_erasure():
    person = an_addition()
    with pytest.raises(registration.AlreadyHere) as known:
        an_addition()
    assert known.value.subscriber_id == person.pk

    gone = an_addition("+919812345602")
    erasure.request_erasure(gone, reason="letter", by="esha", now=NOW)
    Subscriber.objects.filter(pk=gone.pk).update(phone="+000000000000002")
    with pytest.raises(registration.Erased):
        an_addition("+919812345602")
    assert Subscriber.objects.count() == 2


def test_a_stop_from_before_outranks_the_addition():
    suppressions.remember(
        Preference(PHONE, wants=False, source="whatsapp:STOP", evidence="", at=NOW), now=NOW
    )

    assert an_addition().status == "UNSUBSCRIBED"


def test_a_status_is_reached_by_decisions_with_the_reason():
    person = an_addition()

    assert ask(person, Status.PAUSED)
    assert not ask(person, Status.PAUSED)
    assert person.status == "PAUSED"
    event = ConsentEvent.objects.filter(kind="PAUSE").get()
    assert event.evidence.startswith("Asked on the phone (")


def test_who_unsubscribed_comes_back_only_with_new_consent():
    person = an_addition()
    opt_out(person, source="whatsapp:STOP", at=NOW + timedelta(minutes=1), now=LATER)

    for status in (Status.ACTIVE, Status.PAUSED):
        with pytest.raises(status_changes.StatusRefused, match="unsubscribed"):
            ask(person, status)
    assert ConsentEvent.objects.count() == 2  # nothing of the refused ones is left
    assert ask(person, Status.ACTIVE, consent_source="Form of July")
    assert person.status == "ACTIVE"


def test_who_asked_to_be_erased_is_not_made_active():
    person = an_addition()
    erasure.request_erasure(person, reason="letter", by="esha", now=NOW)

    with pytest.raises(status_changes.StatusRefused, match="erased"):
        ask(person, Status.ACTIVE, consent_source="Form of July")


def test_consent_in_the_second_of_a_pause_ends_the_pause():
    person = an_addition()
    moment = LATER - timedelta(milliseconds=300)
    pause(person, source="admin:esha", at=moment, now=moment)

    assert ask(person, Status.ACTIVE, consent_source="Form of July")
    assert person.status == "ACTIVE"


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("98123 45601", ["Asha Rao"]),
        ("+91-98123-45601", ["Asha Rao"]),
        ("5601", ["Asha Rao"]),
        ("asha", ["Asha Rao", "Ashana"]),
        ("RAVI@example.org", ["Ravi_"]),
        ("ravi_", ["Ravi_"]),
        ("rao", []),
    ],
)
def test_people_are_found_by_phone_name_and_email(term, names):
    a_subscriber(phone=PHONE, name="Asha Rao")
    a_subscriber(phone="+919812345602", name="Ashana")
    a_subscriber(phone="+919812345603", name="Ravi_", email="ravi@example.org")
    a_subscriber(phone="+919812345604", name="Ravindra")

    assert found(term) == names


def test_attributes_are_compared_to_the_letter_whatever_their_name():
    a_subscriber(name="Asha", attributes={"city": "Pune", "a__b": "1"})
    a_subscriber(name="Ravi", attributes={"city": "pune"})
    everybody = Subscriber.objects.all()

    for name, value, people in (("city", "Pune", 1), ("a__b", "1", 1), ("city__icontains", "p", 0)):
        assert search.with_attribute(everybody, name, value).count() == people
