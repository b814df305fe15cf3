"""Phones as people and WhatsApp write them: its own spelling of a phone is read as the phone."""

from __future__ import annotations

from subscribers import phones
from subscribers.identity.spellings import spellings


def read_phone(raw: str) -> str:
    """The E.164 form of a number in any spelling, WhatsApp's own included: +52 1 55 1234 5678 of a
    list that was exported there is +525512345678. Raises InvalidPhone.
    """
    try:
        return phones.normalise(raw)
    except phones.InvalidPhone as fault:
        for spelling in spellings(phones.unchecked(raw))[1:]:
            if phones.is_valid(spelling):
                return spelling
        raise fault from None
