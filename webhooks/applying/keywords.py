"""STOP and START as people write them, in English, Hindi and Hindi in Latin letters.

Only a whole message counts: "Please do not stop" must not end anybody's subscription. A button
is ours and its label may go on ("Stop these messages"), but only STOP is read from a beginning:
consent has to be given in full.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

STOP = frozenset(
    """
    stop | stop all | stopall | unsubscribe | un subscribe | opt out | optout | cancel | quit | end
    stop it | stop this | stop messages | stop sending | unsubscribe me | remove me | revoke
    रोकें | रोको | रोकिए | रोक दो | रोक दें | बंद | बन्द | बंद करें | बन्द करें | बंद करो | बन्द करो | बंद कर दो
    बंद कर दें | बंद कीजिए | बंद करिए | मत भेजो | मत भेजें | मत भेजिए | स्टॉप | स्टाप | अनसब्सक्राइब
    सदस्यता रद्द करें | रद्द करें | रद्द करो | नहीं चाहिए
    band | band karo | band karen | band kare | band kar do | bandh karo | bund karo | roko | rok do
    mat bhejo | mat bhejen | nahi chahiye
    """.replace("\n", "|").split("|")
)
START = frozenset(
    """
    start | start again | unstop | subscribe | subscribe me | resubscribe | opt in | optin | resume
    शुरू | शुरु | शुरू करें | शुरु करें | शुरू करो | शुरु करो | शुरू कीजिए | फिर से शुरू करें | चालू | चालु
    चालू करें | चालू करो | चालू कर दो | स्टार्ट | सब्सक्राइब | सब्सक्राइब करें
    shuru | shuru karo | shuru karen | shuru kare | chalu | chalu karo | chalu karen | chaloo karo
    """.replace("\n", "|").split("|")
)
# With these a button's label may begin; "End of day report" and "Cancel order" are other buttons.
STOP_BUTTON = frozenset(
    ["stop", "unsubscribe", "opt out", "रोकें", "रोको", "बंद", "बन्द", "स्टॉप", "band karo"]
)
POLITE = frozenset(["please", "pls", "plz", "kindly", "kripya", "ji", "कृपया", "प्लीज़", "प्लीज", "जी"])
LONGEST = 200  # characters; a longer text is no single word of anybody's
# Emoji selectors are marks to Unicode, like Hindi's vowel signs, which must stay.
_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_KEPT = "LMN"  # letters, marks, numbers; the rest only separates words


def plain(text: str) -> str:
    """`text` in lower case, without punctuation, symbols, politeness and doubled blanks."""
    folded = unicodedata.normalize("NFKC", _SELECTORS.sub("", text[: 2 * LONGEST])).casefold()
    # The two ways to write a nasal vowel, and the invisible joiners, are matters of keyboards.
    folded = folded.replace("ँ", "ं").replace("\u200d", "").replace("\u200c", "")
    spaced = "".join(c if unicodedata.category(c)[0] in _KEPT else " " for c in folded)
    return " ".join(found for found in spaced.split() if found not in _POLITE)


def _all(words: Iterable[str]) -> frozenset[str]:
    return frozenset(unicodedata.normalize("NFKC", word.strip()) for word in words if word.strip())


_POLITE = _all(POLITE)
_STOP, _START, _STOP_BUTTON = (
    frozenset(plain(word) for word in _all(words)) for words in (STOP, START, STOP_BUTTON)
)


def wish(said: str, chosen: Iterable[str] = ()) -> bool | None:
    """True for START, False for STOP, None for anything else. STOP wins over START.

    `chosen` are a pressed button's payload ("STOP:42") and label ("Stop these messages").
    """
    chosen = [label for label in chosen if len(label) <= LONGEST]
    if len(said) <= LONGEST and plain(said) in _STOP:
        return False
    if any(_begins_with_stop(label) for label in chosen):
        return False
    names = [label.partition(":")[0] for label in chosen]
    if any(plain(name) in _START for name in [said, *names] if len(name) <= LONGEST):
        return True
    return None


def _begins_with_stop(label: str) -> bool:
    words = plain(label).split()
    beginnings = {" ".join(words[:length]) for length in (1, 2)}
    return not beginnings.isdisjoint(_STOP_BUTTON) or plain(label) in _STOP
