"""How each rule rewrites a text: the new text, and the words for its reason. Pure.

A rule that finds nothing to change returns the text as it is.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from distribution.content.template_schema import FOOTER_LIMIT
from distribution.cost import category_risk
from distribution.cost.category_risk import BUTTON_WORDS, Level, Passage
from distribution.drafting import sentences

MAX_LINKS, MAX_EMOJI, MAX_LENGTH = 1, 2, 550
LINK = re.compile(r"(?:https?://|www\.)[^\s]*[^\s.,;:!?)]")
SHORTENERS = ("bit.ly", "tinyurl.com", "goo.gl", "cutt.ly", "rb.gy", "t.ly", "is.gd", "ow.ly")
SHORT_LINK = re.compile(
    rf"(?:https?://)?(?:{'|'.join(map(re.escape, SHORTENERS))})/[^\s]*[^\s.,;:!?)]", re.IGNORECASE
)
# One word in capitals may be a name (NIFTY); three in a row shout.
CAPITALS = re.compile(r"\b[A-Z]{2,}(?:[ \t]+[A-Z]+){1,}[ \t]+[A-Z]{2,}\b")
SENTENCE_ENDS = ".!?।\n"
MARKS = re.compile(r"([!?])[!?]+")
# Rules of the category's linter that are about words; the rest of them have a rule here.
MEASURED = ("shortener", "button", "emoji", "capitals", "exclamation", "price_and_percent")
MOST_CUTS = 20
STOP = re.compile(r"\bstop\b|रोक", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences that a draft may add, in one language."""

    sign_up: str
    footer: str
    stop: str
    open: str
    opening: str


Rewritten = tuple[str, str]  # the new text, and what the reason names


def _read() -> tuple[dict[str, Phrases], re.Pattern[str]]:
    rows = list(
        csv.DictReader(Path(__file__).with_name("phrases.csv").read_text("utf-8").splitlines())
    )
    found = {
        row["language"]: Phrases(
            row["sign_up"], row["footer"], row["stop"], row["open"], row["opening"]
        )
        for row in rows
    }
    words = "|".join(re.escape(word) for row in rows for word in row["greetings"].split("|"))
    return found, re.compile(rf"\W*(?:{words})(?!\w)", re.IGNORECASE)


PHRASES, GREETING = _read()


def phrases_of(language: str) -> Phrases | None:
    """Those of a language code such as `en_US`; None: it has none, so nothing can be added."""
    return PHRASES.get(language.partition("_")[0].lower())


def shortened_link(text: str, _: Phrases | None) -> Rewritten:
    match = SHORT_LINK.search(text)
    return (sentences.drop(text, match[0]), match[0]) if match else (text, "")


def links(text: str, _: Phrases | None) -> Rewritten:
    """The first link stays, and those whose address has a variable."""
    extra = [link for link in LINK.findall(text) if not sentences.has_variable(link)]
    kept, gone = extra[:MAX_LINKS], extra[MAX_LINKS:]
    for link in gone:
        beside = any(link in one and kept[0] in one for one in sentences.split(text))
        text = _without_link(text, link) if beside else sentences.drop(text, link)
    return text, ", ".join(gone)


def _without_link(text: str, link: str) -> str:
    """Without the link and what joins it to the one before: "and", "or", a comma."""
    joined = rf"(?:\s*,|\s+(?:and|or|और|या))?\s*{re.escape(link)}"
    return sentences.tidy(re.sub(joined, "", text, count=1))


def persuasive(text: str, _: Phrases | None) -> Rewritten:
    gone: list[str] = []
    for _cut in range(MOST_CUTS):
        risk = category_risk.assess([Passage("", text)])
        words = [
            one.words
            for one in risk.findings
            if one.level != Level.LOW and one.rule not in MEASURED
        ]
        shorter = sentences.drop(text, words[0]) if words else text
        if shorter == text:
            break
        gone.append(words[0])
        text = shorter
    return text, "”, “".join(dict.fromkeys(gone))


def persuasive_button(text: str, phrases: Phrases | None) -> Rewritten:
    sells = BUTTON_WORDS & set(text.lower().split())
    return (phrases.open, text) if phrases and sells else (text, "")


def capitals(text: str, _: Phrases | None) -> Rewritten:
    found = [match[0] for match in CAPITALS.finditer(text)]

    def quiet(match: re.Match[str]) -> str:
        before = text[: match.start()].rstrip(" \t")
        begins = not before or before[-1] in SENTENCE_ENDS
        return match[0].capitalize() if begins else match[0].lower()

    return CAPITALS.sub(quiet, text), "”, “".join(found)


def exclamation(text: str, _: Phrases | None) -> Rewritten:
    return MARKS.sub(r"\1", text), ""


def emoji(text: str, _: Phrases | None) -> Rewritten:
    kept, left = [], MAX_EMOJI
    for char in text:
        if unicodedata.category(char) == "So":
            left -= 1
            if left < 0:
                continue
        kept.append(char)
    return ("".join(kept), "") if left >= 0 else (sentences.tidy("".join(kept)), "")


def length(text: str, _: Phrases | None) -> Rewritten:
    """Sentences without a variable go, from the end on; the first and the last one stay."""
    pieces, before = sentences.split(text), len(text)
    place = len(pieces) - 3
    while place > 0 and len("".join(pieces)) > MAX_LENGTH:
        if not sentences.has_variable(pieces[place]):
            pieces = sentences.without(pieces, place)
        place -= 2
    shorter = "".join(pieces)
    return (shorter, str(before - len(shorter))) if len(shorter) < before else (text, "")


def greeting(text: str, _: Phrases | None) -> Rewritten:
    """A greeting at the beginning goes; one that has a variable stands after the news."""
    pieces = sentences.split(text)
    if len(pieces) < 3 or not GREETING.match(pieces[0]):
        return text, ""
    if not sentences.has_variable(pieces[0]):
        return "".join(pieces[2:]), pieces[0]
    first, gap, news, *rest = pieces
    return "".join([news, gap, first, *rest]), first


def sign_up(text: str, phrases: Phrases | None) -> Rewritten:
    if phrases is None or phrases.sign_up in text:
        return text, ""
    return f"{phrases.sign_up}\n\n{text}", ""


def stop_footer(text: str, phrases: Phrases | None) -> Rewritten:
    if phrases is None or STOP.search(text):
        return text, ""
    longer = f"{text} · {phrases.footer}" if text else phrases.footer
    return (longer, "") if len(longer) <= FOOTER_LIMIT else (text, "")


def stop_button(text: str, phrases: Phrases | None) -> Rewritten:
    """Of a button that does not exist yet."""
    return (phrases.stop, "") if phrases and not text else (text, "")


def ending(text: str, _: Phrases | None) -> Rewritten:
    return (f"{text.rstrip()}.", "") if text.rstrip().endswith("}}") else (text, "")


def opening(text: str, phrases: Phrases | None) -> Rewritten:
    begins = text.lstrip().startswith("{{")
    return (f"{phrases.opening} {text}", "") if phrases and begins else (text, "")


REWRITES: Mapping[str, Callable[[str, Phrases | None], Rewritten]] = {
    one.__name__: one
    for one in (
        *(shortened_link, links, persuasive, persuasive_button, capitals, exclamation, emoji),
        *(length, greeting, sign_up, stop_footer, stop_button, ending, opening),
    )
}
