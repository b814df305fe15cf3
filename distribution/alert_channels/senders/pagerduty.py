"""PagerDuty's Events API v2: trigger, acknowledge and resolve, by a small POST.

Events with the same dedup key are one incident. 202 is taken; 429 and 5xx are tried again; what got
400 is never taken.
"""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings

from distribution.alert_channels.messages import AlertMessage
from distribution.alert_channels.results import Sent, of_post
from distribution.event_webhooks import http_post
from distribution.models import AlertChannel, NotificationKind, Severity

PATH = "/v2/enqueue"
KEY_LENGTH, SUMMARY_LENGTH = 255, 1024  # characters that PagerDuty takes
TOO_MANY = 429  # HTTP status
DETAILS_LIMIT = 20  # alerts of a digest
ACTIONS = {
    NotificationKind.ALERT_CLOSED: "resolve",
    NotificationKind.ALERT_ACKNOWLEDGED: "acknowledge",
}


def send(channel: AlertChannel, message: AlertMessage) -> Sent:
    sent = _post(_event(channel, message))
    if sent.ok and message.is_test:  # nobody is to be paged for long
        return _post({**_address(channel, message), "event_action": "resolve"})
    return sent


def _address(channel: AlertChannel, message: AlertMessage) -> dict[str, Any]:
    return {"routing_key": channel.secret_address, "dedup_key": message.key[:KEY_LENGTH]}


def _event(channel: AlertChannel, message: AlertMessage) -> dict[str, Any]:
    action = ACTIONS.get(message.kind, "trigger")
    event = {**_address(channel, message), "event_action": action}
    if action != "trigger":
        return event
    first = message.alerts[0]
    summary = f"{message.title}. {first.message}" if len(message.alerts) == 1 else message.title
    return {
        **event,
        "client": "Daybreak",
        "client_url": message.page,
        "links": [{"href": message.page, "text": "Open it in Daybreak"}],
        "payload": {
            "summary": summary[:SUMMARY_LENGTH],
            "source": settings.INSTALLATION_NAME,
            "severity": "critical" if message.severity == Severity.CRITICAL else "warning",
            "timestamp": first.opened_at.isoformat(),
            "component": first.rule,
            "group": first.scope or "installation",
            "custom_details": {
                "what": message.text,
                "alerts": [
                    f"{alert.rule} {alert.scope}".strip()
                    for alert in message.alerts[:DETAILS_LIMIT]
                ],
            },
        },
    }


def _post(event: dict[str, Any]) -> Sent:
    body = json.dumps(event, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Daybreak"}
    result = http_post.post(f"{settings.PAGERDUTY_URL}{PATH}", body, headers)
    if result.ok:
        return of_post(result)
    if result.status is not None and 400 <= result.status < 500 and result.status != TOO_MANY:
        error = f"PagerDuty refused it ({result.status}). Check the integration key."
        return of_post(result, error, final=True)
    return of_post(result, f"PagerDuty: {result.error}")
