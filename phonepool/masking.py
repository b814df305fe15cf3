"""Masks the text of Meta's errors for display and logs."""

from __future__ import annotations

import re

from masking.phones import mask_phones
from masking.placeholders import SECRET

MAX_DETAILS_CHARACTERS = 300
MAX_TRACE_ID_CHARACTERS = 64
_SECRET = re.compile(r"(?<=malformed access token )\S+|[\w-]{32,}", re.I)


def masked(text: str) -> str:
    """`text` without phone numbers, tokens and control characters, cut at
    MAX_DETAILS_CHARACTERS."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    return mask_phones(_SECRET.sub(SECRET, plain))[:MAX_DETAILS_CHARACTERS]
