"""Refusals that hit everybody for a while, and the person who then resumes the distribution."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from distribution.lifecycle import control
from tests.faults.morning import Morning, asked
from tests.faults.stack import TEMPLATE

# Refused in the answer, and accepted but failed by a webhook.
BULK = ({"do": "error", "code": 132000}, {"do": "late_failure", "code": 131053})
# The rule needs a dozen failures: fewer people would each be a failure of their own.
LEFT_TO_SEND = 300
RESUME_AFTER = 1.0  # seconds
OTHER_ACCOUNT = "999999999999999"
OTHERS_NOTICE = {
    "entry_id": OTHER_ACCOUNT,
    "field": "message_template_status_update",
    "value": {
        "event": "PAUSED",
        "message_template_id": 777000777000777,
        "message_template_name": TEMPLATE,
        "message_template_language": "en",
        "reason": "NONE",
    },
}


@dataclass
class Storms:
    """One storm after the other while there are people to send to; each lasts until the
    distribution pauses. Between them an event of another account comes in."""

    morning: Morning
    usual: Sequence[dict[str, Any]]  # the faults that go on beside them
    every: float = 10.0  # seconds
    begun: int = 0
    resumed: int = 0
    _raging: bool = False
    _paused_since: float | None = None
    _next: float = field(default_factory=lambda: time.monotonic() + 3.0)

    def step(self) -> bool:
        """Do what is due; always true, for a condition that is waited for."""
        now = time.monotonic()
        if self.morning.state() == "PAUSED":
            self._abate()
            self._paused_since = self._paused_since or now
            if now >= self._paused_since + RESUME_AFTER:
                asked(self._resume, default=None)
        elif self._may_begin(now):
            self._begin(now)
        return True

    def end(self) -> None:
        """No more of them, and nothing else that disturbs."""
        self.begun, self._raging = len(BULK), False
        self.morning.stack.cloud.calm()

    def _may_begin(self, now: float) -> bool:
        if self._raging or self.begun == len(BULK) or now < self._next:
            return False
        return self.morning.tally().get("PENDING", 0) >= LEFT_TO_SEND

    def _begin(self, now: float) -> None:
        cloud = self.morning.stack.cloud
        cloud.post("webhook", OTHERS_NOTICE)
        cloud.faults({**BULK[self.begun], "for_seconds": 3600})
        self.begun, self._raging, self._next = self.begun + 1, True, now + self.every

    def _abate(self) -> None:
        if self._raging:
            cloud = self.morning.stack.cloud
            cloud.clear_faults()
            cloud.faults(*self.usual)
            self._raging = False

    def _resume(self) -> None:
        control.resume(self.morning.pk, now=timezone.now())
        self.resumed, self._paused_since = self.resumed + 1, None
