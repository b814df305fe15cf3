"""The outcome of an accepted message, determined by the person's number and the seed.

It is sticky: the same seed and person give the same outcome every time and in every process, so
that a second send to an invalid number fails like the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum


class MessageOutcome(StrEnum):
    """The outcomes, which a test can request by name."""

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


FAILURE_CODES: dict[MessageOutcome, int] = {
    MessageOutcome.INVALID: 131026,
    MessageOutcome.CAPPED: 131049,
    MessageOutcome.OPTED_OUT: 131050,
    MessageOutcome.EXPERIMENT: 130472,
    MessageOutcome.SERVER_ERROR: 131000,
    MessageOutcome.UNPAID: 131042,
    MessageOutcome.LIMITED: 131048,
    MessageOutcome.THROTTLED: 130429,
    MessageOutcome.WINDOW_CLOSED: 131047,
    MessageOutcome.BLOCKED: 130403,
    MessageOutcome.DROPPED: 132015,
    MessageOutcome.FAILED_AFTER_DELIVERED: 131000,
    MessageOutcome.DELIVERED_AFTER_FAILED: 131000,
}

_UNIT = 2.0**-64


def random_pair(seed: int, person: str) -> tuple[float, float]:
    """Two numbers in [0, 1) that depend only on the person and the seed."""
    digest = hashlib.blake2b(person.encode(), digest_size=16, key=str(seed).encode()).digest()
    return int.from_bytes(digest[:8]) * _UNIT, int.from_bytes(digest[8:]) * _UNIT


def sticky_outcome(
    pair: tuple[float, float],
    *,
    shares: Mapping[str, float],
    read_share: float,
    delivered_skipped_share: float,
) -> MessageOutcome:
    """The outcome for a person's `random_pair`.

    `shares` are the parts that are *not* delivered, in their order; the rest is. Of the delivered,
    `read_share` are read, and of these `delivered_skipped_share` skip `delivered`.
    """
    first, second = pair
    edge = 0.0
    for name, share in shares.items():
        edge += share
        if first < edge:
            return MessageOutcome(name)
    if second >= read_share:
        return MessageOutcome.DELIVERED
    if second < read_share * delivered_skipped_share:
        return MessageOutcome.READ_ONLY
    return MessageOutcome.READ


def outcome_by_suffix(suffixes: Mapping[str, str], person: str) -> MessageOutcome | None:
    """The outcome requested by a suffix of the number, if any."""
    for ending, name in suffixes.items():
        if person.endswith(ending):
            return MessageOutcome(name)
    return None
