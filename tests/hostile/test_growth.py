"""No text from outside takes more than linear time: parsers, patterns, normal forms.

Times are the CPU's, the least of five, and count only where they are far from linear, so other work
on the machine changes no result. `tests/load/growth_bench.py` measures the exponents.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest

from subscribers.text_cleaning import clean_line, normalized
from tests.load import parsers, patterns
from tests.load.cpu_time import cpu_seconds, exponent

pytestmark = pytest.mark.any_database
LINEAR = 1.5  # of short texts; the benchmark allows 1.2 of long ones
PATTERN_CHARACTERS, PATTERN_SECONDS = 20_000, 0.01
PARSER_CHARACTERS, PARSER_SECONDS = 3_000, 0.01
USES, COMPUTED = patterns.uses()


def grows_faster(read: Callable[[str], object], small: str, large: str, usual: float) -> bool:
    """Whether a text takes longer than usual, and disproportionately longer than a tenth of it."""
    took = cpu_seconds(lambda: read(large), enough=usual)
    return took > usual and exponent(cpu_seconds(lambda: read(small)), took) > LINEAR


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.file}:{use.line}-{use.method}")
def test_every_pattern_of_the_sources_takes_linear_time(use: patterns.Use) -> None:
    pairs = zip(
        patterns.texts(use, PATTERN_CHARACTERS // 10),
        patterns.texts(use, PATTERN_CHARACTERS),
        strict=True,
    )
    slow = [
        large[:40]
        for small, large in pairs
        if grows_faster(use.apply, small, large, PATTERN_SECONDS)
    ]
    assert slow == []


def test_patterns_that_are_put_together_while_running_are_known() -> None:
    assert set(patterns.COMPUTED) == COMPUTED
    assert len(USES) > 60


@pytest.mark.parametrize("name", parsers.PARSERS)
def test_every_parser_takes_linear_time(name: str) -> None:
    def read(text: str) -> None:
        parsers.read(parsers.PARSERS[name], text)

    pairs = zip(
        parsers.texts(PARSER_CHARACTERS // 10), parsers.texts(PARSER_CHARACTERS), strict=True
    )
    slow = [
        large[:40] for small, large in pairs if grows_faster(read, small, large, PARSER_SECONDS)
    ]
    assert slow == []


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0323\u0301", "\u0301" * 99 + "\u0323"])
def test_marks_without_end_above_a_letter_are_cut(marks: str) -> None:
    line = clean_line("a" + marks * (400 // len(marks)) + "b")
    assert line[-1] == "b"
    assert len(line) <= 32


@pytest.mark.parametrize("text", ["क्षत्रिय " * 100, "ệ" * 500, "e\u0323\u0302" * 300])
def test_no_language_loses_a_mark(text: str) -> None:
    assert normalized("NFC", normalized("NFC", text)) == normalized("NFC", text)
    assert normalized("NFC", text) == unicodedata.normalize("NFC", text)
