from __future__ import annotations

from distribution.runtime.stamped_cache import Kept


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(kept: Kept[str], key: str, stamp: int, answer: str) -> str:
    return kept.answer(key, stamp=stamp, make=lambda: answer)


def test_the_same_question_of_the_same_stamp_is_answered_from_memory():
    kept: Kept[str] = Kept(seconds=10)

    assert [ask(kept, "a", 1, word) for word in ("one", "two")] == ["one", "one"]


def test_another_stamp_makes_another_answer_at_once():
    kept: Kept[str] = Kept(seconds=10)

    assert [ask(kept, "a", stamp, str(stamp)) for stamp in (1, 2, 1)] == ["1", "2", "1"]


def test_an_answer_does_not_outlive_its_time():
    clock = Clock()
    kept: Kept[str] = Kept(seconds=10, clock=clock)
    ask(kept, "a", 1, "old")
    clock.now = 9.9
    assert ask(kept, "a", 1, "new") == "old"
    clock.now = 10.0
    assert ask(kept, "a", 1, "new") == "new"


def test_memory_has_an_end_and_what_was_asked_for_lately_stays():
    kept: Kept[str] = Kept(seconds=10, most=2)
    for key in ("a", "b", "a", "c"):
        ask(kept, key, 1, key)

    assert [ask(kept, key, 1, "anew") for key in ("a", "c", "b")] == ["a", "c", "anew"]
