"""What an account is billed in, and where its day begins: prices change at midnight there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from phonepool.json_values import as_constant, as_text

CURRENCY_CHARACTERS = 3  # ISO 4217
# Meta numbers time zones. These ids are public and certain; of others the zone stays unknown, and
# the days of the account are counted in the zone of the settings.
TIME_ZONES = {
    "1": "America/Los_Angeles",
    "2": "America/Denver",
    "6": "America/Chicago",
    "7": "America/New_York",
    "8": "Asia/Dubai",
    "71": "Asia/Kolkata",
    "79": "Asia/Seoul",
    "105": "Asia/Karachi",
}


def currency(document: Mapping[str, Any]) -> str:
    """The code of the currency, or ''."""
    word = as_constant(document.get("currency"))
    return word if len(word) == CURRENCY_CHARACTERS and word.isalpha() else ""


def time_zone(document: Mapping[str, Any]) -> str:
    """The IANA name of the zone, or ''."""
    return TIME_ZONES.get(as_text(document.get("timezone_id"), longest=8), "")
