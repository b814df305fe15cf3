"""How an attempt ended: the delivery's new columns, and the attempt to keep as evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from distribution.ledger.attempts.ids import AttemptKey
from distribution.models import Attempt, AttemptOutcome, State


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one attempt ended, and the new state of its delivery."""

    attempt: AttemptKey
    state: State  # ACCEPTED, HELD, RETRY_WAIT, FAILED, SKIPPED or UNKNOWN
    at: datetime
    reason: str = ""
    wamid: str | None = None
    next_at: datetime | None = None
    charged: bool = False  # counts against the recipient's retry limit
    outcome: AttemptOutcome | None = None  # kept as evidence; None: nothing to keep
    number_id: int | None = None
    code: int | None = None
    http_status: int | None = None
    details: str = ""  # Meta's error details, masked
    fbtrace_id: str = ""
    started_at: datetime | None = None

    def columns(self) -> dict[str, Any]:
        """The delivery's new values; the keys are those of `SETTLE_COLUMNS`."""
        return {
            "id": self.attempt.delivery_id,
            "attempt_no": self.attempt.attempt_no,
            "claim_token": self.attempt.claim_token,
            "state": str(self.state),
            "reason": self.reason,
            "wamid": self.wamid,
            "at": self.at,
            "next_at": self.next_at,
            "charged": int(self.charged),
            "code": self.code,
        }

    def evidence(self) -> Attempt | None:
        """The record of a call that was not accepted; None if there is nothing to keep."""
        if self.outcome is None:
            return None
        return Attempt(
            delivery_id=self.attempt.delivery_id,
            attempt_id=str(self.attempt),
            number_id=self.number_id,
            outcome=self.outcome,
            reason=self.reason,
            code=self.code,
            http_status=self.http_status,
            details=self.details,
            fbtrace_id=self.fbtrace_id,
            started_at=self.started_at,
            ended_at=self.at,
        )
