"""What Meta says of an error, fit to be shown and logged."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\+\d[\d ().-]{5,}\d|\d{7,}")
_SECRET = re.compile(r"(?<=malformed access token )\S+|[\w-]{32,}", re.I)


def masked(text: str) -> str:
    """`text` without phone numbers, tokens and control characters, at most 300 characters."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    return _NUMBER.sub(_stars, _SECRET.sub("[…]", plain))[:300]


def _stars(found: re.Match[str]) -> str:
    number = found[0]
    keep = 3 if number.startswith("+") else 2
    return f"{number[:keep]}{'*' * (len(number) - keep - 4)}{number[-4:]}"
