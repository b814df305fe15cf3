"""Recipients: their phone numbers, WhatsApp's spelling of these, their user ids and wishes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

from sandbox.behaviour.outcomes import MessageOutcome

_NOT_A_DIGIT = re.compile("[^0-9]+")
WINDOW_S = 24 * 3600.0  # an inbound message opens a free-form conversation for a day


@dataclass(slots=True)
class Person:
    """A recipient with a state of its own, set by a test or an inbound message."""

    forced: MessageOutcome | None = None
    failure_code: int = 0
    stopped_marketing: bool = False
    blocked: bool = False  # blocks us, all our numbers, for ever
    writes_until: float = 0.0  # end of the open conversation
    name: str = ""
    username: bool | None = None  # None: by the share of the settings
    hides_phone: bool | None = None
    new_user_ids: int = 0  # how often the user id was replaced


def digits_of(text: str) -> str:
    """The digits of a phone number in any notation."""
    return _NOT_A_DIGIT.sub("", text)


def wa_id_of(digits: str) -> str:
    """WhatsApp's own spelling of a phone number: mobile numbers of Brazil lose the 9 after the area
    code, those of Mexico get a 1 and those of Argentina a 9 after the country code."""
    match digits[:2]:
        case "55" if len(digits) == 13 and digits[4] == "9":
            return digits[:4] + digits[5:]
        case "52" if len(digits) == 12:
            return "521" + digits[2:]
        case "54" if len(digits) == 12:
            return "549" + digits[2:]
        case _:
            return digits


@lru_cache(maxsize=10_000)  # a message has several webhooks
def user_id(phone: str, scope: str = "") -> str:
    """A person's stable id (BSUID), e.g. `IN.` and 20 digits. `phone` is digits; each portfolio is
    a `scope`: it sees an id of its own."""
    if "." in phone:  # addressed by that very id
        return phone
    number = int.from_bytes(hashlib.blake2b((phone + scope).encode(), digest_size=12).digest())
    country = "IN" if phone.startswith("91") else "ZZ"
    return f"{country}.{number % 10**20:020d}"
