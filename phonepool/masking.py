"""What Meta says of an error, fit to be shown and logged."""

from __future__ import annotations

import re

from masking.phones import mask_phones
from masking.placeholders import SECRET

LONGEST_DETAILS = 300  # characters
LONGEST_TRACE_ID = 64
_SECRET = re.compile(r"(?<=malformed access token )\S+|[\w-]{32,}", re.I)


def masked(text: str) -> str:
    """`text` without phone numbers, tokens and control characters, at most `LONGEST_DETAILS`."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text[:1000])
    return mask_phones(_SECRET.sub(SECRET, plain))[:LONGEST_DETAILS]
