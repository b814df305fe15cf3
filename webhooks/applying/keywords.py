"""STOP and START as people write them, in English, Hindi and Hindi in Latin letters.

Only a whole message counts: "Please do not stop" must not end a subscription. A button's label may
continue after the keyword ("Stop these messages"), but only for STOP: consent must be given in
full.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

_FILE = Path(__file__).with_name("keywords.json")
_WORDS: dict[str, list[str]] = json.loads(_FILE.read_text("utf-8"))
CHARACTERS_LIMIT = 200  # a longer text is no keyword
# Unicode classes emoji selectors as marks, like Hindi's vowel signs, which must stay.
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_KEPT = "LMN"  # letters, marks, numbers; the rest only separates words


def normalise(text: str) -> str:
    """`text` in lower case, without punctuation, symbols, politeness and doubled blanks."""
    folded = unicodedata.normalize(
        "NFKC", _SELECTORS.sub("", text[: 2 * CHARACTERS_LIMIT])
    ).casefold()
    # Keyboards differ in how they write a nasal vowel and invisible joiners.
    folded = folded.replace("ँ", "ं").replace("\u200d", "").replace("\u200c", "")
    spaced = "".join(c if unicodedata.category(c)[0] in _KEPT else " " for c in folded)
    return " ".join(found for found in spaced.split() if found not in _POLITE)


_POLITE = frozenset(unicodedata.normalize("NFKC", word) for word in _WORDS["polite"])
# With those of `stop_button` a button's label may begin; "End of day report" and "Cancel order" are
# other buttons.
_STOP, _START, _STOP_BUTTON = (
    frozenset(map(normalise, _WORDS[kind])) for kind in ("stop", "start", "stop_button")
)


def parse_opt(text: str, labels: Iterable[str] = ()) -> bool | None:
    """True for START, False for STOP, None for anything else. STOP wins over START.

    `labels` are a pressed button's payload ("STOP:42") and label ("Stop these messages").
    """
    labels = [label for label in labels if len(label) <= CHARACTERS_LIMIT]
    if len(text) <= CHARACTERS_LIMIT and normalise(text) in _STOP:
        return False
    if any(_begins_with_stop(label) for label in labels):
        return False
    names = [label.partition(":")[0] for label in labels]
    if any(normalise(name) in _START for name in [text, *names] if len(name) <= CHARACTERS_LIMIT):
        return True
    return None


def _begins_with_stop(label: str) -> bool:
    words = normalise(label).split()
    beginnings = {" ".join(words[:length]) for length in (1, 2)}
    return not beginnings.isdisjoint(_STOP_BUTTON) or normalise(label) in _STOP
