from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.analytics.counts import Reach, Tally
from distribution.models import Distribution, State
from distribution.service_level import sla
from distribution.service_level.sla import Sla
from phonepool.models import PhoneNumber
from tests.builders import a_planned_distribution, an_open_distribution
from tests.distribution.service_level.measured import NOW, WINDOW, seconds, sent

DEADLINE = NOW + timedelta(seconds=WINDOW)


def a_run(**fields) -> Distribution:
    """One that no database knows."""
    return Distribution(**{"planned_at": NOW, "opened_at": NOW, "sla_deadline": DEADLINE, **fields})


def reach(**counts: int) -> Reach:
    names = ("accepted", "delivered", "read", "accepted_in_time", "delivered_in_time", "awaited")
    return Reach(
        **{**dict.fromkeys(names, 0), **counts},
        first_accepted_at=None,
        last_accepted_at=None,
        first_inflight_at=None,
    )


def assess(
    states: dict[State, int], reached: Reach, *, rate: float = 80, after: float = 10, **run
) -> Sla:
    reasons = run.pop("reasons", {})
    now = NOW + seconds(after)
    return sla.assess(a_run(**run), Tally(dict(states), reasons), reached, rate, now=now)


@pytest.fixture(autouse=True)
def delivered_basis(settings):
    """Most figures below are of what was delivered; the default is what was accepted."""
    settings.SLA_BASIS = "delivered"


# --- the rules --------------------------------------------------------------------------------


def test_nothing_sent_yet():
    found = assess({State.PENDING: 2000}, reach(), after=0)

    assert (found.owed, found.accepted_share, found.delivered_share) == (2000, 0, 0)
    assert found.projected_share == 1
    assert found.estimated_completion == NOW + seconds(25)
    assert found.violations == []


def test_both_measures_are_shares_of_the_people_owed():
    states = {State.ACCEPTED: 990, State.FAILED: 10}
    found = assess(
        states, reach(accepted=990, accepted_in_time=985, delivered_in_time=900, awaited=80)
    )

    assert (found.accepted_share, found.delivered_share) == (0.985, 0.9)
    assert found.projected_share == 0.98  # 900 and the 80 on their way
    assert found.estimated_completion is None


@pytest.mark.parametrize(
    ("basis", "headline", "met"), [("delivered", 0.98, False), ("accepted", 0.99, True)]
)
def test_the_basis_picks_the_headline(settings, basis, headline, met):
    settings.SLA_BASIS = basis

    found = assess({State.ACCEPTED: 100}, reach(accepted_in_time=99, delivered_in_time=98))

    assert (found.headline, found.met) == (headline, met)


@pytest.mark.parametrize(("delivered", "met"), [(9899, False), (9900, True), (10000, True)])
def test_the_target_is_met_at_99_percent(delivered, met):
    assert assess({State.ACCEPTED: 10000}, reach(delivered_in_time=delivered)).met is met


@pytest.mark.parametrize(
    ("reason", "owed"),
    [("opted_out", 90), ("cancelled", 90), ("window", 100), ("portfolio_limit", 100)],
)
def test_who_was_left_out_for_their_own_sake_is_not_owed(reason, owed):
    states = {State.ACCEPTED: 90, State.SKIPPED: 10}
    reasons = {State.SKIPPED: Counter({reason: 10})}

    assert assess(states, reach(delivered_in_time=90), reasons=reasons).owed == owed


def test_with_nobody_owed_nothing_is_measured_and_nothing_missed():
    found = assess({}, reach())

    shares = (found.accepted_share, found.delivered_share, found.projected_share, found.headline)
    assert shares == (None, None, None, None)
    assert (found.owed, found.met) == (0, True)


@pytest.mark.parametrize("state", ["CANCELLED", "MISSED"])
def test_a_cancelled_or_missed_distribution_has_no_service_level(state):
    found = assess(
        {State.ACCEPTED: 500, State.SKIPPED: 1500}, reach(accepted_in_time=500), state=state
    )

    assert (found.accepted_share, found.delivered_share, found.violations) == (None, None, [])


@pytest.mark.parametrize(
    ("states", "rate", "after", "projected"),
    [
        ({State.PENDING: 1000}, 10, 0, 1.0),  # 3000 would fit
        ({State.PENDING: 1000}, 2, 0, 0.6),
        ({State.PENDING: 1000}, 2, WINDOW - 100, 0.2),
        ({State.PENDING: 1000}, 2, WINDOW, 0.0),
        ({State.PENDING: 1000}, 0, 0, 0.0),
        ({State.RETRY_WAIT: 500, State.CLAIMED: 300, State.INFLIGHT: 200}, 10, 0, 1.0),
        ({State.UNKNOWN: 10, State.FAILED: 990}, 10, 0, 0.01),
        ({State.UNKNOWN: 10, State.FAILED: 990}, 10, WINDOW, 0.0),
    ],
)
@pytest.mark.parametrize("basis", ["delivered", "accepted"])
def test_what_can_still_arrive_in_time_is_projected(
    settings, basis, states, rate, after, projected
):
    settings.SLA_BASIS = basis

    assert assess(states, reach(), rate=rate, after=after).projected_share == projected


