"""Everything at once, by chance: what strikes is drawn from the seed and told in the output."""

from __future__ import annotations

import sys

import pytest

from tests.faults import soak
from tests.faults.nemesis import schedule

PEOPLE = 400


def test_a_seed_is_one_schedule():
    assert schedule(7, 40) == schedule(7, 40)
    assert schedule(7, 40) != schedule(8, 40)
    assert {strike.what for strike in schedule(7, 400)} == {"kill", "freeze", "crash"}


@pytest.mark.timeout(480)
def test_a_hostile_morning_misses_nobody_and_doubles_nobody(server, seed):
    result = soak.run(server, seed, people=PEOPLE, seconds=16.0)
    sys.stderr.write(f"{soak.HEAD}\n{result.line()}\n")

    assert result.sentences == []
    assert (result.missed, result.doubled) == (0, 0)
    assert result.healing < 60


@pytest.mark.timeout(480)
def test_the_harness_sees_who_is_written_to_twice(server, seed):
    result = soak.run(server, seed, people=PEOPLE, seconds=8.0, mutant="retry-on-timeout")

    assert result.doubled > 0
