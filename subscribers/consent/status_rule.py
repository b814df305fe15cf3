"""Which status follows from a subscriber's consent events. Pure: their order does not count."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from subscribers.models import ConsentEvent, Status

Kind = ConsentEvent.Kind

# The status after an event of a subscriber who has not opted out. Of two at the same time the later
# line wins: when unsure, no message is sent.
_STATUS_AFTER: dict[str, Status] = {
    Kind.OPT_IN: Status.ACTIVE,
    Kind.RESUME: Status.ACTIVE,
    Kind.UNREACHABLE: Status.INVALID,
    Kind.PAUSE: Status.PAUSED,
}
_BY_CAUTION = list(_STATUS_AFTER)


def status_from_events(current: str, latest: Mapping[str, datetime]) -> Status:
    """The status that follows from the time of the latest event of each kind.

    `current` counts only where no event speaks: rows that are older than the events. Consent
    goes first, and on equal times the opt-out holds.
    """
    opted_in, opted_out = latest.get(Kind.OPT_IN), latest.get(Kind.OPT_OUT)
    if opted_out and (opted_in is None or opted_out >= _whole(opted_in, opted_out)):
        return Status.UNSUBSCRIBED
    if opted_in is None and current == Status.UNSUBSCRIBED:
        return Status.UNSUBSCRIBED
    last = max(
        (kind for kind in _BY_CAUTION if kind in latest),
        key=lambda kind: (latest[kind], _BY_CAUTION.index(kind)),
        default=None,
    )
    return _STATUS_AFTER[last] if last else Status(current)


def _whole(opted_in: datetime, opted_out: datetime) -> datetime:
    """The consent's time, as exact as the opt-out's: WhatsApp tells whole seconds, so its STOP may
    have come at any moment of its second."""
    return opted_in if opted_out.microsecond else opted_in.replace(microsecond=0)
