"""Reports of a failure that hits everybody: the distribution pauses, and nobody is given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from distribution.engine import tick
from distribution.ledger.attempts.ids import AttemptKey
from distribution.lifecycle import control
from distribution.models import Alert, Delivery, DistributionState, Ruling, State, Verdict
from phonepool.models import NumberState, PhoneNumber
from subscribers.models import Status, Subscriber
from tests.builders import a_number
from tests.distribution.controls import open_alerts, reload
from tests.webhooks.posts import NUMBER, apply, in_flight, status, statuses

NOW = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)  # 12:00 in India
SENT_AT = NOW - timedelta(seconds=5)
pytestmark = pytest.mark.django_db(transaction=True)

MEDIA, UNDELIVERABLE, CAPPED = 131053, 131026, 131049


def report(attempts: dict[int, AttemptKey], code: int | None = None, *, now=NOW) -> None:
    """All of them in one webhook, as sent or as failed."""
    word = "failed" if code else "sent"
    items = [
        status(word, key, at=now, wamid=f"w{pk}.{key.attempt_no}", code=code)
        for pk, key in attempts.items()
    ]
    apply(statuses(*items), now=now)


def split(attempts: dict[int, AttemptKey], *sizes: int) -> list[dict[int, AttemptKey]]:
    rows, parts = list(attempts.items()), []
    for size in (*sizes, len(attempts)):
        parts.append(dict(rows[:size]))
        rows = rows[size:]
    return parts


def states() -> dict[str, int]:
    return Delivery.objects.count_by_state()


def test_a_failure_of_the_first_dozen_pauses_and_gives_up_nobody():
    """Case K1: 131053 for everybody, reported after acceptance."""
    distribution, attempts = in_flight(30, now=SENT_AT)
    few, dozen, late = split(attempts, 5, 10)

    report(few, MEDIA)
    assert reload(distribution).state == DistributionState.SENDING
    report(dozen, MEDIA)

    paused = reload(distribution)
    assert (paused.state, paused.pause_cause) == (DistributionState.PAUSED, "media_unusable")
    assert paused.state_reason.startswith("15 of 15 messages failed for the same reason: ")
    assert "(131053)" in paused.state_reason
    assert states() == {State.RETRY_WAIT: 15, State.INFLIGHT: 15}
    assert Verdict.objects.filter(ruling=Ruling.RETURNED, by=None).count() == 15
    assert open_alerts() == {"distribution_paused"}

    report(late, MEDIA, now=NOW + timedelta(seconds=3))  # in flight when it was paused
    tick.check(NOW + timedelta(seconds=4))
    assert states() == {State.RETRY_WAIT: 30}
    assert set(Delivery.objects.values_list("tries_charged", "resend_no")) == {(0, 0)}


def test_what_was_in_flight_at_the_pause_and_fails_after_the_resume_waits_again():
    distribution, attempts = in_flight(30, now=SENT_AT)
    first, late = split(attempts, 15)
    report(first, MEDIA)
    control.resume(distribution.pk, now=NOW + timedelta(seconds=10))

    report(late, MEDIA, now=NOW + timedelta(seconds=12))
    assert states() == {State.RETRY_WAIT: 15, State.FAILED: 15}
    assert reload(distribution).state == DistributionState.SENDING  # older counts do not count
    tick.check(NOW + timedelta(seconds=13))

    assert states() == {State.RETRY_WAIT: 30}


def test_repeated_reports_change_nothing():
    distribution, attempts = in_flight(15, now=SENT_AT)

    report(attempts, MEDIA)
    control.resume(distribution.pk, now=NOW)
    report(attempts, MEDIA, now=NOW + timedelta(seconds=1))

    assert states() == {State.RETRY_WAIT: 15}
    assert Verdict.objects.count() == 15


def test_who_may_have_got_the_message_is_not_sent_to_again():
    _, attempts = in_flight(15, now=SENT_AT)
    doubtful = min(attempts)
    Delivery.objects.filter(pk=doubtful).update(ambiguous_no=1)

    report(attempts, MEDIA)

    assert Delivery.objects.get(pk=doubtful).state == State.FAILED
    assert states() == {State.RETRY_WAIT: 14, State.FAILED: 1}


def test_the_window_ends_with_the_cause_as_the_reason():
    distribution, attempts = in_flight(15, now=SENT_AT)
    report(attempts, MEDIA)

    tick.check(reload(distribution).window_end + timedelta(seconds=1))

    assert set(Delivery.objects.values_list("state", "reason")) == {("SKIPPED", "media_unusable")}


def test_one_number_that_fails_for_everybody_rests_and_its_recipients_move():
    """Case K1: its copy of the media is missing."""
    distribution, attempts = in_flight(35, now=SENT_AT)
    bad, good = split(attempts, 15)
    Delivery.objects.filter(pk__in=good).update(number=a_number())
    report(good)

    report(bad, MEDIA)

    assert PhoneNumber.objects.get(meta_id=NUMBER).state == NumberState.RESTING
    assert reload(distribution).state == DistributionState.SENDING
    assert states() == {State.ACCEPTED: 20, State.RETRY_WAIT: 15}


def test_a_storm_of_undeliverable_on_three_mornings_makes_nobody_invalid():
    """Case A12."""
    for morning in range(3):
        at = NOW + timedelta(days=morning)
        distribution, attempts = in_flight(0 if morning else 50, now=at - timedelta(seconds=5))
        assert len(attempts) == 50
        few, rest = split(attempts, 7)
        report(few, UNDELIVERABLE, now=at)
        report(rest, UNDELIVERABLE, now=at + timedelta(seconds=1))
        assert reload(distribution).pause_cause == "undeliverable"
        assert Alert.objects.filter(rule="undeliverable_share", closed_at=None).exists()

    assert set(Subscriber.objects.values_list("status", "unreachable_days")) == {(Status.ACTIVE, 0)}


def test_a_third_day_that_turns_out_to_be_a_storm_makes_a_number_valid_again():
    """Case A12: somebody had two unreachable days of their own."""
    _, attempts = in_flight(50, now=SENT_AT)
    few, rest = split(attempts, 7)
    yesterday = NOW.date() - timedelta(days=1)
    Subscriber.objects.update(unreachable_days=2, unreachable_on=yesterday)

    report(few, UNDELIVERABLE)
    assert Subscriber.objects.filter(status=Status.INVALID).count() == 7
    report(rest, UNDELIVERABLE)

    assert Subscriber.objects.filter(status=Status.INVALID).count() == 0


def test_between_a_tenth_and_a_half_undeliverable_is_told_and_counts_for_nobody():
    """Case A12."""
    distribution, attempts = in_flight(100, now=SENT_AT)
    few, bad, good = split(attempts, 6, 24)

    report(few, UNDELIVERABLE)
    assert Subscriber.objects.filter(unreachable_days=1).count() == 6
    report(good)
    report(bad, UNDELIVERABLE)

    assert reload(distribution).state == DistributionState.SENDING
    assert open_alerts() == {"undeliverable_share"}
    assert states() == {State.ACCEPTED: 70, State.FAILED: 30}
    assert Subscriber.objects.filter(unreachable_days=0).count() == 100


def test_a_few_who_cannot_be_reached_count_as_before():
    _, attempts = in_flight(100, now=SENT_AT)
    bad, good = split(attempts, 3)

    report(good)
    report(bad, UNDELIVERABLE)

    assert Subscriber.objects.filter(unreachable_days=1).count() == 3
    assert open_alerts() == set()


def test_what_meta_decides_for_each_person_never_pauses():
    distribution, attempts = in_flight(60, now=SENT_AT)

    report(attempts, CAPPED)

    assert reload(distribution).state == DistributionState.SENDING
    assert open_alerts() == {"refused_share"}


def test_a_distribution_that_has_ended_tells_and_stays_as_it_is():
    distribution, attempts = in_flight(15, now=SENT_AT)
    control.cancel(distribution.pk, reason="Enough.", now=NOW)

    report(attempts, MEDIA)

    assert reload(distribution).state == DistributionState.CANCELLED
    assert states() == {State.FAILED: 15}
    assert open_alerts() == {"mass_failure"}
