"""A batch that is ready to go, and the API that it goes to."""

from __future__ import annotations

import pytest

from distribution.models import Distribution
from tests.builders import a_number, an_open_distribution
from tests.fakes import FakeCloudApi


@pytest.fixture
def api() -> FakeCloudApi:
    return FakeCloudApi()


@pytest.fixture
def distribution(db) -> Distribution:
    """Fifty people, one batch, a number so fast that nobody waits for slots."""
    a_number(rate_per_second=1000)
    return an_open_distribution(50)
