"""Whole numbers in addresses and forms, whose digits may be another script's, or thousands."""

from __future__ import annotations

MAX_ID = 2**63 - 1  # of a bigint column


def whole_number(text: str, *, most: int = MAX_ID) -> int | None:
    """The number that the text writes in ASCII digits; None if it is none, or above `most`.

    `str.isdigit` knows `²`, which `int` does not; `int` refuses 4,301 digits; a prefix of the text
    that is small enough says nothing about the rest.
    """
    digits = text.lstrip("0") if text.isascii() and text.isdecimal() else "x"
    if len(digits) > len(str(most)) or digits == "x":
        return None
    number = int(digits or "0")
    return number if number <= most else None
