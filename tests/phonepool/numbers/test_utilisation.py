from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonepool.numbers import utilisation


@pytest.mark.parametrize(("limit", "slots"), [(80, 78.8), (500, 492.5), (1000, 970.225)])
def test_a_fast_number_keeps_twice_the_distance_from_its_limit(limit, slots):
    assert utilisation.slots_per_second(limit) == pytest.approx(slots)


@given(st.floats(0.01, 1000.0), st.floats(0.1, 1.0))
def test_slots_never_exceed_the_limit_nor_end(limit, used):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilisation.settings, "SLOT_UTILISATION", used)
        assert 0 < utilisation.slots_per_second(limit) <= limit


@pytest.mark.parametrize("limit", [0.8, 20, 80, 400, 1000])
def test_the_limit_follows_from_the_slots(limit):
    assert utilisation.limit_of(utilisation.slots_per_second(limit)) == pytest.approx(limit)
