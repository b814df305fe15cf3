from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from distribution.lifecycle import control
from distribution.models import Alert, Delivery, Distribution, DistributionState, State
from subscribers.models import ConsentEvent, Status, Subscriber
from tests.builders import a_subscriber
from tests.webhooks.posts import (
    apply,
    envelope,
    in_flight,
    messages,
    pool_number,
    preference_change,
    put_in_flight,
    status,
    statuses,
    text_message,
)
from webhooks.applying import inbox
from webhooks.models import WebhookEvent

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
LATER = NOW + timedelta(seconds=30)
pytestmark = pytest.mark.django_db


def only_delivery() -> Delivery:
    return Delivery.objects.get()


def failure(code: int, *, at=NOW) -> bytes:
    """A failure of everybody's message, reported in one webhook."""
    keys = {row.pk: row for row in Delivery.objects.all()}
    named = {pk: f"daybreak:{pk}.{row.attempt_no}.{row.claim_token:x}" for pk, row in keys.items()}
    return statuses(
        *(status("failed", key, at=at, wamid=f"w{pk}", code=code) for pk, key in named.items())
    )


def person(**fields) -> Subscriber:
    pool_number()
    return a_subscriber(**fields)


def fate(subscriber: Subscriber) -> str:
    return Subscriber.objects.get(pk=subscriber.pk).status


# --- statuses -------------------------------------------------------------------------------------


def test_statuses_raise_progress_and_keep_the_times_of_the_events():
    _, attempts = in_flight(1, now=NOW - timedelta(seconds=9))
    (key,) = attempts.values()
    times = {
        word: NOW - timedelta(seconds=5 - place)
        for place, word in enumerate(["sent", "delivered", "read"])
    }

    apply(statuses(*(status(word, key, at=at, wamid="w1") for word, at in times.items())), now=NOW)

    row = only_delivery()
    assert (row.state, row.progress, row.wamid) == (State.ACCEPTED, 3, "w1")
    assert {"sent": row.sent_at, "delivered": row.delivered_at, "read": row.read_at} == times


def test_a_lost_answer_is_found_again_by_our_attempt_id():
    _, attempts = in_flight(1, now=NOW)
    (key,) = attempts.values()
    Delivery.objects.update(state=State.UNKNOWN, unknown_at=NOW, reason="no_answer")

    apply(statuses(status("sent", key, at=NOW, wamid="wamid.found")))

    row = only_delivery()
    assert (row.state, row.reason, row.wamid) == (State.ACCEPTED, "", "wamid.found")


def test_a_status_by_a_number_of_somebody_else_is_parked():
    _, attempts = in_flight(1, now=NOW)
    (key,) = attempts.values()

    apply(statuses(status("sent", key, at=NOW), number="777"))

    assert only_delivery().state == State.INFLIGHT
    assert WebhookEvent.objects.get().parked == 1


# --- what a later failure means -------------------------------------------------------------------


def test_an_unreachable_person_is_counted_once_a_day_and_forgotten_when_reached():
    _, attempts = in_flight(1, now=NOW)
    apply(failure(131026), now=NOW)
    apply(failure(131026, at=LATER), now=LATER)

    assert only_delivery().state == State.FAILED
    who = Subscriber.objects.get()
    assert (who.unreachable_days, who.unreachable_on) == (1, timezone.localdate(NOW))

    ((pk, key),) = attempts.items()
    apply(statuses(status("delivered", key, at=LATER, wamid=f"w{pk}")), now=LATER)
    assert Subscriber.objects.get().unreachable_days == 0


def test_who_used_metas_switch_is_opted_out_with_the_failure_as_evidence():
    in_flight(1, now=NOW)

    for now in (NOW, LATER):
        apply(failure(131050), now=now)
        WebhookEvent.objects.update(processed_at=None)

    assert Subscriber.objects.get().status == Status.UNSUBSCRIBED
    event = ConsentEvent.objects.get()
    delivery = only_delivery()
    assert (event.kind, event.source, event.at) == ("OPT_OUT", "whatsapp:131050", NOW)
    assert event.evidence == f"delivery {delivery.pk}"


def test_an_older_failure_does_not_undo_a_younger_start():
    in_flight(1, now=NOW)
    who = Subscriber.objects.get()
    apply(text_message(who.phone, "START", at=LATER), now=LATER)

    apply(failure(131050, at=NOW), now=LATER)

    assert fate(who) == Status.ACTIVE


@pytest.mark.parametrize("code", [131042, 131031, 368, 132015, 132016])
def test_what_hits_everybody_pauses_the_distribution_it_hit(code):
    hit, _ = in_flight(2, now=NOW)
    other, _ = in_flight(0, now=NOW)
    Delivery.objects.filter(distribution=other).delete()

    apply(failure(code), now=NOW)

    hit.refresh_from_db()
    other.refresh_from_db()
    assert (hit.state, other.state) == (DistributionState.PAUSED, DistributionState.SENDING)
    assert "reported after acceptance" in hit.state_reason
    assert Alert.objects.get(rule="distribution_paused").scope == f"distribution {hit.pk}"


