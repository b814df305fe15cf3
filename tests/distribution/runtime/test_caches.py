from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import pytest

from distribution.runtime import caches
from distribution.runtime.caches import ShortLivedCache, StampedCache

# --- StampedCache -----------------------------------------------------------------------------


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(cache: StampedCache[str], key: str, stamp: int, answer: str) -> str:
    return cache.get(key, stamp=stamp, make=lambda: answer)


def test_the_same_question_of_the_same_stamp_is_answered_from_memory():
    cache: StampedCache[str] = StampedCache(seconds=10)

    assert [ask(cache, "a", 1, word) for word in ("one", "two")] == ["one", "one"]


def test_another_stamp_makes_another_answer_at_once():
    cache: StampedCache[str] = StampedCache(seconds=10)

    assert [ask(cache, "a", stamp, str(stamp)) for stamp in (1, 2, 1)] == ["1", "2", "1"]


def test_an_answer_does_not_outlive_its_time():
    clock = Clock()
    cache: StampedCache[str] = StampedCache(seconds=10, clock=clock)
    ask(cache, "a", 1, "old")
    clock.now = 9.9
    assert ask(cache, "a", 1, "new") == "old"
    clock.now = 10.0
    assert ask(cache, "a", 1, "new") == "new"


def test_memory_has_an_end_and_what_was_asked_for_lately_stays():
    cache: StampedCache[str] = StampedCache(seconds=10, limit=2)
    for key in ("a", "b", "a", "c"):
        ask(cache, key, 1, key)

    assert [ask(cache, key, 1, "anew") for key in ("a", "c", "b")] == ["a", "c", "anew"]


# --- ShortLivedCache --------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(caches, "monotonic", lambda: now[0])
    return now


def costing(clock: list[float], seconds: float, made: list[float]) -> Callable[[], str]:
    def make() -> str:
        made.append(clock[0])
        clock[0] += seconds
        return f"made at {made[-1]}"

    return make


@pytest.mark.parametrize(
    ("fresh", "cost", "kept"),
    [
        pytest.param(0.0, 0.01, 0.2, id="twenty times what it took"),
        pytest.param(0.9, 0.01, 0.9, id="at least so long"),
        pytest.param(0.9, 1.0, 1.8, id="never older than two seconds"),
    ],
)
def test_how_long_a_reckoning_is_shared(
    clock: list[float], fresh: float, cost: float, kept: float
) -> None:
    made: list[float] = []
    one: ShortLivedCache[str] = ShortLivedCache(min_seconds=fresh)
    make = costing(clock, cost, made)
    assert one.get("board", make) == "made at 100.0"
    clock[0] = 100.0 + kept - 0.01
    assert one.get("board", make) == "made at 100.0"
    clock[0] = 100.0 + kept + 0.01
    assert one.get("board", make) != "made at 100.0"
    assert len(made) == 2


def test_each_name_has_its_own_until_they_are_forgotten(clock: list[float]) -> None:
    made: list[float] = []
    both: ShortLivedCache[str] = ShortLivedCache(min_seconds=1.0)
    for name in ("one", "other", "one", "other"):
        both.get(name, costing(clock, 0.01, made))
    assert len(made) == 2
    both.clear()
    both.get("one", costing(clock, 0.01, made))
    assert len(made) == 3


def test_a_reckoning_that_fails_is_made_again_for_the_next() -> None:
    one: ShortLivedCache[str] = ShortLivedCache(min_seconds=1.0)
    with pytest.raises(ZeroDivisionError):
        one.get("board", lambda: str(1 / 0))
    assert one.get("board", lambda: "well") == "well"


def test_who_asks_at_the_same_time_waits_for_one_reckoning() -> None:
    one: ShortLivedCache[int] = ShortLivedCache(min_seconds=1.5)
    start, made, seen = Barrier(8), [], []

    def ask() -> None:
        start.wait()
        seen.append(one.get("board", lambda: made.append(1) or len(made)))  # type: ignore[func-returns-value]

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (seen, len(made)) == ([1] * 8, 1)


def test_memory_has_an_end(clock: list[float]) -> None:
    many: ShortLivedCache[str] = ShortLivedCache(min_seconds=1.0)
    for name in range(caches.ENTRY_LIMIT + 1):
        many.get(name, costing(clock, 0.0, []))
    made: list[float] = []
    many.get(caches.ENTRY_LIMIT, costing(clock, 0.0, made))
    assert made == []
    many.get(0, costing(clock, 0.0, made))
    assert made == [100.0]
