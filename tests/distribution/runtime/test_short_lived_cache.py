from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread

import pytest

from distribution.runtime import short_lived_cache
from distribution.runtime.short_lived_cache import Shared


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(short_lived_cache, "monotonic", lambda: now[0])
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
    one: Shared[str] = Shared(fresh=fresh)
    make = costing(clock, cost, made)
    assert one.get("board", make) == "made at 100.0"
    clock[0] = 100.0 + kept - 0.01
    assert one.get("board", make) == "made at 100.0"
    clock[0] = 100.0 + kept + 0.01
    assert one.get("board", make) != "made at 100.0"
    assert len(made) == 2


def test_each_name_has_its_own_until_they_are_forgotten(clock: list[float]) -> None:
    made: list[float] = []
    both: Shared[str] = Shared(fresh=1.0)
    for name in ("one", "other", "one", "other"):
        both.get(name, costing(clock, 0.01, made))
    assert len(made) == 2
    both.forget()
    both.get("one", costing(clock, 0.01, made))
    assert len(made) == 3


def test_a_reckoning_that_fails_is_made_again_for_the_next() -> None:
    one: Shared[str] = Shared(fresh=1.0)
    with pytest.raises(ZeroDivisionError):
        one.get("board", lambda: str(1 / 0))
    assert one.get("board", lambda: "well") == "well"


def test_who_asks_at_the_same_time_waits_for_one_reckoning() -> None:
    one: Shared[int] = Shared(fresh=1.5)
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
    many: Shared[str] = Shared(fresh=1.0)
    for name in range(short_lived_cache.MOST + 1):
        many.get(name, costing(clock, 0.0, []))
    made: list[float] = []
    many.get(short_lived_cache.MOST, costing(clock, 0.0, made))
    assert made == []
    many.get(0, costing(clock, 0.0, made))
    assert made == [100.0]
