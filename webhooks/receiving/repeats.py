"""What tells a repeated webhook from a second one.

Nearly every body holds an id or a time, so the same bytes are the same webhook. A body with nothing
but `value.errors` has neither: a second, real error is byte for byte the first. It counts as a
repeat only for a while.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import NamedTuple

from phonepool.json_values import Unreadable, as_array, as_object, parse_object

REPEAT_PERIOD = timedelta(minutes=10)
LONGEST_ERROR_BODY = 64 * 1024  # bytes
_TIMELESS = frozenset({"messaging_product", "metadata", "errors"})  # keys of a value


class Identity(NamedTuple):
    """What is stored once: `digest`; and, if the time matters, a digest that must not have been
    stored in the period before."""

    digest: str
    earlier: str = ""


def identify(body: bytes, now: datetime) -> Identity:
    """The identity of a body received at `now`; for most the time does not matter."""
    if not _is_timeless(body):
        return Identity(hashlib.sha256(body).hexdigest())
    period = int(now.timestamp() // REPEAT_PERIOD.total_seconds())
    digests = (hashlib.sha256(b"%d %s" % (of, body)).hexdigest() for of in (period, period - 1))
    return Identity(*digests)


def _is_timeless(body: bytes) -> bool:
    if b'"errors"' not in body or b'"statuses"' in body or len(body) > LONGEST_ERROR_BODY:
        return False
    try:
        entries = [as_object(entry) for entry in as_array(parse_object(body).get("entry"))]
    except Unreadable:
        return False
    changes = [as_object(change) for entry in entries for change in as_array(entry.get("changes"))]
    values = [as_object(change.get("value")) for change in changes]
    return (
        bool(values)
        and not any("time" in entry for entry in entries)
        and all("errors" in value and value.keys() <= _TIMELESS for value in values)
    )
