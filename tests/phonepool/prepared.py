"""Prepared messages that are valid by default; a test overrides the fields it needs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from phonepool.cloud_api.client import CloudApi, Dispatch, PreparedMessage, SendOutcome


def a_message(key: int = 1, **fields: Any) -> PreparedMessage:
    """A message that is due at once, with a late deadline."""
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


def send(api: CloudApi, messages: Iterable[PreparedMessage]) -> Dispatch:
    """Submits the messages; their outcomes are collected from the result."""
    dispatch = api.dispatch()
    dispatch.submit(messages)
    return dispatch


def all_outcomes(dispatch: Dispatch) -> list[SendOutcome]:
    """All outcomes that were not collected yet, sorted by key."""
    return sorted(dispatch.collect(timeout=120), key=lambda outcome: outcome.key)