def test_messages_on_their_way_can_still_be_delivered_until_the_deadline():
    on_their_way = reach(accepted=100, accepted_in_time=100, delivered_in_time=40, awaited=60)

    assert assess({State.ACCEPTED: 100}, on_their_way, after=WINDOW - 1).projected_share == 1
    assert assess({State.ACCEPTED: 100}, on_their_way, after=WINDOW).projected_share == 0.4


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"opened_at": NOW + seconds(60)}, []),
        ({"opened_at": NOW + seconds(61)}, ["Started 61 s late."]),
        ({"rate": 1}, ["At the current rate, sending ends after the window."]),
        ({"rate": 0}, []),
        (
            {"after": WINDOW + 1},
            [
                "100 people were still waiting after the window.",
                "Only 90.0% delivered in the window.",
            ],
        ),
    ],
)
def test_violations_are_sentences(fields, said):
    states = {State.ACCEPTED: 900, State.PENDING: 100}
    given_fields = {"rate": 80, "after": 250, **fields}

    assert assess(states, reach(delivered_in_time=900), **given_fields).violations == said


counts = st.integers(0, 500)


@given(counts, counts, counts, st.just(0) | st.floats(0.1, 400), st.floats(0, 2 * WINDOW))
def test_a_projection_is_never_worse_than_what_was_reached_nor_better_than_all(
    waiting, awaited, delivered, rate, after
):
    states = {State.PENDING: waiting, State.ACCEPTED: awaited + delivered}
    reached = reach(
        accepted_in_time=awaited + delivered, delivered_in_time=delivered, awaited=awaited
    )

    found = assess(states, reached, rate=rate, after=after)

    assert (found.projected_share is None) is (waiting + awaited + delivered == 0)
    assert (found.delivered_share or 0) <= (found.projected_share or 0) <= 1


# --- on the records ---------------------------------------------------------------------------


@pytest.fixture
def distribution(db) -> Distribution:
    return an_open_distribution(100, now=NOW)


def test_what_came_in_time_is_measured_twice(distribution):
    sent(0, 90, at=5, delivered=8)
    sent(90, 95, at=5, delivered=WINDOW + 1)
    sent(95, 99, at=5)
    sent(99, 100, at=WINDOW + 1)

    found = sla.measure(distribution, now=NOW + seconds(WINDOW + 60))

    assert (found.accepted_share, found.delivered_share) == (0.99, 0.9)
    assert found.violations == ["Only 90.0% delivered in the window."]


def test_what_meta_reported_as_failed_after_accepting_it_does_not_count(distribution):
    sent(0, 100, at=5, delivered=8)
    sent(0, 3, at=5, delivered=8, state=State.FAILED, reason="undeliverable")

    found = sla.measure(distribution, now=NOW + seconds(10))

    assert (found.accepted_share, found.delivered_share) == (0.97, 0.97)


def test_measuring_takes_few_queries_however_many_people(
    distribution, django_assert_max_num_queries
):
    with django_assert_max_num_queries(5):
        sla.measure(distribution, now=NOW + seconds(10))


@pytest.mark.django_db
def test_one_that_is_not_open_can_be_measured():
    planned = a_planned_distribution(NOW)

    assert sla.measure(planned, now=NOW).owed == 0


def test_before_the_first_send_the_pools_rate_tells_the_end(distribution):
    found = sla.measure(distribution, now=NOW)

    assert found.estimated_completion == NOW + seconds(100 / 80)


def test_then_what_is_achieved_tells_it(distribution):
    PhoneNumber.objects.update(rate_per_second=4)
    sent(0, 50, at=9)

    found = sla.measure(distribution, now=NOW + seconds(10))  # 50 in ten seconds

    assert found.estimated_completion == NOW + seconds(10 + 50 / 5)


def test_the_results_say_what_happened_to_everybody(distribution):
    sent(0, 90, at=5, delivered=8)
    sent(0, 20, at=5, delivered=8, progress=3)
    sent(90, 92, at=6)
    for place, (state, reason) in enumerate(
        [(State.FAILED, "undeliverable")] * 3
        + [(State.SKIPPED, "opted_out")] * 4
        + [(State.UNCONFIRMED, "never_answered")]
    ):
        sent(92 + place, 93 + place, at=0, state=state, reason=reason, accepted_at=None)

    results = sla.results(distribution, now=NOW + seconds(WINDOW))

    assert results == {
        "recipients": 100,
        "owed": 96,
        "accepted": 92,
        "delivered": 90,
        "read": 20,
        "failed": 3,
        "skipped": 4,
        "unconfirmed": 1,
        "failures": {"undeliverable": 3},
        "skips": {"opted_out": 4},
        "doubles": {"confirmed": 0, "suspected": 0},
        "sent_again": {"by_rule": 0, "by_hand": 0},
        "sla_accepted": 92 / 96,
        "sla_delivered": 90 / 96,
        "sla_met": False,
        "violations": ["Only 93.7% delivered in the window."],
        "first_accepted_at": (NOW + seconds(5)).isoformat(),
        "last_accepted_at": (NOW + seconds(6)).isoformat(),
    }
