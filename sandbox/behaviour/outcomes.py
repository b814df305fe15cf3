"""The outcome of an accepted message, determined by the person's number and the seed.

It is sticky: the same seed and person give the same outcome every time and in every process, so
that a second send to an invalid number fails like the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Self


class MessageOutcome(StrEnum):
    """The outcomes, which a test can request by name; of a failure also the error code."""

    failure_code: int  # 0: not a failure

    def __new__(cls, name: str, failure_code: int = 0) -> Self:
        outcome = str.__new__(cls, name)
        outcome._value_ = name
        outcome.failure_code = failure_code
        return outcome

    DELIVERED = "delivered"
    READ = "read"
    READ_ONLY = "read_only"  # `read` comes, `delivered` never does
    NEVER = "never"  # `sent` comes, nothing after it: phone off, or we are blocked
    SILENT = "silent"  # accepted, and not one webhook
    INVALID = "invalid", 131026
    CAPPED = "capped", 131049
    OPTED_OUT = "opted_out", 131050
    EXPERIMENT = "experiment", 130472
    SERVER_ERROR = "server_error", 131000
    UNPAID = "unpaid", 131042
    LIMITED = "limited", 131048
    THROTTLED = "throttled", 130429
    WINDOW_CLOSED = "window_closed", 131047
    BLOCKED = "blocked", 130403
    HELD = "held"  # held for quality assessment until released or dropped
    DROPPED = "dropped", 132015  # 135000 if portfolio pacing dropped it
    LATE_FAILURE = "late_failure", 131000  # of the code that a scripted fault names
    FAILED_AFTER_DELIVERED = "failed_after_delivered", 131000
    DELIVERED_AFTER_FAILED = "delivered_after_failed", 131000


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
