"""Make text from outside fit for a WhatsApp message: one line, nothing invisible, no links.

Body parameters with a line break, a tab or more than four spaces in a row make WhatsApp refuse
the whole message (error 132018).
"""

from __future__ import annotations

import unicodedata

# Letters of Indian scripts and joined emoji are written with these two; the other invisible
# characters can only mislead: they reverse text or hide parts of it.
_JOINERS = "\u200c\u200d"
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co"}


def clean_line(text: str) -> str:
    """`text` on one line: runs of white space are one space, control characters are gone."""
    line = " ".join(text.split())
    if line.isprintable():  # nearly always, and much quicker than looking at each character
        return unicodedata.normalize("NFC", line)
    shown = "".join(filter(_is_shown, line))
    return " ".join(unicodedata.normalize("NFC", shown).split())


def _is_shown(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _HIDDEN_CATEGORIES
