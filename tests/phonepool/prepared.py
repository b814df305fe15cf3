"""Prepared messages that are valid by default; a test says only what matters to it."""

from __future__ import annotations

import time
from typing import Any

from phonepool.cloud_api import PreparedMessage


def a_message(key: int = 1, **fields: Any) -> PreparedMessage:
    """One that is due at once and may wait long."""
    now = time.monotonic()
    return PreparedMessage(
        **{
            "key": key,
            "attempt_id": f"attempt-{key}",
            "phone_number_id": "100200300",
            "to": "+919812345678",
            "template": "daily_update",
            "language": "en",
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ravi"}]}],
            "send_at": now,
            "deadline": now + 30,
            "spacing": 0.0,
            **fields,
        }
    )
