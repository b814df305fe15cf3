"""What PagerDuty posts to us: somebody acknowledged an incident there.

Webhooks V3: `X-PagerDuty-Signature: v1=<hex>,…`, an HMAC-SHA256 of the body with the secret that
PagerDuty shows when the webhook is made; it is entered at the channel.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from distribution.alert_channels import incident_keys
from distribution.alerts import incidents
from distribution.models import AlertChannel

HEADER = "X-PagerDuty-Signature"
PREFIX = "v1="
ACKNOWLEDGED = "incident.acknowledged"
SIGNATURES_LIMIT = 5  # in one header; PagerDuty sends two while a secret is changed


def is_signed(channel: AlertChannel, body: bytes, header: str) -> bool:
    """Whether PagerDuty sent it, to this channel."""
    if not channel.signing_secret:
        return False
    wanted = hmac.new(channel.signing_secret.encode(), body, hashlib.sha256).hexdigest()
    given = [part.strip() for part in header.split(",")[:SIGNATURES_LIMIT]]
    return any(
        hmac.compare_digest(part.removeprefix(PREFIX).encode(), wanted.encode())
        for part in given
        if part.startswith(PREFIX)
    )


def take(channel: AlertChannel, body: bytes, *, now: datetime) -> int:
    """Acknowledge what the incident is about; how many alerts. Other events change nothing."""
    event = _part(_json(body), "event")
    if event.get("event_type") != ACKNOWLEDGED:
        return 0
    key = _part(event, "data").get("incident_key")
    if not isinstance(key, str) or not key:
        return 0
    pks = incident_keys.open_alerts_of_key(key, channel.pk)
    person = _part(event, "agent").get("summary")
    via = f"PagerDuty: {person}" if isinstance(person, str) and person else "PagerDuty"
    return incidents.acknowledge(pks, by=None, via=via, origin=channel.pk, now=now)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _part(value: Any, name: str) -> dict[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}
