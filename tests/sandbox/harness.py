"""The real sandbox as a child process, and a webhook receiver to post to."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent.parent
TOKEN = "the-access-token"
SECRET = "the-app-secret"
VERIFY = "the-verify-token"
WABA = "400000000000009"
ONE = "100000000000001"
TWO = "100000000000002"
ONE_DISPLAY = "919800000001"
# Answers at once, statuses within a few hundredths of a second, nothing left to chance.
QUICK = {
    "latency_p50_ms": 1,
    "latency_p95_ms": 1,
    "latency_p99_ms": 1,
    "read_latency_p50_ms": 1,
    "read_latency_p95_ms": 1,
    "time_scale": 0.02,
    "webhook_batch_window_ms": 0,
    "webhook_connections": 1,  # one after the other, so that the order is certain
    "webhook_duplicate_share": 0,
    "webhook_reorder_share": 0,
    "webhook_retry_scale": 0.001,
    "upload_base_ms": 1,
    "outcome_shares": {"UTILITY": {}, "MARKETING": {}},
    "read_share": 0,
}


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """Polls a condition and returns its first true value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def start(*more: str, settings: dict[str, Any] | None = None) -> SandboxProcess:
    """Starts a sandbox with two numbers and two message templates."""
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--die-with-parent"]
    command += ["--access-token", TOKEN, "--app-secret", SECRET, "--verify-token", VERIFY]
    command += ["--waba-id", WABA, "--number", f"{ONE}:{ONE_DISPLAY}:500"]
    command += ["--number", f"{TWO}:+91 98000 00002:500:YELLOW"]
    command += ["--template", "daily_update:en:2", "--template", "offer:en_US:name:MARKETING"]
    command += ["--settings", json.dumps({**QUICK, **(settings or {})}), *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("sandbox listening on http://127.0.0.1:"), line
    return SandboxProcess(process, line.split()[-1])


class SandboxProcess:
    """A running sandbox and one kept-alive session to it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        self.session = requests.Session()
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

    def post(
        self, body: Any, *, number: str = ONE, token: str | None = TOKEN, timeout: float = 10
    ) -> requests.Response:
        """POST any body to a number's messages."""
        headers = {"Content-Type": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"{self.url}/v25.0/{number}/messages"
        return self.session.post(url, data=raw, headers=headers, timeout=timeout)

    def send(self, to: str, **more: Any) -> requests.Response:
        """Send the daily message to one person."""
        options = {key: more.pop(key) for key in ("number", "token", "timeout") if key in more}
        return self.post(message(to, **more), **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        """A Graph read."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.session.get(
            f"{self.url}/v25.0/{path}", params=query, headers=headers, timeout=10
        )

    def call(self, method: str, path: str) -> requests.Response:
        """Another Graph call without a body."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return self.session.request(method, f"{self.url}/v25.0/{path}", headers=headers, timeout=10)

    def control(self, method: str, command: str, body: Any = None, **query: Any) -> Any:
        """A control call that must succeed; its JSON."""
        answer = self.ask(method, command, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, method: str, command: str, body: Any = None, **query: Any) -> requests.Response:
        """A control call."""
        url = f"{self.url}/control/{command}"
        return self.session.request(method, url, json=body, params=query, timeout=10)

    def journal(self) -> list[dict[str, Any]]:
        """What was accepted."""
        entries: list[dict[str, Any]] = self.control("GET", "journal")["entries"]
        return entries

    def stats(self) -> dict[str, Any]:
        """The counters."""
        found: dict[str, Any] = self.control("GET", "stats")
        return found

    def settings(self, **changes: Any) -> None:
        """Change settings."""
        self.control("PATCH", "settings", changes)

    def stop(self) -> int:
        """Terminates the process; returns its exit code."""
        self.session.close()
        self.process.terminate()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(30)


def message(
    to: str, *, opaque: str = "", template: str = "daily_update", language: str = "en", **more: Any
) -> dict[str, Any]:
    """A template message with two body parameters."""
    parameters = more.pop("parameters", None)
    if parameters is None:
        parameters = [{"type": "text", "text": "Ravi"}, {"type": "text", "text": "नमस्ते a/b"}]
    envelope: dict[str, Any] = {
        "messaging_product": "whatsapp",
        "to": to,
        "type": "template",
        "template": {
            "name": template,
            "language": {"code": language},
            "components": [{"type": "body", "parameters": parameters}],
        },
        **more,
    }
    if opaque:
        envelope["biz_opaque_callback_data"] = opaque
    return envelope


@dataclass
class Received:
    """One received POST."""

    body: bytes
    headers: dict[str, str]
    answered: int

    @property
    def json(self) -> dict[str, Any]:
        """The body, parsed."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def statuses(self) -> list[dict[str, Any]]:
        """Every status in it, in order."""
        return [status for value in self.values("messages") for status in value.get("statuses", [])]

    def values(self, field: str) -> list[dict[str, Any]]:
        """The values of one field's changes."""
        changes = [change for entry in self.json["entry"] for change in entry["changes"]]
        return [change["value"] for change in changes if change["field"] == field]


@dataclass
class Receiver:
    """A webhook endpoint that responds with `answers`, else with 200."""

    posts: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)  # for the next POSTs, first one first
    hold: threading.Event | None = None  # POSTs wait for it, if there is one
    lists: dict[Any, list[Received]] = field(default_factory=dict)  # where a connection's POSTs go

    def begin(self) -> Receiver:
        """Listen on a free port."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                posts, hold = receiver.lists[self.client_address], receiver.hold
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hold is not None:
                    hold.wait(10)
                status = receiver.answers.pop(0) if receiver.answers else 200
                posts.append(Received(body, dict(self.headers.items()), status))
                self._answer(status, b"")

            def do_GET(self) -> None:
                query = dict(pair.split("=", 1) for pair in self.path.split("?")[1].split("&"))
                right = query.get("hub.verify_token") == VERIFY
                challenge = query["hub.challenge"].encode() if right else b"no"
                self._answer(200 if right else 403, challenge)

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                with contextlib.suppress(ConnectionError):  # the sandbox was cleared meanwhile
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Silence."""

        class Server(ThreadingHTTPServer):
            def verify_request(self, _: Any, client_address: Any) -> bool:
                receiver.lists[client_address] = receiver.posts  # in the order of connecting
                return True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        return self

    @property
    def url(self) -> str:
        """Where webhooks go."""
        return f"http://127.0.0.1:{self.server.server_port}/webhooks/whatsapp"

    def clear(self) -> None:
        """Forget everything; what comes by connections opened before goes to the old list."""
        with socket.create_connection(self.server.server_address[:2]) as last:  # behind all others
            wait_for(lambda: last.getsockname() in self.lists)
        self.answers.clear()
        self.posts = []
        self.hold = None

    def end(self) -> None:
        """Stop listening."""
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def statuses(self) -> list[dict[str, Any]]:
        """Every status that was answered 200, in the order of arrival."""
        good = [post for post in list(self.posts) if post.answered == 200]
        return [status for post in good for status in post.statuses]

    def values(self, field: str) -> list[dict[str, Any]]:
        """Every value of one field, in the order of arrival."""
        return [value for post in list(self.posts) for value in post.values(field)]
