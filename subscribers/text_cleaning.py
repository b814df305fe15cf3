"""Make text from outside fit for a WhatsApp message: one line, nothing invisible, no links.

Body parameters with a line break, a tab or more than four spaces in a row make WhatsApp refuse
the whole message (error 132018).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Literal

# Letters of Indian scripts and joined emoji are written with these two; the other invisible
# characters can only mislead: they reverse text or hide parts of it.
_JOINERS = "\u200c\u200d"
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co"}
# Python sorts the marks above one letter in quadratic time: half a second for 20,000. Unicode's
# stream-safe format (UAX #15) has 30 at most; no language needs more than a handful.
_MARKS_LIMIT = 30
_SHORT = 256  # characters, which take 0.1 ms at most


def normalized(form: Literal["NFC", "NFKC"], text: str) -> str:
    """`text` in a normal form, in linear time: of the marks above one letter, the first 30."""
    if len(text) > _SHORT and not text.isascii():
        text = "".join(_with_few_marks(text))
    return unicodedata.normalize(form, text)


def _with_few_marks(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= _MARKS_LIMIT:
            yield character


def clean_line(text: str) -> str:
    """`text` on one line: runs of white space are one space, control characters are gone."""
    line = " ".join(text.split())
    if line.isprintable():  # nearly always, and much quicker than looking at each character
        return normalized("NFC", line)
    shown = "".join(filter(_is_shown, line))
    return " ".join(normalized("NFC", shown).split())


def _is_shown(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN_CATEGORIES
