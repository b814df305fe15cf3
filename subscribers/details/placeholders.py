"""The one definition of a placeholder: `{city}` or `{शहर}` in a text, and the name of an attribute.

A name is of letters, vowel signs, digits and underscores of any script, with at least one letter.
Titles of columns become such names at import, and a text is read by the same definition.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache

from subscribers.text_cleaning import clean_line, normalized

MAX_NAME_LENGTH = 64  # characters
MAX_VALUE_LENGTH = 100  # characters of a value in a message; texts are checked against it
# The few names of a list are used by each of its rows and each message.
CACHED_NAMES_LIMIT = 4_096

_IN_BRACES = re.compile(r"\{([^{}\s]{1,200})\}")
# Inside a word they part nothing: joiners of Indian scripts, and apostrophes.
_DROPPED = dict.fromkeys(map(ord, "\u200c\u200d'’ʼ"))


@lru_cache(CACHED_NAMES_LIMIT)
def name_of(title: str) -> str:
    """The name that a title stands for: `First Name` is `first_name`, `R&D` is `r_d`.

    Empty if no letter is left. A name stands for itself.
    """
    text = title
    for _ in range(4):  # folding case may leave letters that compose anew
        folded = _folded(text)
        if folded == text:
            break
        text = folded
    return text if any(unicodedata.category(letter)[0] == "L" for letter in text) else ""


def names_in(text: str) -> list[str]:
    """The names of the placeholders in a text, in order, with repetitions."""
    return [name for found in _IN_BRACES.finditer(text) if (name := _written_name(found[1]))]


def substitute(text: str, value_of: Callable[[str], str]) -> str:
    """`text` with the value of each placeholder in its place; other braces stay."""

    def value(found: re.Match[str]) -> str:
        name = _written_name(found[1])
        return value_of(name) if name else found[0]

    return _IN_BRACES.sub(value, text)


def without(text: str) -> str:
    """`text` without its placeholders."""
    return substitute(text, lambda _: "")


def only_name(text: str) -> str:
    """The name if the text is one placeholder and nothing else, or an empty text."""
    found = _IN_BRACES.fullmatch(text)
    return _written_name(found[1]) if found else ""


def shortened(value: object) -> str:
    """A value as messages hold it; a longer one is of a time before values were limited."""
    text = "" if value is None else str(value)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 1]}…"


@lru_cache(CACHED_NAMES_LIMIT)
def _written_name(text: str) -> str:
    """The name between two braces; empty if it is none."""
    plain = clean_line(text).translate(_DROPPED)
    return name_of(text) if plain and all(map(_is_part, plain)) else ""


def _folded(text: str) -> str:
    plain = normalized("NFKC", clean_line(text).casefold()).translate(_DROPPED)
    return "_".join(_words(plain))


def _words(text: str) -> Iterator[str]:
    shown = "".join(letter if _is_part(letter) else " " for letter in text)
    return iter(shown.replace("_", " ").split())


def _is_part(letter: str) -> bool:
    """Whether a character may stand in a name. Variation selectors belong to emoji only."""
    if letter.isascii():
        return letter.isalnum() or letter == "_"
    if "\ufe00" <= letter <= "\ufe0f" or letter == "\u20e3":
        return False
    category = unicodedata.category(letter)
    return category[0] in "LM" or category == "Nd"
