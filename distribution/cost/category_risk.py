"""How likely Meta is to file a utility message as marketing, by a table of rules. Pure.

Only Meta decides, and it does not say how. The table has what its guidelines and refusals name; the
same text always gives the same findings.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from subscribers.text_cleaning import normalized

BUTTON_WORDS = frozenset(
    ("buy", "shop", "invest", "order", "book", "subscribe", "upgrade", "renew", "खरीदें")
)
# A letter of Devanagari may end in a vowel sign, which `\w` does not match.
EDGE = r"[\w\u0900-\u0963]"
CURRENCY_SIGNS = ("₹", "Rs", "रु")
PERCENT_WORDS = ("% off", "save", "only", "just", "सिर्फ", "केवल", "sirf")
MAX_EMOJI, MAX_CAPITALS_SHARE, FEWEST_LETTERS = 3, 0.3, 20


class Level(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


LEVELS = (Level.LOW, Level.MEDIUM, Level.HIGH)
MANY = 3  # findings of a level that weigh as one of the next


class Passage(NamedTuple):
    """A text of the message and where it stands."""

    place: str  # "Variable 1", "Meta's wording", "Button 1"
    text: str
    is_button: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table; `finds` returns the words that it objects to, or ''."""

    name: str
    level: Level
    why: str
    example: str
    finds: Callable[[Passage], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """What may make Meta think of marketing."""

    rule: str
    level: Level
    place: str
    words: str
    why: str


@dataclass(frozen=True, slots=True)
class Risk:
    """All findings, the gravest first, and what they add up to."""

    level: Level
    findings: tuple[Finding, ...]


def assess(passages: Sequence[Passage]) -> Risk:
    """The findings in some texts: each rule once for each place."""
    found = [
        Finding(rule.name, rule.level, passage.place, words, rule.why)
        for passage in passages
        for rule in RULES
        if (words := rule.finds(passage))
    ]
    found.sort(key=lambda finding: -LEVELS.index(finding.level))
    return Risk(_level(found), tuple(found))


def _level(findings: Sequence[Finding]) -> Level:
    counts = {level: sum(one.level == level for one in findings) for level in LEVELS}
    if counts[Level.HIGH] or counts[Level.MEDIUM] >= MANY:
        return Level.HIGH
    if counts[Level.MEDIUM] or counts[Level.LOW] >= MANY:
        return Level.MEDIUM
    return Level.LOW


def _words(phrases: str) -> Callable[[Passage], str]:
    # `% off` begins, and `t.ly` ends, at any character that is none of a word.
    joined = "|".join(re.escape(phrase) for phrase in phrases.split("|"))
    pattern = re.compile(rf"(?<!{EDGE})(?:{joined})(?!{EDGE})", re.IGNORECASE)
    after_number = re.compile(r"(?:%|percent) off", re.IGNORECASE)

    def find(passage: Passage) -> str:
        text = normalized("NFC", passage.text).replace("’", "'")
        match = pattern.search(text)
        if match is None and "% off" in phrases:
            match = after_number.search(text)
        return match[0] if match else ""

    return find


def _price_and_percent(passage: Passage) -> str:
    text = passage.text.lower()
    has_price = any(sign.lower() in text for sign in CURRENCY_SIGNS)
    word = next((word for word in PERCENT_WORDS if word in text), "")
    return word if has_price and "%" in text and word else ""


def _emoji(passage: Passage) -> str:
    found = [char for char in passage.text if unicodedata.category(char) == "So"]
    return "".join(found) if len(found) > MAX_EMOJI else ""


def _capitals(passage: Passage) -> str:
    letters = [char for char in passage.text if char.isalpha() and char.upper() != char.lower()]
    capitals = sum(char.isupper() for char in letters)
    many = len(letters) >= FEWEST_LETTERS and capitals > MAX_CAPITALS_SHARE * len(letters)
    return f"{100 * capitals // len(letters)}%" if many else ""


def _exclamation(passage: Passage) -> str:
    return "!!" if "!!" in passage.text else ""


def _button(passage: Passage) -> str:
    words = passage.text.lower().split() if passage.is_button else []
    return passage.text if BUTTON_WORDS & set(words) else ""


MEASURES: Mapping[str, Callable[[Passage], str]] = {
    "=price_and_percent": _price_and_percent,
    "=emoji": _emoji,
    "=capitals": _capitals,
    "=exclamation": _exclamation,
    "=button": _button,
}


def _read() -> tuple[Rule, ...]:
    text = Path(__file__).with_name("category_rules.csv").read_text("utf-8")
    return tuple(
        Rule(
            row["rule"],
            Level(row["level"]),
            row["why"],
            row["example"],
            MEASURES.get(row["words"]) or _words(unicodedata.normalize("NFC", row["words"])),
        )
        for row in csv.DictReader(text.splitlines())
    )


RULES = _read()
