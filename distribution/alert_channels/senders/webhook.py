"""A JSON POST to WEBHOOK_ALERT_URL or another address, signed like events (Standard Webhooks)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from standardwebhooks import Webhook

from distribution.alert_channels import messages
from distribution.alert_channels.messages import AlertMessage
from distribution.alert_channels.results import Sent, of_post
from distribution.event_webhooks import http_post
from distribution.models import Alert, AlertChannel

KIND_PREFIX = "alert."


def address_of(channel: AlertChannel) -> str:
    return str(settings.WEBHOOK_ALERT_URL) if channel.builtin else channel.secret_address


def secret_of(channel: AlertChannel) -> str:
    return (channel.builtin and settings.WEBHOOK_ALERT_SECRET) or channel.signing_secret


def send(channel: AlertChannel, message: AlertMessage, *, now: datetime) -> Sent:
    body = json.dumps(content(message), ensure_ascii=False, separators=(",", ":"))
    uid = f"msg_{message.uid}"
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Daybreak",
        "webhook-id": uid,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret_of(channel)).sign(uid, now.astimezone(UTC), body),
    }
    result = http_post.post(address_of(channel), body.encode(), headers)
    return of_post(result)


def content(message: AlertMessage) -> dict[str, Any]:
    """The body. A digest has the fields of its worst alert's, no rule, and all its alerts."""
    shared = {
        "kind": "test" if message.is_test else message.kind.removeprefix(KIND_PREFIX),
        "seq": message.number,
        "dedup_key": message.key,
        "run_url": message.page,
    }
    if len(message.alerts) == 1:
        return {**_alert(message.alerts[0]), **shared, "dedup_key": _key(message)}
    return {
        "id": None,
        "rule": "",
        "scope": "",
        "severity": message.severity,
        "message": message.title,
        "opened_at": message.alerts[0].opened_at.isoformat(),
        "closed_at": None,
        "acknowledged_by": None,
        **shared,
        "kind": "digest",
        "change": message.kind.removeprefix(KIND_PREFIX),
        "alerts": [
            {**_alert(alert), "dedup_key": messages.occurrence_key(alert)}
            for alert in message.alerts
        ],
    }


def _key(message: AlertMessage) -> str:
    return message.key if message.is_test else messages.occurrence_key(message.alerts[0])


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "id": alert.pk,
        "rule": alert.rule,
        "scope": alert.scope,
        "severity": alert.severity,
        "message": alert.message,
        "opened_at": alert.opened_at.isoformat(),
        "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
        "acknowledged_by": _acknowledged_by(alert),
        "again": alert.again,
    }


def _acknowledged_by(alert: Alert) -> str | None:
    if alert.acknowledged_at is None:
        return None
    person = alert.acknowledged_by
    return alert.acknowledged_via or (person.get_username() if person else "")
