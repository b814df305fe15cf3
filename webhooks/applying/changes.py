"""One entry of `changes` in a webhook, as the readers of all fields get it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webhooks.applying.events import Event

Value = dict[str, Any]
Item = Event | str  # what was read, or by which name it is counted as left out


@dataclass(slots=True)
class Change:
    """One entry of `changes`, and what is known about all items in it."""

    value: Value
    account: str  # Meta's id of the account (WABA) that the entry is about
    number: str  # Meta's id of the pool's number; '' on management fields
    at: datetime  # Meta's time of the event, else when it was received here
    received_at: datetime
    skipped: Counter[str]
