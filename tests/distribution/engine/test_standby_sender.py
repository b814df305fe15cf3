from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from distribution.engine.standby_sender import StandbySender
from distribution.sending.settling import BatchResult


class Sender:
    """Remembers what it was asked to send; waits until it is let go."""

    def __init__(
        self, *, free: bool = True, answer: Callable[[], BatchResult] = BatchResult
    ) -> None:
        self.sent: list[tuple[int, int]] = []
        self.at_once = self.most_at_once = 0
        self.let_go, self._lock, self._answer = threading.Event(), threading.Lock(), answer
        if free:
            self.let_go.set()

    def __call__(self, distribution_id: int, batch_no: int) -> BatchResult:
        with self._lock:
            self.sent.append((distribution_id, batch_no))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        assert self.let_go.wait(30)
        with self._lock:
            self.at_once -= 1
        return self._answer()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def accepted() -> BatchResult:
    sent = BatchResult()
    sent.states["ACCEPTED"] = 50
    return sent


def no_room() -> BatchResult:
    return BatchResult(retry_after=2.0)


@pytest.fixture
def on_its_own(monkeypatch):
    """These tests need no database, and their threads must not look for one."""
    monkeypatch.setattr("distribution.engine.standby_sender.close_old_connections", lambda: None)


pytestmark = pytest.mark.usefixtures("on_its_own")


def test_everything_is_sent_once_by_so_many_threads():
    send = Sender(free=False, answer=accepted)
    sender = StandbySender(send, threads=3)

    assert sender.submit((1, number) for number in range(10)) == 10
    wait_until(lambda: send.at_once == 3)
    assert sender.submit((1, number) for number in range(12)) == 2
    send.let_go.set()
    wait_until(lambda: not sender.busy)

    assert sorted(send.sent) == [(1, number) for number in range(12)]
    assert send.most_at_once == 3


def test_what_was_sent_may_be_asked_for_again():
    send = Sender(answer=accepted)
    sender = StandbySender(send, threads=2)
    for _ in range(3):
        assert sender.submit([(1, 0)]) == 1
        wait_until(lambda: not sender.busy)
    assert send.sent == [(1, 0)] * 3


def test_a_batch_that_breaks_keeps_nobody_from_being_sent(caplog):
    def broken() -> BatchResult:
        raise RuntimeError("no")

    send = Sender(answer=broken)
    sender = StandbySender(send, threads=1)
    sender.submit([(1, 0), (1, 1)])
    wait_until(lambda: not sender.busy)

    assert send.sent == [(1, 0), (1, 1)]
    assert "batch 0 of distribution 1 broke off" in caplog.text


def test_when_no_number_has_room_the_others_are_not_asked_in_vain():
    send = Sender(answer=no_room)
    sender = StandbySender(send, threads=1)
    sender.submit((1, number) for number in range(50))
    wait_until(lambda: not sender.busy)

    assert send.sent == [(1, 0)]


def test_after_its_end_nothing_is_begun():
    send = Sender(free=False, answer=accepted)
    sender = StandbySender(send, threads=1)
    sender.submit([(1, 0), (1, 1)])
    wait_until(lambda: send.at_once == 1)

    sender.close(seconds=0.05)  # the first is still under way
    assert sender.submit([(1, 2)]) == 0
    send.let_go.set()
    wait_until(lambda: not sender.busy)
    assert send.sent == [(1, 0)]
