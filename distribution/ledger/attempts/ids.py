"""The id of one call to the Cloud API, echoed by every status webhook of its message.

It consists of the delivery's key, the attempt's number and the claim's random token: it needs no
column, finds its delivery by primary key, and differs between two databases.
"""

from __future__ import annotations

import re
from typing import NamedTuple

PATTERN = re.compile(r"daybreak:([0-9]{1,18})\.([0-9]{1,4})\.([0-9a-f]{1,16})")


class AttemptKey(NamedTuple):
    delivery_id: int
    attempt_no: int
    claim_token: int

    def __str__(self) -> str:
        return f"daybreak:{self.delivery_id}.{self.attempt_no}.{self.claim_token:x}"


def parse(text: str) -> AttemptKey | None:
    """The key, or None when the text is not an attempt id of ours."""
    match = PATTERN.fullmatch(text)
    if match is None:
        return None
    key = AttemptKey(int(match[1]), int(match[2]), int(match[3], 16))
    return key if key.claim_token < 2**63 else None
