"""What becomes of an accepted message: one class per person, decided by number and seed.

The class is sticky: the same seed and the same person give the same class every time and in
every process, so that a second send to a dead number fails like the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum


class Outcome(StrEnum):
    """Every fate a test may ask for by name."""

    DELIVERED = "delivered"
    READ = "read"
    READ_ONLY = "read_only"  # `read` comes, `delivered` never does
    NEVER = "never"  # `sent` comes, nothing after it: phone off, or we are blocked
    SILENT = "silent"  # accepted, and not one webhook
    INVALID = "invalid"
    CAPPED = "capped"
    OPTED_OUT = "opted_out"
    EXPERIMENT = "experiment"
    SERVER_ERROR = "server_error"
    UNPAID = "unpaid"
    LIMITED = "limited"
    THROTTLED = "throttled"
    WINDOW_CLOSED = "window_closed"
    BLOCKED = "blocked"
    HELD = "held"  # held for quality assessment until released or dropped
    DROPPED = "dropped"
    FAILED_AFTER_DELIVERED = "failed_after_delivered"
    DELIVERED_AFTER_FAILED = "delivered_after_failed"


FAILURE_CODES: dict[Outcome, int] = {
    Outcome.INVALID: 131026,
    Outcome.CAPPED: 131049,
    Outcome.OPTED_OUT: 131050,
    Outcome.EXPERIMENT: 130472,
    Outcome.SERVER_ERROR: 131000,
    Outcome.UNPAID: 131042,
    Outcome.LIMITED: 131048,
    Outcome.THROTTLED: 130429,
    Outcome.WINDOW_CLOSED: 131047,
    Outcome.BLOCKED: 130403,
    Outcome.DROPPED: 132015,
    Outcome.FAILED_AFTER_DELIVERED: 131000,
    Outcome.DELIVERED_AFTER_FAILED: 131000,
}

_UNIT = 2.0**-64


def lots(seed: int, person: str) -> tuple[float, float]:
    """Two numbers in [0, 1) that belong to this person under this seed."""
    digest = hashlib.blake2b(person.encode(), digest_size=16, key=str(seed).encode()).digest()
    return int.from_bytes(digest[:8]) * _UNIT, int.from_bytes(digest[8:]) * _UNIT


def sticky_outcome(
    lot: tuple[float, float],
    *,
    shares: Mapping[str, float],
    read_share: float,
    delivered_skipped_share: float,
) -> Outcome:
    """Draw the class from a person's lots.

    `shares` are the parts that are *not* delivered, in the order given; the rest is. Of the
    delivered, `read_share` are read, and of these `delivered_skipped_share` skip `delivered`.
    """
    first, second = lot
    edge = 0.0
    for name, share in shares.items():
        edge += share
        if first < edge:
            return Outcome(name)
    if second >= read_share:
        return Outcome.DELIVERED
    if second < read_share * delivered_skipped_share:
        return Outcome.READ_ONLY
    return Outcome.READ


def by_suffix(suffixes: Mapping[str, str], person: str) -> Outcome | None:
    """The class that a magic ending of the number asks for, if any."""
    for ending, name in suffixes.items():
        if person.endswith(ending):
            return Outcome(name)
    return None
