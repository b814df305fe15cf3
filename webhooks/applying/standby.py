"""Applies webhooks in the workers' place, if none of them does.

Workers that are only slower than Meta's reports are left alone: two processes that apply the same
reports wait for each other's rows, and both fall behind further (by 40 s in a run of 200,000).
"""

from __future__ import annotations

from datetime import datetime

from webhooks.applying import inbox
from webhooks.models import WebhookEvent


class Standby:
    """Asked every few seconds while the inbox lags behind."""

    def __init__(self) -> None:
        self._oldest: int | None = None  # that waited at the last look
        self._applying = False  # nobody else does

    def drain(self, now: datetime) -> None:
        """Apply what waits, unless another process has applied what waited at the last look."""
        waiting = WebhookEvent.objects.pending()
        before, oldest = self._oldest, waiting.oldest("pk")
        if before is not None:
            self._applying = oldest is not None and oldest <= before
        if self._applying or oldest is None:  # if none waits, that is recorded
            inbox.drain(now=now)
            oldest = waiting.oldest("pk")
        self._oldest = oldest
