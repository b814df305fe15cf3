from __future__ import annotations

import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from django_celery_beat.schedulers import DatabaseScheduler

from config.beat import Scheduler, stop_signals_blocked


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


def test_a_changed_timetable_is_looked_for_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, asked = [100.0], list[float]()

    def is_changed(_: object) -> bool:
        asked.append(clock[0])
        return True

    monkeypatch.setattr(DatabaseScheduler, "schedule_changed", is_changed)
    monkeypatch.setattr("config.beat.time.monotonic", lambda: clock[0])
    scheduler = object.__new__(Scheduler)
    seen = []
    for seconds in (0.0, 0.05, 0.9, 1.0, 1.5, 2.5):
        clock[0] = 100.0 + seconds
        seen.append(scheduler.schedule_changed())

    assert seen == [True, False, False, True, False, True]
    assert asked == [100.0, 101.0, 102.5]
