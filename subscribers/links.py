"""What a reader or WhatsApp sees as a link: WhatsApp makes any address clickable, however written.

An address is a scheme, "www.", or words joined by dots whose last is a top-level domain. Names and
abbreviations are joined by dots, too ("K.Ramesh", "Dr.Om Prakash", "B.Com"), so one initial or a
title before a single dot is no address unless a path follows.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from subscribers.text_cleaning import normalized

_WORDS = json.loads(Path(__file__).with_name("links.json").read_text("utf-8"))
_COMMON_DOMAINS = frozenset(_WORDS["common"])  # hardly ever a part of a name
_OTHER_DOMAINS = frozenset(_WORDS["other"])
_TITLES = frozenset(_WORDS["titles"])
# A scheme is looked for where a word begins and never anew inside it: the time stays linear.
_SCHEME = re.compile(
    r"(?<![a-z0-9+.\-])[0-9+.\-]*+[a-z][a-z0-9+.\-]*+://"
    r"|\bwww\.|\b(?:mailto|tel|sms|upi|intent):\S",
    re.I,
)
_NUMERIC = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?=[:/]\S)")
# Full stops of other scripts, which browsers read as dots.
_DOTS = dict.fromkeys(map(ord, "。．｡․"), ".")
_JOINERS = dict.fromkeys(map(ord, "\u200c\u200d"))
_AT_ENDS = "()[]<>{}\"'“”‘’«»,;:!?…*_~`|-"


def has_link(text: str) -> bool:
    """Whether a reader or WhatsApp would see a link in it. Email addresses are none."""
    if text.isascii() and "." not in text and ":" not in text:
        return False  # no link does without; nearly every cell does
    plain = normalized("NFKC", text.translate(_DOTS).translate(_JOINERS))
    if "." not in plain and ":" not in plain:
        return False
    if _SCHEME.search(plain) or _NUMERIC.search(plain):
        return True
    return any(_is_address(word) for word in re.split(r"[\s,;|()\[\]<>{}\"“”]+", plain))


def _is_address(word: str) -> bool:
    host, path = _host_and_path(word.strip(_AT_ENDS))
    labels = host.rstrip(".").split(".")
    if len(labels) < 2 or not all(labels) or "@" in host:
        return False
    domain, before = labels[-1], labels[:-1]
    folded = domain.casefold()
    if not all(re.fullmatch(r"[\w\-\u0900-\u0dff]+", label) for label in labels):
        return False
    if folded in _COMMON_DOMAINS:
        return path or (len(before) > 1 and domain.islower()) or not _may_be_abbreviated(before)
    if folded in _OTHER_DOMAINS or (len(folded) == 2 and folded.isascii() and folded.isalpha()):
        # "Ravi.Kr" is written like a name, "ravi.kr" and "RAVI.KR" like an address.
        return path or not (_may_be_abbreviated(before) or domain.istitle())
    return False


def _host_and_path(word: str) -> tuple[str, bool]:
    """The part before a slash, a question mark or a port, and whether something follows it."""
    found = re.match(r"([^/?#:\\]*)([/?#:\\]\S)?", word)
    return (found[1], bool(found[2])) if found else (word, False)


def _may_be_abbreviated(labels: list[str]) -> bool:
    """Whether what stands before the last dot is initials or a title."""
    return all(len(label) == 1 or label.casefold() in _TITLES for label in labels)
