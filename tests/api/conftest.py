from __future__ import annotations

from collections.abc import Iterator

import pytest

from distribution.api import throttling


@pytest.fixture(autouse=True)
def nobody_asked_yet() -> Iterator[None]:
    throttling.forget()
    yield
    throttling.forget()
