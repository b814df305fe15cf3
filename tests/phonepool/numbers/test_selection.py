from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count, pairwise

import pytest
from django.conf import settings

from phonepool.models import PhoneNumber, Quality
from phonepool.numbers import pool
from phonepool.numbers.selection import rank
from tests import builders

NOW = datetime(2026, 11, 23, 0, 30, tzinfo=UTC)
START = NOW.timestamp()
TODAY, YESTERDAY = date(2026, 11, 23), date(2026, 11, 22)


@pytest.fixture
def serial() -> Iterator[int]:
    return count(1)


@pytest.fixture
def a_number(serial):
    """A number that no database knows."""

    def build(**fields):
        pk = next(serial)
        return PhoneNumber(**{"pk": pk, "label": f"n{pk}", "rate_per_second": 80, **fields})

    return build


def labels(*numbers: PhoneNumber, messages: int = 25) -> list[str]:
    return [number.label for number in rank(numbers, messages, now=NOW)]


def test_the_number_that_finishes_first_goes_first(a_number):
    busy, idle = a_number(next_slot=START + 2), a_number(next_slot=START - 60)

    assert labels(busy, idle) == ["n2", "n1"]


def test_a_fast_number_with_a_queue_beats_a_slow_idle_one_for_many_messages(a_number):
    fast = a_number(rate_per_second=1000, next_slot=START + 0.5)
    slow = a_number(rate_per_second=20)

    assert labels(fast, slow, messages=1) == ["n2", "n1"]
    assert labels(fast, slow, messages=50) == ["n1", "n2"]


def test_a_number_that_was_cut_goes_later_until_it_has_recovered(a_number):
    cut, whole = a_number(cut_rate=40.0, cut_at=START), a_number()
    assert labels(cut, whole) == ["n2", "n1"]

    cut.cut_at = START - 10
    assert labels(cut, whole) == ["n1", "n2"]


def test_low_quality_finishes_later(a_number):
    assert labels(a_number(quality=Quality.LOW), a_number()) == ["n2", "n1"]


def test_a_flagged_number_is_not_offered(a_number):
    assert labels(a_number(quality=Quality.FLAGGED)) == []


def test_a_tie_goes_to_the_better_quality(a_number):
    slow = {"rate_per_second": 20}
    medium = a_number(quality=Quality.MEDIUM, **slow)
    unknown = a_number(quality=Quality.UNKNOWN, **slow)
    high = a_number(quality=Quality.HIGH, **slow)

    assert labels(medium, unknown, high) == ["n3", "n2", "n1"]


def test_a_tie_goes_to_whoever_sent_least_today(a_number):
    more, less = a_number(day=TODAY, day_count=50), a_number(day=TODAY, day_count=25)

    assert labels(more, less) == ["n2", "n1"]


def test_what_was_sent_yesterday_does_not_count(a_number):
    today, yesterday = a_number(day=TODAY, day_count=25), a_number(day=YESTERDAY, day_count=900)

    assert labels(today, yesterday) == ["n2", "n1"]


def test_crumbs_of_time_do_not_break_a_tie(a_number):
    ahead = a_number(next_slot=START + 0.001, day=TODAY, day_count=0)
    behind = a_number(day=TODAY, day_count=25)

    assert labels(behind, ahead) == ["n1", "n2"]


@pytest.mark.django_db
@pytest.mark.parametrize("share", [1, 5, 25, 50])
def test_a_reduced_number_sends_at_just_its_part_of_the_speed_beside_a_busy_one(share):
    reduced, _whole = builders.a_number(ramp=share, ramp_cause="QUALITY"), builders.a_number()
    slots: list[float] = []
    for tick in range(200):  # ten seconds, in which a batch asks every 50 ms
        taken = pool.reserve(50, now=NOW + timedelta(milliseconds=50 * tick))
        if taken is not None and taken.number_id == reduced.pk:
            assert taken.first - (START + tick / 20) <= 0.25 + 1e-6  # no batch waits longer for it
            slots += [taken.slot(place) for place in range(taken.count)]

    per_second = 80 * settings.SLOT_UTILISATION * share / 100
    spacings = [after - before for before, after in pairwise(slots)]
    assert min(spacings) >= 1 / per_second - 1e-5
    # One more than the time between them: the first is sent at once.
    assert len(slots) == pytest.approx(1 + 10 * per_second, rel=0.1, abs=1)
