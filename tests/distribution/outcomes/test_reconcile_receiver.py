"""Silence proves nothing while our receiver was away, or while the nearest were silent too."""

from __future__ import annotations

import pytest
from django.conf import settings

from distribution.models import Delivery, Progress, State, StatusFeed, Verdict
from distribution.outcomes import reconcile
from tests.builders import a_number, some_subscribers
from tests.distribution.outcomes import test_reconcile as the_gates
from tests.distribution.outcomes.test_reconcile import (
    NOW,
    RIPE,
    assert_waits,
    neighbours,
    resolve,
    seconds,
    unknown_delivery,
)

distribution = the_gates.distribution
PATIENCE = seconds(settings.RECEIVER_PATIENCE_SECONDS)


def away_until(at) -> None:
    StatusFeed.receiver_seen(RIPE, away_at=at)


def listen_until(at) -> None:
    StatusFeed.applied(at)
    StatusFeed.receiver_seen(at)


def silent(*, nearest: int) -> None:
    """So many of those accepted right after it were never reported."""
    after = neighbours().filter(accepted_at__gt=NOW).order_by("accepted_at", "pk")
    pks = after.values_list("pk", flat=True)[:nearest]
    Delivery.objects.filter(pk__in=list(pks)).update(progress=Progress.NONE)


# --- the receiver ---------------------------------------------------------------------------------


def test_an_absence_long_before_the_call_does_not_matter(distribution):
    away_until(NOW - reconcile.RECEIVER_START_TOLERANCE - seconds(0.001))
    assert resolve(distribution) == (1, 0)


@pytest.mark.parametrize("after", [-reconcile.RECEIVER_START_TOLERANCE, seconds(0), RIPE - NOW])
def test_it_waits_when_the_receiver_was_away_at_its_call_or_later(distribution, after):
    away_until(NOW + after)
    assert_waits(distribution)


def test_once_meta_had_time_to_come_again_it_is_sent_again(distribution):
    away = NOW + seconds(60)
    away_until(away)
    due = away + PATIENCE
    listen_until(due - seconds(0.001))
    assert_waits(distribution, now=due)

    listen_until(due)

    assert resolve(distribution, now=due) == (1, 0)
    assert Verdict.objects.get().evidence["receiver"] == {
        "seen_at": due.isoformat(),
        "away_at": away.isoformat(),
    }


def test_silence_counts_only_as_far_as_the_receiver_was_seen(distribution):
    StatusFeed.receiver_seen(RIPE - seconds(0.001))
    assert_waits(distribution)
    StatusFeed.receiver_seen(RIPE)
    assert resolve(distribution) == (1, 0)


def test_it_waits_while_one_of_two_receivers_is_silent(distribution):
    StatusFeed.receiver_seen(RIPE - seconds(0.001), receiver="receiver")
    StatusFeed.receiver_seen(RIPE, receiver="web")
    assert_waits(distribution)
    StatusFeed.receiver_seen(RIPE, receiver="receiver")
    assert resolve(distribution) == (1, 0)


def test_at_the_windows_end_the_absence_is_left_to_a_human_with_the_rest(distribution):
    away_until(NOW)

    assert resolve(distribution, now=distribution.window_end) == (0, 1)
    verdict = Verdict.objects.get()
    assert verdict.ruling == "UNCONFIRMED"
    assert verdict.evidence["receiver"]["away_at"] == NOW.isoformat()


# --- the nearest in time --------------------------------------------------------------------------


@pytest.fixture
def crowd(distribution):
    """Two hundred more were accepted and reported within the same two minutes."""
    number_id = unknown_delivery().number_id
    Delivery.objects.bulk_create(
        Delivery(
            distribution=distribution,
            subscriber=person,
            phone=person.phone,
            tier=person.tier,
            batch_no=1,
            next_at=NOW,
            number_id=number_id,
            state=State.ACCEPTED,
            accepted_at=NOW + seconds(2 + place / 10),
            progress=Progress.SENT,
        )
        for place, person in enumerate(some_subscribers(200))
    )
    return distribution


@pytest.mark.parametrize(("unheard", "sent_again"), [(0, 1), (1, 0), (2, 0)])
def test_of_ten_after_it_none_may_be_silent_if_none_is_before(crowd, unheard, sent_again):
    """Two of two hundred and twenty are nothing to the neighbourhood of minutes."""
    silent(nearest=unheard)
    assert resolve(crowd) == (sent_again, 0)


def fifteen_before():
    pks = neighbours().order_by("pk").values_list("pk", flat=True)[100:115]
    before = Delivery.objects.filter(pk__in=list(pks)).order_by("pk")
    before.update(accepted_at=NOW - seconds(1))
    return before


def test_of_the_twenty_nearest_one_may_be_silent(crowd):
    before = Delivery.objects.filter(
        pk__in=list(neighbours().values_list("pk", flat=True)[100:115])
    )
    before.update(accepted_at=NOW - seconds(1))
    silent(nearest=1)
    assert resolve(crowd) == (1, 0)
    nearest = Verdict.objects.get().evidence["nearest"]
    assert nearest == {"among": "nearest of the number", "total": 20, "reported": 19}


def test_the_nearest_are_those_of_its_number(crowd):
    """Another number's silence is that number's trouble."""
    pks = neighbours().order_by("accepted_at", "pk").values_list("pk", flat=True)[:10]
    Delivery.objects.filter(pk__in=list(pks)).update(number=a_number(), progress=Progress.NONE)
    assert resolve(crowd) == (1, 0)


def test_two_silent_ones_of_the_twenty_nearest_are_too_many(crowd):
    before = Delivery.objects.filter(
        pk__in=list(neighbours().values_list("pk", flat=True)[100:115])
    )
    before.update(accepted_at=NOW - seconds(1))
    before.filter(pk=before.last().pk).update(progress=Progress.NONE)
    silent(nearest=1)
    assert_waits(crowd)
