"""What Meta says of an error, fit to be shown and logged."""

from __future__ import annotations

import re

LONGEST_DETAILS = 300  # characters
LONGEST_TRACE_ID = 64
_NUMBER = re.compile(r"\+\d[\d ().-]{5,}\d|\d{7,}")
_SECRET = re.compile(r"(?<=malformed access token )\S+|[\w-]{32,}", re.I)


def masked(text: str) -> str:
    """`text` without phone numbers, tokens and control characters, at most `LONGEST_DETAILS`."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    return _NUMBER.sub(_stars, _SECRET.sub("[…]", plain))[:LONGEST_DETAILS]


def _stars(found: re.Match[str]) -> str:
    number = found[0]
    keep = 3 if number.startswith("+") else 2
    return f"{number[:keep]}{'*' * (len(number) - keep - 4)}{number[-4:]}"
