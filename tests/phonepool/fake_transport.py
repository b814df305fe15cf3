"""A transport without a network that can be blocked before the guard and before the response."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable

from phonepool.cloud_api.transport import Response
from tests.phonepool.hostile_server import ACCEPTED


class FakeTransport:
    """Records what is sent after the guard returned; responds when it is not blocked."""

    def __init__(self) -> None:
        self.connecting = threading.Semaphore(0)  # released when a call has its connection
        self.sent: list[str] = []  # attempt ids
        self.sent_at: list[float] = []  # time.monotonic
        self.before_guard = threading.Event()
        self.before_answer = threading.Event()
        self.before_guard.set()
        self.before_answer.set()
        self.error: Exception | None = None

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        self.connecting.release()
        assert self.before_guard.wait(20)
        guard()
        self.sent_at.append(time.monotonic())
        self.sent.append(json.loads(body)["biz_opaque_callback_data"])
        assert self.before_answer.wait(20)
        if self.error is not None:
            raise self.error
        return Response(200, {}, ACCEPTED)

    def get(self, path: str) -> Response:
        raise AssertionError("nothing is read here")

    def close(self) -> None:
        """Nothing is open."""


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "the condition never became true"
        time.sleep(0.002)
