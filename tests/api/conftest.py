from __future__ import annotations

from collections.abc import Iterator

import pytest

from distribution import breakdown
from distribution.api import templates, throttling
from tests.serving import serve

__all__ = ["serve"]


@pytest.fixture(autouse=True)
def nobody_asked_yet() -> Iterator[None]:
    throttling.forget()
    templates.pages.forget()
    breakdown.sums.forget()  # each test begins with the same keys
    yield
    throttling.forget()
