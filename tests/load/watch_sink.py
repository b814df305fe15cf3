"""Where the alerts of a whole installation arrive: its signed webhook, each post with its time."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

OPENINGS = ("opened", "worse")
SECRET = "whsec_" + "QUJD" * 8


@dataclass(frozen=True, slots=True)
class Told:
    """One change of one alert, alone or from a digest."""

    at: float  # seconds since 1970
    kind: str
    rule: str
    scope: str
    severity: str
    message: str
    once: str  # the same for a notice that comes a second time


@dataclass
class AlertSink:
    """A receiver on this machine; what is not signed by us is an error."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    _held: str = ""  # a rule whose notices get no answer …
    _released: threading.Event = field(default_factory=threading.Event)  # … until this is set

    def hold(self, rule: str) -> None:
        """Take what is told by this rule, and do not answer until `release`."""
        self._held = rule
        self._released.clear()

    def release(self) -> None:
        self._held = ""
        self._released.set()

    def of(self, rule: str) -> list[Told]:
        return [one for one in list(self.told) if one.rule == rule]

    def opened(self, since: float, rules: Collection[str] = ()) -> list[Told]:
        """What was told as opened, or as worse, since then; of these rules or of all."""
        return [
            one
            for one in list(self.told)
            if one.at >= since
            and one.kind in ("opened", "worse")
            and (not rules or one.rule in rules)
        ]

    def closed(self, alert: Told, since: float) -> Told | None:
        """When it was told that this one is over."""
        return next(
            (
                one
                for one in list(self.told)
                if one.at >= since
                and (one.kind, one.rule, one.scope) == ("closed", alert.rule, alert.scope)
            ),
            None,
        )

    def doubles(self) -> int:
        """Notices that came more than once under the same key."""
        return len(self.told) - len({one.once for one in self.told})

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        Webhook(SECRET).verify(body, headers)
        now, content = time.time(), json.loads(body)
        alerts = content.get("alerts", [content])
        kind = content.get("change", content["kind"])
        told = [_told(now, kind, content["seq"], alert) for alert in alerts]
        self.told += told
        if any(one.rule == self._held for one in told):
            self._released.wait(30)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.take(body, {name.lower(): value for name, value in self.headers.items()})
                with contextlib.suppress(OSError):  # who posted it may be dead
                    self.send_response(204)
                    self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            server.daemon_threads = True
            self.url = f"http://127.0.0.1:{server.server_port}/"
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


def _told(now: float, kind: str, number: int, alert: dict[str, Any]) -> Told:
    rule, scope = alert["rule"], alert["scope"]
    once = f"{alert['dedup_key']} {kind} {number}"
    return Told(now, kind, rule, scope, alert["severity"], alert["message"], once)
