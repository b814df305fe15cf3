"""Free text and evidence as they may be shown: without numbers, user ids and message ids."""

from __future__ import annotations

import re

from masking.phones import mask_phones
from masking.user_ids import mask_user_ids

# Meta's message ids are Base64 around the person's number: only their end, which is random, is
# shown.
_MESSAGE_ID = re.compile(r"wamid\.[A-Za-z0-9+/=_.-]+")
_SHOWN = 4
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:[+-]\d\d:\d\d|Z)?")


def mask_message_ids(text: str) -> str:
    """`wamid.…9A==`: message ids by their last characters."""
    return _MESSAGE_ID.sub(lambda found: f"wamid.…{found[0][-_SHOWN:]}", text)


def mask_text(text: str) -> str:
    """Free text, such as an error's, without phone numbers, user ids and message ids."""
    return mask_phones(mask_user_ids(mask_message_ids(text)))


def mask_evidence(text: str) -> str:
    """The same of what proves a decision, whose moments and digests stay readable."""
    parts, last = [], 0
    for found in _TIME.finditer(text):
        parts += [_mask_but_digests(text[last : found.start()]), found[0]]
        last = found.end()
    return "".join([*parts, _mask_but_digests(text[last:])])


def _mask_but_digests(text: str) -> str:
    """A digest that our own importer wrote is of a file and names nobody."""
    head, mark, tail = text.partition(", SHA-256 ")
    return f"{mask_text(head)}{mark}{tail}" if mark else mask_text(text)
