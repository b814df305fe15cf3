"""Stand-ins on this machine for what alerts are sent to: PagerDuty, and services of apprise."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from distribution.models import AlertChannel, AlertRoute

KEY = "0123456789abcdef0123456789abcdef"
TRIGGERED, ACKNOWLEDGED, RESOLVED = "triggered", "acknowledged", "resolved"


@dataclass
class PagerDuty:
    """Its Events API v2, as far as we use it: incidents by dedup key, 202, 400, 429."""

    url: str = ""
    limited: int = 0  # how many of the next events get 429
    events: list[dict[str, Any]] = field(default_factory=list)  # accepted
    refused: list[str] = field(default_factory=list)
    incidents: list[tuple[str, str]] = field(default_factory=list)  # key and state, as they arose

    def take(self, body: bytes) -> int:
        event = json.loads(body)
        if self.limited:
            self.limited -= 1
            return 429
        if objection := self._objection(event):
            self.refused.append(objection)
            return 400
        self.events.append(event)
        self._apply(event["event_action"], event["dedup_key"])
        return 202

    def open(self) -> dict[str, str]:
        return {key: state for key, state in self.incidents if state != RESOLVED}

    def _objection(self, event: dict[str, Any]) -> str:
        action, payload = event.get("event_action"), event.get("payload") or {}
        if event.get("routing_key") != KEY:
            return "routing_key"
        if not event.get("dedup_key") or len(event["dedup_key"]) > 255:
            return "dedup_key"
        if action in ("acknowledge", "resolve"):
            return ""
        needed = payload.get("summary") and payload.get("source")
        if not needed or len(payload["summary"]) > 1024:
            return "payload"
        known = payload.get("severity") in ("critical", "error", "warning", "info")
        return "" if known and action == "trigger" else "severity"

    def _apply(self, action: str, key: str) -> None:
        """A resolved incident stays resolved: the next trigger makes another."""
        live = [at for at, (_, state) in enumerate(self.incidents) if state != RESOLVED]
        place = next((at for at in live if self.incidents[at][0] == key), None)
        if place is None:
            if action == "trigger":
                self.incidents.append((key, TRIGGERED))
        elif action != "trigger":
            self.incidents[place] = (key, ACKNOWLEDGED if action == "acknowledge" else RESOLVED)


@contextmanager
def a_pagerduty() -> Iterator[PagerDuty]:
    pagerduty = PagerDuty()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v2/enqueue"
            status = pagerduty.take(body)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "3")
            self.end_headers()

        def handle(self) -> None:
            with suppress(OSError):
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    pagerduty.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield pagerduty
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def a_channel(name: str, kind: str = "webhook", address: str = KEY, **more: Any) -> AlertChannel:
    return AlertChannel.objects.create(name=name, kind=kind, secret_address=address, **more)


def a_route(channel: AlertChannel, **more: Any) -> AlertRoute:
    return AlertRoute.objects.create(**{"name": f"to {channel}", "channel": channel, **more})


def signed_by_pagerduty(body: bytes, secret: str) -> str:
    """Its header, with a signature of a secret it no longer uses beside the right one."""
    right = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return f"v1={'0' * 64},v1={right}"