def test_a_billing_block_reported_after_acceptance_stops_the_rest_and_loses_nobody():
    distribution, _ = in_flight(3, now=NOW)
    Delivery.objects.update(state=State.ACCEPTED, accepted_at=NOW)

    apply(failure(131042), now=NOW)

    assert Delivery.objects.count_by_state() == {State.RETRY_WAIT: 3}
    distribution.refresh_from_db()
    assert distribution.state == DistributionState.PAUSED
    assert "payment_problem" in distribution.state_reason
    assert "Billing Hub" in Alert.objects.get(rule="distribution_paused").message


def test_what_a_human_has_resumed_is_not_paused_again_by_the_same_report():
    distribution, _ = in_flight(1, now=NOW)
    apply(failure(131042), now=NOW)
    control.resume(distribution.pk, now=NOW)

    WebhookEvent.objects.update(processed_at=None)
    assert inbox.drain(now=LATER).applied == 1
    apply(failure(131042, at=LATER), now=LATER)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING


@pytest.mark.parametrize("code", [131049, 130472, 100, None])
def test_what_is_about_one_message_only_ends_that_one(code):
    distribution, _ = in_flight(1, now=NOW)

    apply(failure(code), now=NOW)

    distribution.refresh_from_db()
    assert distribution.state == DistributionState.SENDING
    assert only_delivery().state == State.FAILED
    assert Subscriber.objects.get().status == Status.ACTIVE
    assert Subscriber.objects.get().unreachable_days == 0


# --- wishes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["STOP", "Unsubscribe.", "बंद करें", "रोकें"])
def test_a_stop_word_ends_the_subscription_at_once(word):
    who = person()

    apply(text_message(who.phone, word, at=NOW), now=LATER)

    assert fate(who) == Status.UNSUBSCRIBED
    event = ConsentEvent.objects.get()
    assert (event.kind, event.source, event.at) == ("OPT_OUT", "whatsapp:STOP", NOW)
    assert event.evidence.startswith("wamid.in.")


def test_a_stop_word_keeps_what_is_not_sent_yet_from_being_sent():
    now = timezone.now()
    pool_number()
    distribution, _ = in_flight(1, now=now)
    row = only_delivery()
    Delivery.objects.update(state=State.PENDING, lease_until=None, claim_token=None)

    apply(text_message(row.phone, "stop", at=now), now=now)

    assert put_in_flight(distribution, pool_number(meta_id="2"), now=now) == {}
    assert only_delivery().reason == "opted_out"


@pytest.mark.parametrize("word", ["START", "शुरू करें"])
def test_a_start_word_brings_back_who_had_stopped(word):
    who = person()
    apply(text_message(who.phone, "STOP", at=NOW), now=NOW)

    apply(text_message(who.phone, word, at=LATER), now=LATER)

    assert fate(who) == Status.ACTIVE


@pytest.mark.parametrize("first", [True, False])
def test_an_older_start_never_undoes_a_younger_stop(first):
    who = person()
    start, stop = (
        text_message(who.phone, "START", at=NOW),
        text_message(who.phone, "STOP", at=LATER),
    )

    for body in (start, stop) if first else (stop, start):
        apply(body, now=LATER)

    assert fate(who) == Status.UNSUBSCRIBED


def test_ordinary_messages_change_nothing():
    who = person()

    apply(text_message(who.phone, "Please do not stop, this is good", at=NOW), now=NOW)

    assert fate(who) == Status.ACTIVE
    assert not ConsentEvent.objects.exists()


def test_a_pressed_stop_button_counts_as_a_word():
    who = person()
    item = {
        "from": who.phone.removeprefix("+"),
        "id": "wamid.in.button",
        "timestamp": str(int(NOW.timestamp())),
        "type": "button",
        "button": {"payload": "STOP:42", "text": "No more"},
    }

    apply(envelope(messages(messages=[item])), now=NOW)

    assert fate(who) == Status.UNSUBSCRIBED
    assert ConsentEvent.objects.get().evidence == "wamid.in.button"


def test_whatsapps_own_switch_stops_and_resumes_and_repeats_without_harm():
    who = person()
    stop, resume = (
        preference_change(who.phone, "stop", at=NOW),
        preference_change(who.phone, "resume", at=LATER),
    )

    apply(stop, now=LATER)
    assert fate(who) == Status.UNSUBSCRIBED
    apply(resume, stop + b" ", resume + b" ", now=LATER)

    assert fate(who) == Status.ACTIVE
    assert ConsentEvent.objects.count() == 2


def test_wishes_by_a_number_of_somebody_else_and_of_strangers_change_nothing():
    who = person()

    drained = apply(
        text_message(who.phone, "STOP", at=NOW, number="777"),
        text_message("+919999999999", "STOP", at=NOW),
    )

    assert drained.applied == 2
    assert fate(who) == Status.ACTIVE


def test_no_webhook_starts_a_send():
    in_flight(2, now=NOW)
    before = Distribution.objects.count(), Delivery.objects.count()
    who = person(status=Status.UNSUBSCRIBED) if not Subscriber.objects.count() else a_subscriber()

    apply(
        text_message(who.phone, "START", at=NOW),
        preference_change(who.phone, "resume", at=NOW),
        now=NOW,
    )

    assert (Distribution.objects.count(), Delivery.objects.count()) == before
    assert not Delivery.objects.exclude(state=State.INFLIGHT).exists()
