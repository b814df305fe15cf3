"""Links by which somebody acknowledges alerts without signing in.

A link names the alerts and the channel it was sent to, signed with SECRET_KEY. Who opens it sees a
page with a button: programs that look through links in messages acknowledge nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing

VALID_FOR = timedelta(days=2)
SALT = "distribution.alert_channels.links"


@dataclass(frozen=True, slots=True)
class Link:
    alerts: tuple[int, ...]
    channel: int


def acknowledge(alerts: Sequence[int], channel: int) -> str:
    """The address of the page."""
    token = signing.dumps([channel, *alerts], salt=SALT, compress=True)
    return f"{settings.PUBLIC_URL}/alerts/acknowledge/{token}/"


def read(token: str) -> Link | None:
    """What a link is about; None if it is not ours or no longer valid."""
    try:
        value = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except signing.BadSignature:
        return None
    channel, *alerts = value
    return Link(tuple(alerts), channel)
