"""How much a text annoys people, and why they would say so; only the words decide.

A factor for the share of people who block a message: 1 for a plain text. Meta does not publish how
people decide; the weights are chosen so that a better wording helps visibly.
"""

from __future__ import annotations

from functools import lru_cache

_PERSUASIVE = (
    "offer",
    "discount",
    "hurry",
    "limited",
    "free",
    "buy now",
    "win",
    "sale",
    "exclusive",
)
_WAYS_OUT = ("stop", "unsubscribe")
_REASONS_TO_WRITE = ("subscri", "signed up", "you asked", "your daily")
LONG = 550  # characters
NO_REASON, SPAM, NO_SIGN_UP, UNNEEDED = (
    "NO_REASON_GIVEN",
    "SPAM",
    "NO_SIGN_UP",
    "NO_LONGER_NEEDED",
)


@lru_cache(maxsize=1_000)
def annoyance(text: str) -> tuple[float, str]:
    """The factor, and the reason that most people give."""
    lower = text.lower()
    weights = {
        SPAM: 0.5 * sum(word in lower for word in _PERSUASIVE)
        + (0.5 if len(text) > LONG else 0.0)
        + (0.5 if lower.count("http") > 1 else 0.0)
        + (0.5 if any(len(word) > 4 and word.isupper() for word in text.split()) else 0.0),
        NO_SIGN_UP: 0.0 if any(words in lower for words in _REASONS_TO_WRITE) else 0.2,
        UNNEEDED: 0.0 if any(words in lower for words in _WAYS_OUT) else 0.3,
    }
    worst = max(weights, key=lambda reason: weights[reason])
    return 0.5 + sum(weights.values()), worst if weights[worst] else NO_REASON
