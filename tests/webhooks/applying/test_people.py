"""Opt-outs find their person however WhatsApp names them; what finds nobody is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.utils import timezone

from distribution.models import Alert
from subscribers.models import ConsentEvent, Status, Subscriber, Suppression, WhatsAppIdentity
from tests.builders import a_subscriber
from tests.webhooks.people import (
    USER_ID,
    edit,
    fate,
    preference,
    said,
)
from tests.webhooks.posts import apply, pool_number, preference_change, text_message
from webhooks.applying import inbox
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
pytestmark = pytest.mark.django_db

SPELT = [
    ("+5511987654321", "551187654321"),
    ("+551187654322", "5511987654322"),
    ("+525512345678", "5215512345678"),
    ("+5215512345679", "525512345679"),
    ("+541123456789", "5491123456789"),
    ("+5491123456780", "541123456780"),
    ("+5493512345678", "54351152345678"),
]


@pytest.fixture(autouse=True)
def _pool():
    pool_number()


def known_as(person: Subscriber, **fields) -> WhatsAppIdentity:
    facts = {"portfolio_id": "900", "seen_at": NOW, **fields}
    return WhatsAppIdentity.objects.create(subscriber=person, **facts)


# --- spellings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stored", "wa_id"), SPELT)
def test_a_stop_applies_in_whatsapps_own_spelling(stored, wa_id):
    """Case A13."""
    who = a_subscriber(phone=stored)

    apply(text_message(wa_id, "STOP", at=NOW))

    assert fate(who) == Status.UNSUBSCRIBED
    assert not Suppression.objects.exists()

    apply(text_message(wa_id, "START", at=NOW + timedelta(seconds=1)))
    assert fate(who) == Status.ACTIVE


def test_whatsapps_own_switch_applies_in_its_spelling():
    """Case A13."""
    who = a_subscriber(phone="+5511987654322")

    apply(preference_change("+551187654322", "stop", at=NOW))

    assert fate(who) == Status.UNSUBSCRIBED


def test_who_has_exactly_the_phone_comes_before_who_has_another_spelling():
    long, short = a_subscriber(phone="+5511987654321"), a_subscriber(phone="+551187654321")

    apply(text_message("551187654321", "STOP", at=NOW))

    assert (fate(long), fate(short)) == (Status.ACTIVE, Status.UNSUBSCRIBED)


def test_a_stop_applies_by_the_id_that_whatsapp_gave_the_phone():
    who = a_subscriber(phone="+22901976543")
    known_as(who, wa_id="22976543")

    apply(text_message("22976543", "STOP", at=NOW))

    assert fate(who) == Status.UNSUBSCRIBED


def test_a_start_that_may_be_anothers_starts_nobody():
    both = [a_subscriber(phone=phone) for phone in ("+541123456789", "+5491123456789")]
    apply(text_message("54111523456789", "STOP", at=NOW))
    assert [fate(who) for who in both] == [Status.UNSUBSCRIBED] * 2

    apply(text_message("54111523456789", "START", at=NOW + timedelta(seconds=1)))

    assert [fate(who) for who in both] == [Status.UNSUBSCRIBED] * 2


# --- user ids -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        said("STOP", at=NOW, from_user_id=USER_ID),
        said("STOP", at=NOW, **{"from": USER_ID}),
        said("STOP", at=NOW, contacts=[{"user_id": USER_ID}]),
        said("", at=NOW, from_user_id=USER_ID, type="button", button={"payload": "STOP:1"}),
        edit("STOP", at=NOW, from_user_id=USER_ID),
        preference("stop", at=NOW, user_id=USER_ID),
        preference("stop", at=NOW, contacts=[{"user_id": USER_ID}]),
    ],
    ids=["from_user_id", "from", "contacts", "button", "edit", "switch", "switch_contacts"],
)
def test_a_stop_by_user_id_only_finds_its_person(body):
    """Case A14, G6."""
    who = a_subscriber()
    known_as(who, user_id=USER_ID)

    apply(body)

    assert fate(who) == Status.UNSUBSCRIBED
    assert not Suppression.objects.exists()


@pytest.mark.parametrize(
    "contact",
    [{"wa_id": "919812345678", "user_id": USER_ID}, {"wa_id": "919812345678"}],
    ids=["pair", "phone"],
)
def test_a_user_id_in_from_is_read_together_with_the_phone_in_contacts(contact):
    """Case A14."""
    who = a_subscriber(phone="+919812345678")

    apply(said("STOP", at=NOW, contacts=[contact], **{"from": USER_ID}))

    assert fate(who) == Status.UNSUBSCRIBED


def test_a_user_id_counts_in_its_own_portfolio_only():
    who = a_subscriber()
    known_as(who, user_id=USER_ID, portfolio_id="901")

    apply(said("STOP", at=NOW, from_user_id=USER_ID))

    assert fate(who) == Status.ACTIVE


def test_a_stop_of_an_unknown_user_id_is_kept_and_reported_until_it_is_old():
    """Case A14, G6: it is not lost."""
    apply(said("STOP", at=NOW, from_user_id=USER_ID), now=NOW)

    row = Suppression.objects.get()
    assert (row.phone, row.user_id, row.portfolio_id, row.holds) == (None, USER_ID, "900", True)
    alert = Alert.objects.get(rule="unmatched_opt_out")
    assert (alert.severity, alert.closed_at) == ("WARNING", None)
    assert USER_ID not in alert.message


def test_wishes_of_an_unknown_user_id_in_any_order_end_with_the_latest():
    for order in permutations([("STOP", 1), ("START", 2), ("STOP", 3), ("START", 3)]):
        Suppression.objects.all().delete()
        for word, second in order:
            at = NOW + timedelta(seconds=second)
            apply(said(word, at=at, from_user_id=USER_ID), now=NOW + timedelta(minutes=1))
        row = Suppression.objects.get()
        assert (row.holds, row.at) == (True, NOW + timedelta(seconds=3))


def test_a_person_known_by_user_id_who_writes_from_another_phone_keeps_it_free_of_messages():
    who = a_subscriber()
    known_as(who, user_id=USER_ID)

    apply(said("STOP", at=NOW, from_user_id=USER_ID, **{"from": "919812300000"}))

    assert fate(who) == Status.UNSUBSCRIBED
    assert Suppression.objects.get().phone == "+919812300000"


# --- edits ----------------------------------------------------------------------------------------


def test_a_message_edited_into_stop_opts_out():
    """Case A15."""
    who = a_subscriber()
    apply(text_message(who.phone, "thank you", at=NOW))

    body = edit("STOP", at=NOW + timedelta(seconds=5), **{"from": who.phone[1:]})
    for _ in range(2):
        apply(body)
        WebhookEvent.objects.update(processed_at=None)
        inbox.drain(now=timezone.now())

    assert fate(who) == Status.UNSUBSCRIBED
    assert ConsentEvent.objects.count() == 1


def test_a_stop_that_is_edited_or_revoked_stays_an_opt_out():
    """Case A15: only START opts in."""
    who = a_subscriber()
    sender = {"from": who.phone[1:]}
    later = [NOW + timedelta(seconds=seconds) for seconds in range(1, 4)]
    apply(text_message(who.phone, "STOP", at=NOW))

    apply(edit("sorry, wrong chat", at=later[0], **sender))
    revoked = {"type": "revoke", "revoke": {"original_message_id": "wamid.in.1"}}
    apply(said("", at=later[1], **revoked, **sender))
    assert fate(who) == Status.UNSUBSCRIBED

    apply(edit("START", at=later[2], **sender))
    assert fate(who) == Status.ACTIVE
