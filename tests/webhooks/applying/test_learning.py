"""Which ids WhatsApp has for a subscriber is learnt; what was kept for an id applies then."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.db import connection, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from distribution.alerts import unmatched_opt_outs
from distribution.models import Alert, Delivery
from subscribers.identity import learning
from subscribers.models import ConsentEvent, Status, Subscriber, Suppression, WhatsAppIdentity
from tests.builders import a_subscriber
from tests.webhooks.people import USER_ID, fate, said
from tests.webhooks.posts import (
    apply,
    envelope,
    in_flight,
    messages,
    pool_number,
    status,
    statuses,
    text_message,
)

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_seen():
    learning.forget_seen()
    pool_number()


def a_message(phone: str = "+919812345678"):
    """Somebody with a message on its way: the person and the attempt."""
    who = a_subscriber(phone=phone)
    _, attempts = in_flight(0, now=NOW)
    pk = Delivery.objects.get(subscriber=who).pk
    return who, attempts[pk]


def known(who: Subscriber) -> list[tuple[str, str, str]]:
    rows = WhatsAppIdentity.objects.filter(subscriber=who).order_by("pk")
    return list(rows.values_list("portfolio_id", "wa_id", "user_id"))


def told(attempt, *, seconds: int = 0, word: str = "sent", **recipient: str) -> bytes:
    return statuses(status(word, attempt, at=later(seconds), **recipient))


def later(seconds: int):
    return NOW + timedelta(seconds=seconds)


# --- what is learnt


def test_a_status_tells_the_user_id_by_which_a_stop_comes_later():
    """Cases A14, G6."""
    who, attempt = a_message()

    apply(told(attempt, recipient_id="919812345678", recipient_user_id=USER_ID))
    assert known(who) == [("900", "919812345678", USER_ID)]

    apply(said("STOP", at=later(1), from_user_id=USER_ID))
    assert fate(who) == Status.UNSUBSCRIBED


def test_the_contacts_beside_a_status_tell_it_too():
    """Case A14."""
    who, attempt = a_message()
    item = status("delivered", attempt, at=NOW, recipient_id="919812345678")
    contact = {"wa_id": "919812345678", "user_id": USER_ID}

    apply(envelope(messages(statuses=[item], contacts=[contact])))

    assert known(who) == [("900", "919812345678", USER_ID)]


def test_whatsapps_spelling_is_learnt_where_no_rule_tells_it():
    """Case A13: Benin's numbers got two digits more in 2024, WhatsApp's ids did not."""
    who, attempt = a_message("+2290197654321")

    apply(told(attempt, recipient_id="22997654321"))
    apply(text_message("22997654321", "STOP", at=later(1)))

    assert fate(who) == Status.UNSUBSCRIBED


def test_a_message_tells_the_user_id_of_its_sender():
    who = a_subscriber(phone="+919812345678")

    apply(said("thank you", at=NOW, from_user_id=USER_ID, **{"from": "919812345678"}))
    apply(said("STOP", at=later(1), from_user_id=USER_ID))

    assert fate(who) == Status.UNSUBSCRIBED


def test_a_new_user_id_of_the_same_phone_replaces_the_old_one_in_any_order():
    for order in permutations([(1, "IN.11111111"), (2, "IN.22222222"), (3, "IN.33333333")]):
        who, attempt = a_message(f"+9198123{sum(1 for _ in Subscriber.objects.all()):05d}")
        for second, user_id in order:
            apply(told(attempt, seconds=second, recipient_user_id=user_id), now=later(60))
        assert known(who) == [("900", "", "IN.33333333")]
        WhatsAppIdentity.objects.all().delete()


def test_a_user_id_is_the_one_persons_who_was_last_told_to_have_it():
    first, attempt = a_message("+919812345671")
    apply(told(attempt, recipient_user_id=USER_ID))
    second = a_subscriber(phone="+919812345672")

    apply(
        said("hello", at=later(5), from_user_id=USER_ID, **{"from": "919812345672"}), now=later(9)
    )

    assert known(first) == [("900", "", "")]
    assert known(second) == [("900", "919812345672", USER_ID)]


def test_two_people_told_with_one_user_id_in_one_webhook_spoil_nothing():
    people = [a_subscriber(phone=f"+91981234567{n}") for n in range(3)]
    _, attempts = in_flight(0, now=NOW)
    items = [
        status("sent", attempt, at=NOW, wamid=f"wamid.{pk}", recipient_user_id=USER_ID)
        for pk, attempt in attempts.items()
    ]

    apply(statuses(*items))

    assert sum(bool(known(who)) for who in people) == 1


@pytest.mark.parametrize("about", ["daybreak:1.1.ffff", None], ids=["attempt", "none"])
def test_a_status_of_no_message_of_ours_tells_nothing(about):
    a_message()

    apply(told(about, recipient_id="919812345678", recipient_user_id=USER_ID))

    assert not WhatsAppIdentity.objects.exists()


def test_an_id_that_is_no_spelling_of_the_phone_is_not_learnt():
    """One id for everybody must never let one person's STOP end all."""
    people = [a_subscriber(phone=f"+91981234567{n}") for n in range(3)]
    _, attempts = in_flight(0, now=NOW)
    apply(
        statuses(
            *(status("sent", one, at=NOW, recipient_id="919800000099") for one in attempts.values())
        )
    )

    apply(text_message("919800000099", "STOP", at=later(1)))

    assert [fate(who) for who in people] == [Status.ACTIVE] * 3


# --- what was kept applies


