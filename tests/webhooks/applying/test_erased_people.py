"""Whoever is erased is in no table any more, however WhatsApp named them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from django.apps import apps

from distribution.models import Delivery
from subscribers.consent import erased_phones
from subscribers.identity import learning
from subscribers.models import Erasure, Status, Subscriber, Suppression, WhatsAppIdentity
from subscribers.people import erasure as erasing
from tests.builders import a_subscriber
from tests.subscribers.imports import counts, run
from tests.webhooks.people import edit, fate, preference, said
from tests.webhooks.posts import apply, in_flight, pool_number, status, statuses, text_message
from webhooks.applying import erasure as stored_bodies

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
LATER = NOW + timedelta(minutes=1)
SWEPT = NOW + timedelta(days=8)  # a person's details are deleted after 7 days at the latest
PHONE, WA_ID, USER_ID = "+5511987654321", "551187654321", "BR.13491208655302741918"
TRACES = (PHONE[1:], WA_ID, "87654321", USER_ID, "13491208655302741918")
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_seen():
    learning.forget_seen()
    pool_number()


def places() -> list[str]:
    """Where in the database the person can still be found once the regular task has searched."""
    stored_bodies.sweep(SWEPT, seconds=5)
    return [
        f"{model._meta.label}: {row}"
        for model in apps.get_models()
        for row in model.objects.values()
        if any(trace in str(row) for trace in TRACES)
    ]


def a_person_known_by_every_path() -> Subscriber:
    """Told by an opt-out before the person was known, by statuses, messages and the switch."""
    later = iter(NOW + timedelta(seconds=second) for second in range(20))
    apply(text_message(WA_ID, "STOP", at=next(later)))
    apply(said("STOP", at=next(later), from_user_id=USER_ID))
    who = a_subscriber(phone=PHONE, name="Ana")
    _, attempts = in_flight(0, now=NOW)
    attempt = attempts[Delivery.objects.get(subscriber=who).pk]
    names = {"recipient_id": WA_ID, "recipient_user_id": USER_ID}
    apply(statuses(status("sent", attempt, at=next(later), **names)))
    apply(said("thank you", at=next(later), from_user_id=USER_ID, **{"from": WA_ID}))
    apply(edit("START", at=next(later), from_user_id=USER_ID))
    apply(preference("stop", at=next(later), user_id=USER_ID), now=NOW + timedelta(minutes=1))
    assert WhatsAppIdentity.objects.get().user_id == USER_ID
    assert fate(who) == Status.UNSUBSCRIBED
    # A preference that was kept by the id in the same moment in which the pair was learnt.
    Suppression.objects.create(
        user_id=USER_ID, portfolio_id="900", holds=True, at=NOW, source="whatsapp:STOP",
        recorded_at=NOW,
    )  # fmt: skip
    return who


def test_an_erased_person_is_found_in_no_table_under_no_name():
    who = a_person_known_by_every_path()
    assert places()
    erasure = erasing.request_erasure(who, reason="wrote to us", by="omar", now=NOW)
    Delivery.objects.update(accepted_at=NOW - timedelta(days=2))

    erasing.purge(erasure, now=NOW + timedelta(days=7))

    assert places() == []
    assert Erasure.objects.get().identities.count() == 2
    assert erased_phones.find_erased([PHONE, f"+{WA_ID}"]) == {PHONE, f"+{WA_ID}"}
    assert erased_phones.find_erased_user_ids([USER_ID, "BR.2"]) == {USER_ID}
    assert counts(run(f"phone,name\n{PHONE},Ana\n")) == {"total": 1, "kept_opted_out": 1}


def test_a_late_status_does_not_tell_the_ids_of_an_erased_person_again():
    who = a_person_known_by_every_path()
    attempt = next(iter(Delivery.objects.values_list("pk", "attempt_no", "claim_token")))
    erasure = erasing.request_erasure(who, reason="", by="omar", now=NOW)
    Delivery.objects.update(accepted_at=NOW - timedelta(days=2))
    erasing.purge(erasure, now=NOW + timedelta(days=7))
    learning.forget_seen()

    names = {"recipient_id": WA_ID, "recipient_user_id": USER_ID}
    about = "daybreak:{}.{}.{:x}".format(*attempt)
    apply(statuses(status("read", about, at=NOW + timedelta(days=7), **names)))

    assert places() == []


def test_a_user_id_told_between_the_request_and_the_deletion_is_kept_out_too():
    who = a_subscriber(phone=PHONE)
    erasure = erasing.request_erasure(who, reason="", by="omar", now=NOW)
    WhatsAppIdentity.objects.create(
        subscriber=who, portfolio_id="900", user_id=USER_ID, moved_user_id="BR.2", seen_at=NOW
    )

    erasing.purge(erasure, now=NOW + timedelta(days=7))

    assert erased_phones.find_erased_user_ids([USER_ID, "BR.2"]) == {USER_ID, "BR.2"}
    assert places() == []


def purged(*, at=NOW) -> Erasure:
    """Somebody whom no table names any more."""
    who = a_subscriber(phone=PHONE, name="Ana")
    erasure = erasing.request_erasure(who, reason="", by="omar", now=at)
    erasing.purge(erasure, now=at)
    assert places() == []
    return erasure


def is_kept_out() -> bool:
    return counts(run(f"phone,name\n{PHONE},Ana\n", dry_run=True)) == {
        "total": 1,
        "kept_opted_out": 1,
    }


@pytest.mark.parametrize("wa_id", [WA_ID, PHONE[1:]])
def test_a_stop_of_an_erased_person_holds_and_leaves_no_trace(wa_id):
    purged()

    at = NOW + timedelta(seconds=5)
    apply(said("STOP", at=at, from_user_id=USER_ID, **{"from": wa_id}), now=LATER)

    assert places() == []
    assert not Suppression.objects.exists()
    assert is_kept_out()
    assert erased_phones.find_erased_user_ids([USER_ID]) == {USER_ID}
    apply(said("STOP", at=NOW + timedelta(seconds=6), from_user_id=USER_ID), now=LATER)
    assert places() == []


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_of_what_an_erased_person_says_later_the_last_word_counts_in_any_order(order):
    """START at second 1, STOP at 2; whether a START at 3 comes, too, decides."""
    words = [(1, "START"), (2, "STOP"), (3, "START")]
    purged()

    for place in order:
        second, word = words[place]
        apply(text_message(WA_ID, word, at=NOW + timedelta(seconds=second)), now=LATER)

    assert not is_kept_out()
    Suppression.objects.all().delete()
    for place in order[:2]:
        if place < 2:
            second, word = words[place]
            apply(text_message(WA_ID, word, at=NOW + timedelta(seconds=second)), now=LATER)
    assert is_kept_out()
    assert places() == []


def test_a_start_from_before_the_request_brings_nobody_back():
    purged()

    apply(text_message(WA_ID, "START", at=NOW - timedelta(seconds=5)))

    assert is_kept_out()
    assert places() == []
