from __future__ import annotations

import random

from config.demo.journal_verdict import Acceptance, compare, peak

ONE, TWO = "106540352240001", "106540352240002"


def accepted(to: str, number: str = ONE, at: float = 0.0) -> Acceptance:
    return Acceptance(to, number, 1000.0 + at, 900.0 + at)


def test_a_journal_is_compared_person_by_person():
    """Read once, and only once: it may be longer than fits into memory."""
    journal = iter(
        [
            accepted("919800000003", at=3.0),
            accepted("919800000001", TWO, at=2.0),
            accepted("919800000003", TWO, at=1.0),
            accepted("919800000003", at=0.5),
            accepted("919899999999", at=4.0),
            accepted("IN.12345678901234567890", at=0.0),
            accepted("IN.12345678901234567890", at=5.0),
            accepted("0919800000002", at=6.0),  # is nobody's number
        ]
    )
    expected = iter([f"91980000000{n}" for n in (5, 4, 3, 2, 1)])
    excused = iter(["919800000004", "919800000001"])

    verdict = compare(journal, expected, excused)

    assert (verdict.accepted, verdict.missed) == (5, 2)  # nothing for …02 and …05
    assert (verdict.duplicates, verdict.unexpected) == (3, 3)
    assert (verdict.first, verdict.last) == (1000.0, 1006.0)
    assert {number: list(moments) for number, moments in verdict.by_number.items()} == {
        ONE: [1000.0, 1000.5, 1003.0, 1004.0, 1005.0, 1006.0],
        TWO: [1001.0, 1002.0],
    }
    assert verdict.peaks == {ONE: 2, TWO: 1}
    empty = compare([], [], [])
    assert (empty.accepted, empty.missed, empty.first, empty.peaks) == (0, 0, 0.0, {})


def test_it_counts_as_sets_would():
    rng = random.Random(5)
    for _ in range(50):
        sent, expected, excused = (
            [str(9198 * 10**8 + rng.randrange(30)) for _ in range(rng.randrange(40))]
            for _ in range(3)
        )
        verdict = compare(map(accepted, sent), expected, excused)
        assert verdict.accepted == len({*sent})
        assert verdict.missed == len({*expected} - {*sent} - {*excused})
        assert verdict.unexpected == len({*sent} - {*expected})
        assert verdict.duplicates == len(sent) - len({*sent})


def test_the_most_in_one_second_are_found_wherever_they_are():
    rng = random.Random(5)
    moments = [round(rng.uniform(0, 9), 2) for _ in range(200)]
    expected = max(sum(start <= one < start + 1.0 for one in moments) for start in moments)
    assert peak(moments) == expected > 20
    assert peak([]) == 0
