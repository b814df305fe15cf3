from __future__ import annotations

from collections.abc import Iterator

import pytest

from distribution.access import rate_limits
from distribution.analytics import breakdown
from distribution.api.resources import templates
from tests.serving import serve

__all__ = ["serve"]


@pytest.fixture(autouse=True)
def fresh_counters_and_caches() -> Iterator[None]:
    rate_limits.reset()
    templates.pages.clear()
    breakdown.sums.clear()  # tests use the same keys
    yield
    rate_limits.reset()
