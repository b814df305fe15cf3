"""WhatsApp's user ids, "IN.13491208655302741918", as they may be shown and logged."""

from __future__ import annotations

from masking.phones import HIDDEN

SHOWN = 4  # characters at the end


def mask_user_id(user_id: str) -> str:
    """IN.******1918: the country and the last four characters; short ones show no character."""
    country, dot, rest = user_id.rpartition(".")
    return f"{country[:2]}{dot}{HIDDEN}{rest[-SHOWN:] if len(rest) > 2 * SHOWN else ''}"
