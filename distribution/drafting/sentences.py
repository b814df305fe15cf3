"""Text taken apart into sentences and joined again. Pure."""

from __future__ import annotations

import re

from distribution.content.template_schema import VARIABLE

# A full stop ends a sentence unless it stands after one of these.
ABBREVIATIONS = ("Rs.", "Mr.", "Ms.", "Dr.", "No.", "St.")
_NO_END = "".join(rf"(?<!\b{re.escape(word)})" for word in ABBREVIATIONS)
BREAKS = re.compile(rf"((?<=[.!?।]){_NO_END}[ \t]+|\n+)")
_TIDY = ((re.compile(r"[ \t]{2,}"), " "), (re.compile(r"(?<!\s)\s+([,.!?;:।])"), r"\1"))
_LEFT_OVER = re.compile(r"(?<=[.!?।\n])[ \t]*[,;:–-]+[ \t]*|^[ \t,;:–-]+")


def split(text: str) -> list[str]:
    """Sentences at even places, what stands between them at odd ones; joined it is the text."""
    return BREAKS.split(text)


def without(pieces: list[str], place: int) -> list[str]:
    """The pieces without the sentence at a place; of two gaps the one with more lines stays."""
    if place == 0:
        return pieces[2:]
    if place >= len(pieces) - 1:
        return pieces[: place - 1]
    gap = max(pieces[place - 1], pieces[place + 1], key=lambda one: one.count("\n"))
    return [*pieces[: place - 1], gap, *pieces[place + 2 :]]


def has_variable(text: str) -> bool:
    return VARIABLE.search(text) is not None


def drop(text: str, words: str) -> str:
    """The text without these words: without their sentence, unless that has a variable or is all
    there is; then only the words go."""
    pieces = split(text)
    for place in range(0, len(pieces), 2):
        if words.lower() not in plain(pieces[place]).lower():
            continue
        if len(pieces) > 1 and not has_variable(pieces[place]):
            return "".join(without(pieces, place)).strip()
        pieces[place] = _cut(pieces[place], words)
        return tidy("".join(pieces))
    return text


def plain(text: str) -> str:
    """With straight apostrophes, as the tables of words have them; of the same length."""
    return text.replace("’", "'")


def tidy(text: str) -> str:
    for pattern, put in _TIDY:
        text = pattern.sub(put, text)
    return _LEFT_OVER.sub("", text).strip()


def _cut(sentence: str, words: str) -> str:
    start = plain(sentence).lower().find(words.lower())
    return sentence[:start] + sentence[start + len(words) :] if start >= 0 else sentence
