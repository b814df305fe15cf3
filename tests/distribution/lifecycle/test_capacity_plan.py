"""The capacity plan: reach, completion, and the loss of one number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.lifecycle import capacity_plan, opening, preflight
from distribution.lifecycle.capacity_plan import (
    ANSWER_SECONDS,
    START_SECONDS,
    CapacityPlan,
    NumberFacts,
    PlanFacts,
    PlanVerdict,
    PortfolioFacts,
)
from distribution.models import Alert, Delivery, Distribution, State
from phonepool.models import NumberState, PhoneNumber, Portfolio, Quality
from tests.builders import (
    a_number,
    a_planned_distribution,
    an_approved_content,
    an_open_distribution,
    some_subscribers,
)

NOW = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)  # 06:00 IST
OVERHEAD = START_SECONDS + ANSWER_SECONDS


def a_fast(label: str = "one", **fields: Any) -> NumberFacts:
    return NumberFacts(**{"label": label, "portfolio": 1, "speed": 50, "left": 10**6, **fields})


def plan(people: int, *numbers: NumberFacts, **fields: Any) -> CapacityPlan:
    portfolios = {number.portfolio: PortfolioFacts("Daybreak", None) for number in numbers}
    facts = {"tiers": {"BASIC": people}, "portfolios": portfolios, "window_seconds": 300}
    return capacity_plan.make(PlanFacts(**{**facts, "numbers": numbers, **fields}))


def test_numbers_share_the_people_and_the_loss_of_one_takes_longer() -> None:
    made = plan(2_000, a_fast("one"), a_fast("two"))

    assert (made.outcome.verdict, made.outcome.seconds) == (
        PlanVerdict.MEETS,
        pytest.approx(20 + OVERHEAD),
    )
    assert made.survives
    assert made.without.seconds == pytest.approx(40 + OVERHEAD)
    assert made.sentence == (
        "Meets the SLA: 2,000 people in 22 s of 5 minutes. Survives the loss of one number: 42 s "
        "without one."
    )


def test_the_strongest_is_the_one_that_sends_most_in_the_window() -> None:
    fast_but_spent = a_fast("spent", speed=500, left=10)

    assert plan(2_000, fast_but_spent, a_fast("steady")).strongest == "steady"


def test_a_slow_pool_is_late_by_the_rest() -> None:
    made = plan(2_000, a_fast(speed=5))

    assert made.outcome.verdict == PlanVerdict.LATE
    assert made.outcome.late_by == pytest.approx(400 + OVERHEAD - 300)
    assert made.sentence == (
        "Late by 1 min 42 s: 2,000 people in 6 min 42 s, not 5 minutes. Does not survive the loss "
        "of one: no other number can send."
    )


def test_a_number_that_has_sent_its_day_leaves_the_rest_to_others() -> None:
    made = plan(2_000, a_fast("one", left=500), a_fast("two"))

    assert made.outcome.seconds == pytest.approx(30 + OVERHEAD)
    assert made.without.verdict == PlanVerdict.CANNOT
    assert "Does not survive the loss of two: reaches 500 people." in made.sentence


def test_the_portfolios_limit_counts_who_was_written_to_already() -> None:
    limited = {1: PortfolioFacts("Daybreak", 2_000, used=300)}
    made = plan(2_000, a_fast(), portfolios=limited)

    assert (made.outcome.verdict, made.outcome.reached) == (PlanVerdict.CANNOT, 1_700)
    assert made.sentence.startswith("Reaches 1,700 of 2,000 people.")
    (portfolio,) = made.portfolios
    assert (portfolio.people, portfolio.need, portfolio.limit) == (1_700, 2_000, 2_000)


def test_two_portfolios_share_by_their_room() -> None:
    limits = {1: PortfolioFacts("one", 500), 2: PortfolioFacts("two", None)}
    made = plan(2_000, a_fast("a"), a_fast("b", portfolio=2), portfolios=limits)

    assert made.outcome.seconds == pytest.approx(30 + OVERHEAD)
    assert [one.need for one in made.portfolios] == [500, 1_500]


def test_tiers_end_one_after_the_other() -> None:
    made = plan(0, a_fast(left=150), tiers={"PREMIUM": 50, "PRO": 100, "BASIC": 1})

    assert [one.seconds for one in made.tiers] == [
        pytest.approx(1 + OVERHEAD),
        pytest.approx(3 + OVERHEAD),
        None,
    ]


def test_a_backup_stands_in_for_a_lost_primary_and_for_too_slow_ones() -> None:
    backup = a_fast("backup", on_standby=True)

    assert plan(2_000, a_fast(), backup).outcome.seconds == pytest.approx(40 + OVERHEAD)
    assert plan(2_000, a_fast(), backup, primaries_lost=1).outcome.seconds == (
        pytest.approx(20 + OVERHEAD)
    )
    assert plan(20_000, a_fast(), backup).outcome.seconds == pytest.approx(200 + OVERHEAD)
    assert plan(2_000, a_fast(), backup).without.seconds == pytest.approx(40 + OVERHEAD)


def test_without_a_number_and_without_people() -> None:
    assert plan(10).sentence == "No phone number can send."
    assert plan(10).outcome.verdict == PlanVerdict.CANNOT
    assert plan(0, a_fast()).sentence == "Nobody to send to."


NUMBERS = st.lists(
    st.builds(
        a_fast,
        label=st.uuids().map(str),
        portfolio=st.integers(1, 3),
        speed=st.floats(0.5, 500),
        left=st.integers(0, 5_000),
    ),
    max_size=6,
)


@given(people=st.integers(0, 5_000), numbers=NUMBERS, limit=st.none() | st.integers(0, 3_000))
def test_a_loss_never_helps_and_nobody_is_reached_beyond_limits(people, numbers, limit) -> None:
    portfolios = {pk: PortfolioFacts(str(pk), limit) for pk in (1, 2, 3)}
    made = plan(people, *numbers, portfolios=portfolios)

    assert made.without.reached <= made.outcome.reached <= people
    assert sum(one.people for one in made.portfolios) == pytest.approx(made.outcome.reached, abs=2)
    assert all(limit is None or one.people <= limit for one in made.portfolios)
    done = [one.seconds for one in made.tiers if one.seconds is not None]
    assert done == sorted(done)


# --- as it is read


@pytest.fixture
def planned(db: None) -> Distribution:
    a_number(label="strong", rate_per_second=80)
    a_number(label="weak", rate_per_second=20)
    some_subscribers(10)
    some_subscribers(5, tier="PREMIUM")
    an_approved_content(day=NOW.date())
    return a_planned_distribution(NOW, content=None)


def made(distribution: Distribution) -> CapacityPlan:
    found = preflight.check(distribution, now=NOW).plan
    assert found is not None
    return found


def test_it_is_read_from_numbers_and_people(planned) -> None:
    found = made(planned)

    assert [(one.tier, one.people) for one in found.tiers] == [("PREMIUM", 5), ("BASIC", 10)]
    assert found.outcome.seconds == pytest.approx(15 / 98.5 + OVERHEAD)
    assert (found.strongest, found.survives) == ("strong", True)
    assert found.without.seconds == pytest.approx(15 / (20 * 0.985) + OVERHEAD)


def test_quality_lowers_the_speed_and_the_day(planned) -> None:
    PhoneNumber.objects.filter(label="strong").update(quality=Quality.LOW)
    assert made(planned).outcome.seconds == pytest.approx(15 / (0.985 * 40) + OVERHEAD)

    PhoneNumber.objects.update(state=NumberState.DISABLED)
    assert made(planned).sentence == "No phone number can send."


def messaged(count: int, *, ago: timedelta, status: str = "ACTIVE") -> None:
    """An earlier distribution to further people."""
    people = some_subscribers(count)
    at = NOW - ago
    earlier = a_planned_distribution(at, content=None)
    Distribution.objects.filter(pk=earlier.pk).update(
        state="COMPLETED", opened_at=at, window_end=at + timedelta(hours=4), recipients=count
    )
    for person in people:
        Delivery.objects.create(
            distribution=earlier,
            subscriber=person,
            phone=person.phone,
            batch_no=0,
            next_at=at,
            state=State.ACCEPTED,
            accepted_at=at,
            number=PhoneNumber.objects.order_by("label")[0],
        )
        type(person).objects.filter(pk=person.pk).update(status=status)


def test_people_messaged_in_the_last_24_hours_count_once(planned) -> None:
    Portfolio.objects.update(recipient_limit=19)
    messaged(4, ago=timedelta(hours=2))  # and are recipients again
    assert made(planned).outcome.verdict == PlanVerdict.MEETS
    assert [one.need for one in made(planned).portfolios] == [19]

    messaged(2, ago=timedelta(hours=2), status="UNSUBSCRIBED")
    assert [(one.need, one.people) for one in made(planned).portfolios] == [(19, 17)]
    (finding,) = preflight.run_checks(planned, now=NOW)
    assert finding.message == (
        "The portfolio can message 19 people in 24 hours, 2 of them others since yesterday, but "
        "the audience has 19. Ask Meta for a higher limit."
    )


def test_a_limit_that_is_lowered_between_plan_and_opening_holds_at_the_opening(planned) -> None:
    assert made(planned).outcome.reached == 15

    Portfolio.objects.update(recipient_limit=10)

    assert opening.open_distribution(planned.pk, now=NOW)
    assert Delivery.objects.filter(distribution=planned, state=State.PENDING).count() == 10
    alert = Alert.objects.get(rule="portfolio_limit", closed_at=None)
    assert "5 people were skipped." in alert.message


def test_yesterdays_recipients_take_no_room_of_two_portfolios(db, settings) -> None:
    settings.BATCH_SIZE = 5
    for name in ("one", "two"):
        portfolio = Portfolio.objects.create(business_id=name, name=name, recipient_limit=40)
        a_number(portfolio=portfolio, label=name)
    yesterday = an_open_distribution(60, now=NOW - timedelta(hours=24, seconds=-5))
    for place, row in enumerate(Delivery.objects.order_by("pk")):
        row.state, row.accepted_at = State.ACCEPTED, NOW - timedelta(hours=23, minutes=59)
        row.number = PhoneNumber.objects.order_by("label")[place % 2]
        row.save()
    Distribution.objects.filter(pk=yesterday.pk).update(state="COMPLETED")

    today = an_open_distribution(now=NOW)

    assert [count for _, count in today.portfolio_plan["shares"]] == [6, 6]
