"""A server that events are posted to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.distribution.receivers import Receiver, a_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as receiver:
        yield receiver
