"""Answers that batches did not wait for, recorded by one thread; also in test_batch_troubles.py."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from distribution.sending import late_answers

Collect = Callable[[late_answers.LateBatch], None]
WAIT = 60.0  # seconds, before a test fails


class Batch:
    """Its answers come at the given look; `breaks` at that one."""

    def __init__(self, looks: int, *, breaks: bool = False) -> None:
        self.left, self.breaks, self.ended = looks, breaks, threading.Event()
        self.threads: set[int] = set()
        self.timeouts: list[float] = []

    def collect_late(self, timeout: float) -> bool:
        self.threads.add(threading.get_ident())
        self.timeouts.append(timeout)
        self.left -= 1
        if self.breaks:
            raise OSError("the answers cannot be read")
        return self.left > 0

    def end_late(self) -> None:
        self.ended.set()


class Held(Batch):
    """Keeps the thread until the test has added the others, and its answers come last."""

    def __init__(self, until: threading.Event) -> None:
        super().__init__(4)
        self.until = until

    def collect_late(self, timeout: float) -> bool:
        assert self.until.wait(WAIT)
        return super().collect_late(timeout)


@pytest.fixture
def collect(monkeypatch: pytest.MonkeyPatch) -> Collect:
    collector = late_answers._Collector()
    monkeypatch.setattr(late_answers, "close_old_connections", lambda: None)
    monkeypatch.setattr(late_answers, "LOOK_SECONDS", 0.0)
    return collector.add


def test_one_thread_records_the_answers_of_all_batches_and_none_waits_for_another(
    collect: Collect,
) -> None:
    added = threading.Event()
    first, broken, short = Held(added), Batch(1, breaks=True), Batch(2)
    for batch in (first, broken, short):
        collect(batch)
    added.set()

    assert all(batch.ended.wait(WAIT) for batch in (first, broken, short))
    assert len(first.threads | broken.threads | short.threads) == 1
    assert [len(batch.timeouts) for batch in (first, broken, short)] == [4, 1, 2]


def test_a_batch_that_comes_later_is_recorded_too(collect: Collect) -> None:
    one, two = Batch(1), Batch(3)
    collect(one)
    assert one.ended.wait(WAIT)
    collect(two)  # the thread has ended, or is about to
    assert two.ended.wait(WAIT)
    assert two.left == 0
