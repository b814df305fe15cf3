"""How long a response asks us to wait, in every form that HTTP and Meta allow."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from phonepool.cloud_api.connections import Response
from phonepool.json_values import as_integer, as_object, objects_in, parse

MAX_RETRY_AFTER_SECONDS = 3600.0
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?", re.ASCII)


def retry_after(response: Response) -> float | None:
    """How long Meta asks us to wait, in seconds, at most an hour; None if it does not ask."""
    value = response.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    if (wait := _seconds_until(value, response.headers.get("date", ""))) is not None:
        return wait
    return _seconds_to_regain_access(response.headers.get("x-business-use-case-usage", ""))


def _seconds_until(value: str, answered: str) -> float | None:
    """The wait until an HTTP date, by the clock of whoever answered, else by ours."""
    until = _date(value)
    if until is None:
        return None
    left = (until - (_date(answered) or datetime.now(UTC))).total_seconds()
    return min(left, MAX_RETRY_AFTER_SECONDS) if left > 0 else None


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    # Dates in HTTP are in GMT, also in the form that does not say so.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _seconds_to_regain_access(usage: str) -> float | None:
    """`{"<account>": [{"estimated_time_to_regain_access": minutes, …}]}`"""
    accounts = as_object(parse(usage.encode())).values()
    minutes = [
        as_integer(row.get("estimated_time_to_regain_access")) or 0
        for account in accounts
        for row in objects_in(account)
    ]
    longest = max(minutes, default=0)
    return min(longest * 60.0, MAX_RETRY_AFTER_SECONDS) if longest > 0 else None
