from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest

from config.beat import stop_signals_blocked


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """The signals that reached this process, in order."""
    numbers: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        numbers.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_request_to_end_waits_for_the_rounds_end(heard: list[int], number: int) -> None:
    with stop_signals_blocked():
        signal.raise_signal(number)  # to this thread: earlier tests leave others about
        with stop_signals_blocked():  # a round that writes the table within
            pass
        assert heard == []

    assert heard == [number]


def test_the_request_is_heard_although_the_round_failed(heard: list[int]) -> None:
    def fail() -> None:
        with stop_signals_blocked():
            signal.raise_signal(signal.SIGTERM)
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert heard == [signal.SIGTERM]
