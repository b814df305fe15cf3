"""Failures above 5% of a distribution, a phone number or a message template: rule R5, pure.

Only causes of ours or Meta's count. What lies with the recipient (131026, 131049, 131050, 130472, a
blocked person or country) is a fact about people and would hide, or fake, a fault. The share is
judged by its lower bound: 3 of 20 are certain enough, 1 of 20 is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from distribution.ledger import reasons
from distribution.models import State
from distribution.quality import bounds
from phonepool.errors import FailureCategory

LIMIT = 0.05
MIN_ANSWERS = 20
OF_RECIPIENTS = frozenset(
    {
        FailureCategory.INVALID_NUMBER,
        FailureCategory.BLOCKED,
        FailureCategory.OPTED_OUT,
        FailureCategory.CAPPED,
        FailureCategory.EXPERIMENT,
    }
)


@dataclass(frozen=True, slots=True)
class Answers:
    """What became of messages: accepted, or failed for a cause of ours or Meta's."""

    accepted: int = 0
    failed: int = 0

    def __add__(self, other: Answers) -> Answers:
        return Answers(self.accepted + other.accepted, self.failed + other.failed)

    @property
    def total(self) -> int:
        return self.accepted + self.failed

    @property
    def is_too_high(self) -> bool:
        """Whether more than LIMIT fail, with 95% confidence."""
        enough = self.total >= MIN_ANSWERS
        return enough and bounds.lower_bound(self.failed, self.total) > LIMIT


def answers_of(rows: Iterable[tuple[str, str, int]]) -> Answers:
    """The sum of rows (state, reason, count) of deliveries."""
    total = Answers()
    for state, reason, count in rows:
        if state in (State.ACCEPTED, State.HELD):
            total += Answers(accepted=count)
        elif state == State.FAILED and is_ours(reason):
            total += Answers(failed=count)
    return total


def is_ours(reason: str) -> bool:
    """Whether a failure's cause lies with us or with Meta."""
    return reasons.category(reason) not in OF_RECIPIENTS
