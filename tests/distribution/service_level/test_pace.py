"""Rules R1 to R3 on simulated mornings, second by second."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distribution.service_level import pace
from distribution.service_level.pace import Finding, Pace

WINDOW = 300
POOL = 160  # messages per second


def a_pace(accepted: list[int], *, people: int, left: int, capacity: float = POOL) -> Pace:
    """After `accepted`, the messages of each second since the beginning."""
    missing = people * 99 // 100 - sum(accepted)
    recent = ([0] * pace.HISTORY + accepted)[-pace.HISTORY :]
    return Pace(len(accepted), left, missing, capacity, recent, slow_answer=0.5)


def find(speeds: list[float], *, people: int, capacity: float = POOL) -> list[Finding | None]:
    """What is found after each second of a morning with these speeds, judged every second."""
    accepted: list[int] = []
    found = []
    for second, speed in enumerate(speeds, 1):
        accepted.append(min(round(speed), people - sum(accepted)))
        found.append(
            pace.judge(a_pace(accepted, people=people, left=WINDOW - second, capacity=capacity))
        )
    return found


def first(found: list[Finding | None]) -> int:
    """The second of the first finding."""
    return next(second for second, finding in enumerate(found, 1) if finding)


@pytest.mark.parametrize(("people", "by"), [(2_000, 27), (20_000, 21)])
def test_a_complete_stop_at_ten_seconds_is_found(people, by):
    assert first(find([POOL] * 10 + [0] * 60, people=people)) <= by


def test_a_crawl_is_found_although_the_pool_could_send_everything():
    assert first(find([POOL] * 5 + [3] * 60, people=2_000)) <= 21


def test_a_pool_without_slack_that_slows_down_is_found():
    found = find([POOL] * 30 + [POOL * 0.2] * 60, people=20_000)

    assert 30 < first(found) <= 46
    assert Finding.SLOW in found


def test_more_people_than_the_pool_can_reach_is_found_at_once():
    assert find([POOL] * 5, people=60_000)[0] == Finding.CAPACITY


@pytest.mark.parametrize("people", [150, 2_000, 20_000])
def test_mornings_that_go_well_are_left_alone(people):
    for seed in range(50):
        noise = random.Random(seed)
        speeds = [POOL * noise.uniform(0.75, 1.25) for _ in range(WINDOW - 1)]
        assert not any(find(speeds, people=people)), seed


def test_it_ends_ten_seconds_after_the_pace_is_right_again():
    found = find([POOL] * 10 + [0] * 30 + [POOL] * 40, people=20_000)

    assert found[39] == Finding.STALLED
    assert found[40 + 1 + pace.CLEAR_AFTER + pace.SHORT :] == [None] * (
        40 - 1 - pace.CLEAR_AFTER - pace.SHORT
    )


def test_nothing_is_judged_before_ten_seconds_but_what_the_pool_can_do():
    assert not any(find([0] * 9, people=2_000))
    assert find([0] * 10, people=2_000)[-1] == Finding.STALLED


def test_slow_answers_are_waited_for():
    quiet = a_pace([POOL] * 10 + [0] * 9, people=20_000, left=281)

    assert pace.judge(quiet) == Finding.STALLED
    slow = Pace(19, 281, 100, POOL, quiet.per_second, slow_answer=5)  # nothing is needed yet
    assert pace.judge(slow) is None


@given(
    st.lists(st.integers(0, 500), min_size=pace.HISTORY, max_size=pace.HISTORY),
    st.floats(-5, 400),
    st.floats(-5, 400),
    st.integers(-10, 100_000),
)
def test_a_faster_morning_is_never_worse(per_second, sending, left, owed):
    def finds(counts: list[int]) -> bool:
        return pace.judge(Pace(sending, left, owed, POOL, counts, 0.5)) is not None

    faster = [count * 2 + 1 for count in per_second]
    assert not finds(faster) or finds(per_second)


@pytest.mark.parametrize("owed", [0, -1])
def test_what_has_met_its_target_or_waits_for_a_later_time_is_not_judged(owed):
    assert pace.judge(Pace(100, 200, owed, POOL, [0] * pace.HISTORY, 0.5)) is None
