"""What the title of a column means: a field of a person, or the name of an attribute."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from subscribers.details.placeholders import MAX_NAME_LENGTH, name_of
from subscribers.text_cleaning import clean_line

FIELDS = ("phone", "name", "tier", "language", "email", "status")
_WORDS = json.loads(Path(__file__).with_name("words.json").read_text("utf-8"))


def meanings(section: str) -> dict[str, str]:
    """What each word of a section of words.json stands for, by the word as a name."""
    return {name_of(word): key for key, words in _WORDS[section].items() for word in words}


def words(section: str) -> frozenset[str]:
    """The words of a section that is a list, as they are spelled."""
    return frozenset(_WORDS[section])


_FIELDS = meanings("columns")


def field_of(title: str) -> str:
    """The field that a column of this title fills: `Phone_No.` is `phone`; else an empty text."""
    return _FIELDS.get(name_of(title), "")


def attribute_of(title: str, place: int) -> str:
    """The attribute that any other column becomes. Its place, from 1, names one without letters."""
    name = name_of(title) or name_of(f"column {clean_line(title)}")
    if name == "column":
        return f"column_{place}"
    return name[:MAX_NAME_LENGTH].rstrip("_")


def attribute_name(title: str) -> str:
    """The attribute of this name, or an empty text if it is a field's or too long to be one."""
    name = name_of(title)
    return "" if field_of(title) or len(name) > MAX_NAME_LENGTH else name


def names_phone(titles: Iterable[str]) -> bool:
    """Whether one of the titles is a column for the phone number."""
    return any(field_of(title) == "phone" for title in titles)
