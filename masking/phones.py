"""Phone numbers as they may be shown and logged."""

from __future__ import annotations

import re

HIDDEN = "*" * 6  # always six: the length of what is hidden is hidden too
# Seven characters or more: with the usual separators, country code and plus or not.
_NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
_SEPARATORS = re.compile(r"[ ().-]+")


def mask_phone(phone: str) -> str:
    """+91******5678, of a number in E.164 or in WhatsApp's form without the plus.

    Short numbers show two digits at the end instead of four.
    """
    shown = 3 if phone.startswith("+") else 2
    return f"{phone[:shown]}{HIDDEN}{phone[-4:] if len(phone) > shown + 7 else phone[-2:]}"


def mask_phones(text: str) -> str:
    """Free text with everything in it masked that could be a phone number."""
    return _NUMBER.sub(lambda found: mask_phone(_SEPARATORS.sub("", found[0])), text)


def mask_digits(text: str, *, shown: int = 2, limit: int = 40) -> str:
    """Every digit but the last `shown` as a star, cut to `limit` characters.

    For cells that should hold a phone number and do not: which digits belong to one is unknown.
    """
    places = [place for place, character in enumerate(text) if character.isdigit()]
    hidden = set(places[: max(len(places) - shown, 0)])
    stars = "".join("*" if place in hidden else text[place] for place in range(len(text)))
    return stars if len(stars) <= limit else f"{stars[: limit - 1]}…"
