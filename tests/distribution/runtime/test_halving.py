from __future__ import annotations

import pytest
from django.db import DataError, InterfaceError, connection
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from distribution.runtime import halving
from distribution.runtime.halving import apply_in_halves

pytestmark = pytest.mark.django_db


class Step:
    """All or nothing: fails with any of `bad`, and with more than `limit` items."""

    def __init__(self, bad: set[int], limit: int = 10**9) -> None:
        self.bad, self.limit, self.tried = bad, limit, 0

    def __call__(self, items: list[int]) -> list[int]:
        self.tried += 1
        if len(items) > self.limit or self.bad & set(items):
            raise DataError("refused")
        return list(items)


@hypothesis_settings(deadline=None)
@given(
    st.integers(0, 200),
    st.sets(st.integers(0, 199), max_size=halving.FAILURES_LIMIT - 1),
    st.integers(1, 200),
)
def test_everything_but_the_bad_ones_is_done_once_and_in_order(count, bad, limit):
    items = list(range(count))

    result = apply_in_halves(items, Step(bad, limit))

    assert [item for part in result.done for item in part] == [i for i in items if i not in bad]
    assert [item for item, _ in result.failed] == sorted(bad & set(items))
    assert result.left == []


def test_one_bad_item_in_a_thousand_costs_twice_the_logarithm():
    step = Step({617})

    apply_in_halves(list(range(1000)), step)

    assert step.tried <= 2 * 10 + 1


def test_when_all_fail_the_rest_is_left_for_the_next_round():
    items = list(range(1000))

    result = apply_in_halves(items, Step(set(items)))

    assert len(result.failed) == halving.FAILURES_LIMIT
    assert sorted([item for item, _ in result.failed] + result.left) == items
    assert result.done == []


def test_a_database_that_is_away_is_no_reason_to_try_halves(monkeypatch):
    step = Step({1})
    monkeypatch.setattr(connection, "is_usable", lambda: False)

    with pytest.raises(DataError):
        apply_in_halves([1, 2, 3], step)

    assert step.tried == 1


def test_a_lost_connection_is_raised_at_once():
    def lost(items):
        raise InterfaceError("the connection is closed")

    with pytest.raises(InterfaceError):
        apply_in_halves([1, 2, 3], lost)


def test_nothing_to_do_is_not_tried():
    step = Step(set())

    assert apply_in_halves([], step).done == []
    assert step.tried == 0
