"""A large audience is frozen slice by slice: each of its people once, whatever happens between."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import groupby
from threading import Barrier

import pytest
from django.db import connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st

from distribution import tasks
from distribution.analytics import counts
from distribution.analytics.grouped_counts import count_groups
from distribution.ledger.integrity import distribution_rules
from distribution.ledger.reasons import DeliveryReason
from distribution.lifecycle import closing, control, opening, preparing
from distribution.models import Alert, Delivery, Distribution, DistributionState, Preparation, State
from distribution.reporting.snapshot import take_snapshot
from phonepool.failpoints import FailpointError
from phonepool.models import Portfolio
from subscribers.consent import decisions
from subscribers.consent.decisions import Decision, Kind
from subscribers.models import Subscriber
from tests.builders import (
    a_number,
    a_planned_distribution,
    a_portfolio,
    a_subscriber,
    an_approved_content,
    an_open_distribution,
    some_subscribers,
)

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
LATER = NOW + timedelta(seconds=1)
TIERS = ("PREMIUM", "PRO", "BASIC")


@pytest.fixture(autouse=True)
def small_slices(settings):
    settings.FIRST_SLICE_PEOPLE, settings.SLICE_PEOPLE, settings.BATCH_SIZE = 3, 4, 2


def decide(person: Subscriber, kind: Kind, *, now: datetime = LATER) -> None:
    decisions.record([Decision(person.pk, kind, "test", now, exact=True)], now=now)


def people(*tiers: str) -> list[Subscriber]:
    return [a_subscriber(tier=tier) for tier in tiers]


def assert_whole(distribution: Distribution, recipients: int) -> None:
    """The states add up to the audience, at each moment and by each way of counting."""
    distribution.refresh_from_db()
    rows = Delivery.objects.filter(distribution=distribution)
    assert distribution.recipients == recipients
    assert counts.tally(distribution).recipients == recipients
    assert counts.tally_of(count_groups(distribution, now=NOW)) == counts.tally(distribution)
    numbered = Counter(rows.values_list("batch_no", flat=True))
    assert sorted(numbered) == list(range(distribution.batches))
    assert max(numbered.values(), default=0) <= 2
    assert rows.count() + control.to_come(distribution.pk) == recipients
    rules = list(distribution_rules.rules(Distribution.objects.all(), NOW))
    broken = [rule.name for rule in rules if rule.rows.exists()]
    assert broken == []


# --- what may happen between two slices ---------------------------------------------------------


def slice_(distribution: Distribution, _: Subscriber) -> None:
    preparing.freeze_next(distribution.pk, now=LATER)


def crash(distribution: Distribution, _: Subscriber, at: str = "freeze_slice") -> None:
    with pytest.MonkeyPatch.context() as patch:

        def strike(name: str) -> None:
            if name == at:
                raise FailpointError(name)

        patch.setattr(preparing, "failpoint", strike)
        if Distribution.objects.get(pk=distribution.pk).preparing:
            with pytest.raises(FailpointError):
                preparing.freeze_next(distribution.pk, now=LATER)


def crash_after(distribution: Distribution, person: Subscriber) -> None:
    crash(distribution, person, at="slice_frozen")


def leave(_: Distribution, person: Subscriber) -> None:
    decide(person, Kind.OPT_OUT)


def come_back(_: Distribution, person: Subscriber) -> None:
    decide(person, Kind.OPT_IN, now=LATER + timedelta(seconds=1))


def change_tier(_: Distribution, person: Subscriber) -> None:
    place = TIERS.index(Subscriber.objects.get(pk=person.pk).tier)
    Subscriber.objects.filter(pk=person.pk).update(tier=TIERS[place - 1])


def join(_: Distribution, __: Subscriber) -> None:
    a_subscriber(tier="PREMIUM")


STEPS = (slice_, slice_, crash, crash_after, leave, come_back, change_tier, join)


@pytest.mark.django_db
@profile(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 15)), max_size=14))
def test_whatever_happens_between_the_slices_each_of_the_audience_is_in_it_once(steps):
    with transaction.atomic():
        known = people(*TIERS * 5) + people("PRO")
        decide(known[-1], Kind.OPT_OUT, now=NOW - timedelta(days=1))
        distribution = an_open_distribution(now=NOW)
        members = {person.pk for person in known[:-1]}
        assert_whole(distribution, 15)

        for step, place in steps:
            step(distribution, known[place])
            distribution.refresh_from_db()
            assert counts.tally(distribution).recipients == distribution.recipients == 15
        preparing.freeze_all(distribution.pk, now=LATER)

        assert_whole(distribution, 15)
        rows = Delivery.objects.filter(distribution=distribution)
        assert sorted(rows.values_list("subscriber", flat=True)) == sorted(members)
        assert not distribution.preparing
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_first_tiers_go_first_across_all_slices_and_who_joins_later_is_not_in_it():
    people(*TIERS * 4)
    distribution = an_open_distribution(now=NOW)
    assert (distribution.recipients, distribution.batches) == (12, 2)
    assert Delivery.objects.count() == 3
    late = a_subscriber(tier="PREMIUM")

    preparing.freeze_all(distribution.pk, now=LATER)

    assert_whole(distribution, 12)
    rows = list(Delivery.objects.order_by("batch_no", "pk"))
    assert [tier for tier, _ in groupby(row.tier for row in rows)] == list(TIERS)
    assert late.pk not in {row.subscriber_id for row in rows}
    assert not preparing.freeze_next(distribution.pk, now=LATER)


@pytest.mark.django_db
def test_an_audience_that_fits_into_the_first_slice_is_frozen_at_once():
    some_subscribers(3)

    distribution = an_open_distribution(now=NOW)

    assert not distribution.preparing
    assert not Preparation.objects.exists()
    assert preparing.unpublished(distribution.pk) == range(2)
    assert_whole(distribution, 3)


@pytest.mark.django_db
def test_who_leaves_between_slices_is_frozen_and_gets_nothing():
    some_subscribers(12)
    distribution = an_open_distribution(now=NOW)
    gone = Subscriber.objects.order_by("pk").last()
    decide(gone, Kind.OPT_OUT)

    preparing.freeze_all(distribution.pk, now=LATER)
    distribution.refresh_from_db()
    for batch_no in range(distribution.batches):
        tasks.batch.deliveries.claim(
            distribution.pk, batch_no, limit=2, now=LATER, lease=timedelta(minutes=1)
        )

    row = Delivery.objects.get(subscriber=gone)
    assert (row.state, row.reason) == (State.SKIPPED, DeliveryReason.OPTED_OUT)
    assert_whole(distribution, 12)


# --- the end ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_is_not_completed_before_all_are_frozen():
    some_subscribers(9)
    distribution = an_open_distribution(now=NOW)
    over = NOW + timedelta(hours=9)
    Delivery.objects.update(state=State.ACCEPTED, accepted_at=NOW)

    assert not closing.complete_if_done(distribution.pk, now=over)
    assert counts.tally(distribution).states == {State.ACCEPTED: 3, State.PENDING: 6}
    assert control.waiting(distribution.pk) == 6
    shown = take_snapshot(distribution, now=LATER)
    assert (shown.prepared, shown.tally.recipients, shown.delivered_share) == (3, 9, "0.0%")
    assert sum(state.share for state in shown.states) == 1

    preparing.freeze_all(distribution.pk, now=over)

    assert closing.complete_if_done(distribution.pk, now=over)
    assert_whole(distribution, 9)
    assert distribution.state == DistributionState.COMPLETED
    assert distribution.results["recipients"] == 9


@pytest.mark.django_db
def test_cancelled_in_between_the_rest_is_skipped_for_that_reason():
    some_subscribers(9)
    distribution = an_open_distribution(now=NOW)

    assert control.cancel(distribution.pk, reason="Wrong text", now=LATER) == 9
    assert_whole(distribution, 9)
    assert preparing.unfinished(NOW + timedelta(minutes=1)) == [distribution.pk]
    tasks.prepare_audience(distribution.pk)

    assert_whole(distribution, 9)
    tally = counts.tally(distribution)
    assert tally.reasons == {State.SKIPPED: {DeliveryReason.CANCELLED: 9}}
    assert preparing.unfinished(NOW + timedelta(minutes=1)) == []


# --- limits -------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_portfolio_s_limit_counts_over_all_slices():
    a_number(portfolio=a_portfolio(recipient_limit=8))
    some_subscribers(11)
    distribution = an_open_distribution(now=NOW)
    preparing.freeze_all(distribution.pk, now=LATER)

    assert_whole(distribution, 11)
    skipped = Delivery.objects.filter(reason=DeliveryReason.PORTFOLIO_LIMIT).order_by("pk")
    last = Delivery.objects.order_by("-batch_no", "-pk")[:3]
    assert {row.pk for row in skipped} == {row.pk for row in last}
    alert = Alert.objects.get(rule="portfolio_limit")
    assert "3 people were skipped." in alert.message
    assert Portfolio.objects.get().recipient_limit == 8


@pytest.mark.django_db
def test_of_two_with_the_same_content_at_once_each_person_is_in_one():
    some_subscribers(12)
    a_number()
    content = an_approved_content(day=NOW.date(), is_fallback=False)
    first, second = (
        a_planned_distribution(NOW, content=content, again_reason="") for _ in range(2)
    )
    opening.open_distribution(first.pk, now=NOW)
    opening.open_distribution(second.pk, now=NOW)
    for one in (second, first, first, second, first, second, second):
        preparing.freeze_next(one.pk, now=LATER)

    for one in (first, second):
        assert_whole(one, 12)
    owed = Delivery.objects.filter(state=State.PENDING).values_list("subscriber", flat=True)
    assert len(owed) == len(set(owed)) == 12


# --- by several processes -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_processes_that_freeze_at_once_freeze_everybody_once():
    some_subscribers(43)
    distribution = an_open_distribution(now=NOW)
    together = Barrier(3)

    def freeze(_: int) -> None:
        try:
            together.wait(timeout=60)
            for _try in range(5000):  # whoever comes while another freezes passes by
                if not Distribution.objects.filter(pk=distribution.pk, preparing=True).exists():
                    break
                preparing.freeze_next(distribution.pk, now=LATER)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(3) as processes:
        list(processes.map(freeze, range(3)))

    assert_whole(distribution, 43)
    assert not distribution.preparing
    assert Delivery.objects.count() == 43