@pytest.mark.parametrize(
    ("words", "after"),
    [
        (["STOP"], Status.UNSUBSCRIBED),
        (["STOP", "START"], Status.ACTIVE),
        (["START", "STOP"], Status.UNSUBSCRIBED),
    ],
)
def test_what_an_unknown_user_id_said_applies_once_the_person_is_known(words, after):
    """Cases A14, G6."""
    who, attempt = a_message()
    for second, word in enumerate(words):
        apply(said(word, at=later(second), from_user_id=USER_ID), now=later(60))

    apply(told(attempt, recipient_user_id=USER_ID), now=later(60))

    assert fate(who) == after
    assert not Suppression.objects.exists()
    unmatched_opt_outs.close_matched(later(61))
    assert not Alert.objects.filter(rule="unmatched_opt_out", closed_at=None).exists()


def test_a_kept_stop_that_is_older_than_their_start_does_not_undo_it():
    who, attempt = a_message()
    apply(said("STOP", at=later(1), from_user_id=USER_ID), now=later(60))
    apply(text_message(who.phone, "START", at=later(2)), now=later(60))

    apply(told(attempt, recipient_user_id=USER_ID), now=later(60))

    assert fate(who) == Status.ACTIVE
    assert ConsentEvent.objects.filter(subscriber=who, kind="OPT_OUT").count() == 1


def test_a_kept_stop_of_an_unknown_phone_applies_once_it_is_known_as_a_spelling():
    who, attempt = a_message("+2290197654321")
    apply(text_message("22997654321", "STOP", at=NOW))
    assert fate(who) == Status.ACTIVE

    apply(told(attempt, recipient_id="22997654321"))

    assert fate(who) == Status.UNSUBSCRIBED


def test_a_stop_kept_while_another_process_learnt_the_pair_is_found_by_the_next_tick():
    who = a_subscriber(phone="+919812345678")
    apply(said("STOP", at=NOW, from_user_id=USER_ID), now=NOW)
    WhatsAppIdentity.objects.create(
        subscriber=who, portfolio_id="900", user_id=USER_ID, seen_at=NOW
    )

    unmatched_opt_outs.close_matched(NOW)

    assert fate(who) == Status.UNSUBSCRIBED
    assert not Alert.objects.filter(closed_at=None).exists()


# --- what it costs


@pytest.mark.django_db(transaction=True)
def test_what_is_known_costs_no_statement():
    people = 20
    for n in range(people):
        a_subscriber(phone=f"+9198123456{n:02d}")
    _, attempts = in_flight(0, now=NOW)
    phones = dict(Delivery.objects.values_list("pk", "phone"))

    def bodies(word: str, **ids) -> bytes:
        return statuses(
            *(
                status(
                    word,
                    attempt,
                    at=NOW,
                    wamid=f"wamid.{pk}",
                    recipient_id=phones[pk][1:],
                    **({"recipient_user_id": f"IN.1349{pk}"} if ids else {}),
                )
                for pk, attempt in attempts.items()
            )
        )

    def statements(body: bytes) -> int:
        with CaptureQueriesContext(connection) as captured:
            apply(body)
        return len(captured)

    apply(bodies("sent", ids=True))
    assert WhatsAppIdentity.objects.count() == people
    apply(bodies("delivered", ids=True))  # finds it recorded

    apply(bodies("read"))
    assert statements(bodies("read", ids=True)) == statements(bodies("played"))


# --- ids that come back


def committed():
    """What is done once a transaction is committed is done at the end of the block."""
    return TestCase.captureOnCommitCallbacks(execute=True)


def owners() -> dict[str, str]:
    """Phones by the user id that each is known to have."""
    rows = WhatsAppIdentity.objects.exclude(user_id="")
    return dict(rows.values_list("user_id", "subscriber__phone"))


def test_a_user_id_that_comes_back_after_another_one_counts_again():
    """Each is told twice, as statuses do: the second time it is remembered."""
    who, attempt = a_message()
    first, second = "IN.11111111", "IN.22222222"

    for place, user_id in enumerate([first, first, second, second, first]):
        with committed():
            apply(told(attempt, seconds=place, recipient_user_id=user_id), now=later(60))

    assert known(who) == [("900", "", first)]


def test_what_another_process_recorded_meanwhile_is_asked_for_after_some_minutes(monkeypatch):
    who, attempt = a_message()
    for second in (0, 1):
        with committed():
            apply(told(attempt, seconds=second, recipient_user_id="IN.11111111"), now=later(60))
    WhatsAppIdentity.objects.update(user_id="IN.22222222", seen_at=later(2))

    passed = time.monotonic() + learning.REMEMBERED_SECONDS
    monkeypatch.setattr(learning.time, "monotonic", lambda: passed)
    apply(told(attempt, seconds=3, recipient_user_id="IN.11111111"), now=later(60))

    assert known(who) == [("900", "", "IN.11111111")]


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_user_id_is_whose_it_was_told_to_be_last_whatever_was_before(events):
    with transaction.atomic():
        try:
            check_owners(events)
        finally:
            transaction.set_rollback(True)


def check_owners(events: list[tuple[int, int]]) -> None:
    """`events` are a person and a user id each; every one is told twice."""
    learning.forget_seen()
    people = [a_subscriber(phone=f"+91981234567{n}") for n in (1, 2)]
    expected: dict[str, str] = {}
    for place, (person, number) in enumerate(events):
        who, user_id = people[person], f"IN.{number}1111111"
        expected = {key: phone for key, phone in expected.items() if phone != who.phone}
        expected[user_id] = who.phone
        for repeat in (0, 1):
            at = later(2 * place + repeat)
            item = learning.Told(who.pk, who.phone, "900", "", user_id, at)
            with committed():
                learning.learn([item], now=later(600))
        assert owners() == expected
