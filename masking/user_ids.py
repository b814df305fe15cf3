"""WhatsApp's user ids, "IN.13491208655302741918", as they may be shown and logged."""

from __future__ import annotations

import re

from masking.phones import HIDDEN

SHOWN = 4  # characters at the end
# Two letters of the country, a dot, up to 128 letters and digits (Meta's BSUIDs).
_USER_ID = re.compile(r"(?<![0-9A-Za-z])[A-Z]{2}\.(?=[A-Za-z]*\d)[0-9A-Za-z]{8,128}")


def mask_user_id(user_id: str) -> str:
    """IN.******1918: the country and the last four characters; short ones show no character."""
    country, dot, rest = user_id.rpartition(".")
    return f"{country[:2]}{dot}{HIDDEN}{rest[-SHOWN:] if len(rest) > 2 * SHOWN else ''}"


def mask_user_ids(text: str) -> str:
    """Free text with everything in it masked that could be a user id."""
    return _USER_ID.sub(lambda found: mask_user_id(found[0]), text)
