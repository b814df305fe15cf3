"""A receiver of events: a real server on this machine, and what was posted to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import time_machine
from standardwebhooks import Webhook

from distribution.models import EventSubscription


@dataclass
class Post:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Its responses can be changed at any time."""

    url: str = ""
    status: int = 204
    response_headers: dict[str, str] = field(default_factory=dict)
    response: bytes = b""
    posts: list[Post] = field(default_factory=list)
    drips: bool = False  # its response never ends
    over: threading.Event = field(default_factory=threading.Event)

    def kinds(self) -> list[str]:
        return [post.content["type"] for post in self.posts]

    def verified(self, secret: str) -> list[Any]:
        """The posts as the receiver's own library verifies them; raises for a wrong signature.

        Read at the time they were signed: the library refuses what is older than five minutes, and
        the tests' NOW may be.
        """
        return [_verified(Webhook(secret), post) for post in self.posts]


def _verified(webhook: Webhook, post: Post) -> Any:
    headers = {name.lower(): value for name, value in post.headers.items()}
    with time_machine.travel(float(headers["webhook-timestamp"])):
        return webhook.verify(post.body, headers)


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append(Post(self.path, dict(self.headers), body))
            if receiver.drips:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not receiver.over.wait(0.05):
                    self.wfile.write(b"X")
                return
            self.send_response(receiver.status)
            for name, value in receiver.response_headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(receiver.response)

        def handle(self) -> None:
            with suppress(OSError):  # we hung up
                super().handle()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?from=daybreak"
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def a_subscription(url: str, **fields: Any) -> EventSubscription:
    return EventSubscription.objects.create(**{"name": f"at {url}", "url": url, **fields})
