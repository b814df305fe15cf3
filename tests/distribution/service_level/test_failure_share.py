from __future__ import annotations

from datetime import date, timedelta

import pytest

from distribution.models import State
from distribution.service_level import budget, failure_share
from distribution.service_level.budget import Morning
from distribution.service_level.congestion import Waiting
from distribution.service_level.failure_share import Answers

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(("failed", "total"), [(3, 20), (6, 50), (9, 100), (16, 200), (117, 2_000)])
def test_failures_count_once_they_are_certainly_above_five_per_cent(failed, total):
    assert Answers(total - failed, failed).is_too_high
    assert not Answers(total - failed + 1, failed - 1).is_too_high
    assert not Answers(0, 19).is_too_high  # too few answers


def test_what_lies_with_the_recipient_is_left_out():
    rows = [
        (State.ACCEPTED, "", 90),
        (State.HELD, "", 5),
        (State.FAILED, "undeliverable", 200),
        (State.FAILED, "marketing_capped", 200),
        (State.FAILED, "marketing_opted_out", 10),
        (State.FAILED, "marketing_experiment", 10),
        (State.FAILED, "media_unusable", 4),
        (State.FAILED, "a code that nobody knows", 1),
        (State.SKIPPED, "opted_out", 50),
    ]
    assert failure_share.answers_of(rows) == Answers(accepted=95, failed=5)


def mornings(*shares: float) -> list[Morning]:
    """The last of them today."""
    return [
        Morning(TODAY - timedelta(days=len(shares) - 1 - no), share)
        for no, share in enumerate(shares)
    ]


def test_a_morning_at_97_per_cent_spends_a_tenth_of_the_budget():
    found = budget.reckon(mornings(0.5, *[1.0] * 7, 0.97), target=0.99, today=TODAY)
    assert found is not None
    assert found.latest == pytest.approx(0.03 / 0.28)
    assert found.week == found.latest
    assert found.spent == pytest.approx((0.5 + 0.03) / 0.28)
    assert found.remaining == pytest.approx(1 - found.spent)


def test_mornings_older_than_28_days_and_those_to_come_do_not_count():
    old, new = Morning(TODAY - timedelta(days=28), 0.0), Morning(TODAY + timedelta(days=1), 0.0)
    assert budget.reckon([old, new], target=0.99, today=TODAY) is None
    first = Morning(TODAY - timedelta(days=27), 0.93)
    found = budget.reckon([old, first, new], target=0.99, today=TODAY)
    assert found is not None
    assert found.latest == pytest.approx(0.25)


def test_without_any_allowance_a_miss_spends_everything():
    for share, spent in ((1.0, 0.0), (0.999, 1.0)):
        found = budget.reckon(mornings(share), target=1.0, today=TODAY)
        assert found is not None
        assert found.spent == spent


@pytest.mark.parametrize(
    ("waiting", "congested"),
    [
        (Waiting(1_001, 11, 1.0, 160), True),
        (Waiting(1_000, 11, 1.0, 160), False),
        (Waiting(1_001, 10, 1.0, 160), False),
        (Waiting(1_001, 11, 20.0, 160), False),  # done within a minute
        (Waiting(20_000, 11, 155.0, 160), False),  # the pool sends as fast as it can
        (Waiting(20_000, 11, 70.0, 160), True),
        (Waiting(5_000, 11, 0.0, 0.0), False),  # no number can send: another alert
    ],
)
def test_people_who_wait_are_congestion_only_if_the_pool_could_be_faster(waiting, congested):
    assert waiting.is_congested is congested
