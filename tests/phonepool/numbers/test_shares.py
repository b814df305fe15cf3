"""How portfolios with limits share the batches of a day, as numbers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonepool.numbers import shares

SPEEDS = {1: 80.0, 2: 80.0, 3: 20.0}


@pytest.mark.parametrize(
    ("lefts", "batches", "expected"),
    [
        pytest.param({1: 250, 2: 2_000}, 40, {1: 5, 2: 35}, id="the small one is full"),
        pytest.param({1: 2_000, 2: 2_000}, 40, {1: 20, 2: 20}, id="as fast as each other"),
        pytest.param({1: None, 3: 250}, 50, {1: 45, 3: 5}, id="one without a limit"),
        pytest.param({1: 49, 2: 2_000}, 4, {2: 4}, id="less than a batch is left of one"),
        pytest.param({1: 0, 2: 0}, 4, {1: 4}, id="nothing is left: others are left out before"),
        pytest.param({1: 5_000, 3: 5_000}, 50, {1: 40, 3: 10}, id="by speed"),
        pytest.param({1: 100, 2: 100, 3: 10_000}, 100, {1: 2, 2: 2, 3: 96}, id="two are full"),
    ],
)
def test_each_portfolio_carries_what_it_has_room_for(lefts, batches, expected):
    assert dict(shares.divide(lefts, SPEEDS, batches, 50)) == expected


@given(
    st.dictionaries(st.integers(1, 5), st.none() | st.integers(0, 5_000), min_size=1, max_size=5),
    st.integers(1, 120),
)
def test_every_batch_has_a_portfolio_and_none_but_the_roomiest_is_overfull(lefts, batches):
    given_shares = shares.divide(lefts, dict.fromkeys(lefts, 10.0), batches, 50)
    assert sum(count for _, count in given_shares) == batches
    order = [shares.portfolio_of(given_shares, place) for place in range(batches)]
    assert {pk: order.count(pk) for pk in set(order)} == dict(given_shares)
    over = [
        pk for pk, count in given_shares if (room := lefts[pk]) is not None and count * 50 > room
    ]
    most = max(lefts.values(), key=lambda left: (left is None, left or 0))
    assert all(lefts[pk] == most for pk in over)
    total = shares.room(lefts, 50)
    if total is not None and batches * 50 <= total:
        assert over == []


def test_both_send_from_the_beginning():
    plan = [(1, 5), (2, 35)]
    order = [shares.portfolio_of(plan, place) for place in range(40)]
    assert [place for place, pk in enumerate(order) if pk == 1] == [3, 11, 19, 27, 35]
    assert shares.portfolio_of(plan, 40) is None


@pytest.mark.parametrize(
    ("lefts", "people"),
    [
        ({1: 250, 2: 2_000}, 2_250),
        ({1: 249, 2: 2_000}, 2_200),
        ({1: 249, 2: 299}, 499),
        ({1: None, 2: 250}, None),
        ({}, None),
    ],
)
def test_how_many_people_they_have_room_for(lefts, people):
    assert shares.room(lefts, 50) == people
