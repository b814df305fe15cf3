"""Persistent HTTP connections for sends: one write, one parsed response.

Whether a request left this machine decides whether it may be repeated. The guard is called when
the connection is established and nothing has been written: until then a failure is `NotSent`, from
the first byte on it is `Unanswered`.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from httptools import HttpParserError, HttpResponseParser

from phonepool.errors import (
    CONNECT_TIMEOUT,
    CONNECTION_LOST,
    NO_ANSWER,
    NOT_SENT,
    UNREADABLE,
    Failure,
)
from phonepool.exceptions import NotSent, Unanswered
from phonepool.failpoints import failpoint

MAX_IDLE_SECONDS = 10.0  # the other side may close a socket that is idle longer while we write
TOTAL_TIMEOUT_FACTOR = 1.5  # × the read timeout: limit for a response that arrives byte by byte
MAX_HEADER_BYTES = 64 * 1024
MAX_HEADER_FIELDS = 100
RECEIVE_BYTES = 16 * 1024  # per recv; a response to a send has about 600


class Response(NamedTuple):
    """A complete response; the names of its header fields are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Target(NamedTuple):
    """Where to connect, and the time limits in seconds."""

    host: str
    port: int
    context: ssl.SSLContext | None  # None: without TLS
    connect_timeout: float
    read_timeout: float
    max_body_bytes: int


class _TooLongError(Exception):
    """A response longer than any real one."""


class _ResponseParser:
    """Parses one response as it arrives; httptools calls the methods `on_…`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._header_bytes = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = self.keep_alive = self._headers_read = False
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises `HttpParserError`, or `_TooMuchError`."""
        if not data:
            self._end()
            return
        if not self._headers_read:
            self._header_bytes += len(data)
        self._parser.feed_data(data)
        if len(self.body) > self._limit:
            raise _TooLongError
        if not self._headers_read and self._header_bytes > MAX_HEADER_BYTES:
            raise HttpParserError("the header is too long")

    def response(self) -> Response:
        return Response(self._parser.get_status_code(), self.headers, self.body)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= MAX_HEADER_FIELDS or len(value) > MAX_HEADER_BYTES:
            raise ValueError("too many header fields")
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headers_read = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # an interim response: the final one follows
            self.headers, self._headers_read = {}, False
            return
        self.complete, self.keep_alive = True, self._parser.should_keep_alive()

    def _end(self) -> None:
        """The other side closed: the end of a response without a length, else an error."""
        has_length = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self._headers_read or has_length:
            raise HttpParserError("closed in the middle of a response")
        self.complete = True


class Connection:
    """One socket; used by one thread at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._sock: socket.socket | None = None
        self._answered_at = -float("inf")  # time.monotonic; -inf: nothing was read yet

    def exchange(self, request: bytes, guard: Callable[[], None]) -> tuple[Response, bool]:
        """Writes after the guard returned and reads the response; whether to keep the connection.

        Raises `NotSent`, `Unanswered` or what the guard raises.
        """
        sock = self._ready(guard)
        failure: Failure
        try:
            sock.settimeout(self._target.read_timeout)
            sock.sendall(request)
            failpoint("after_write")
            return self._read(sock)
        except TimeoutError:
            failure, details = NO_ANSWER, ""
        except (OSError, HttpParserError):
            failure, details = CONNECTION_LOST, ""
        except _TooLongError:
            failure, details = UNREADABLE, f"more than {self._target.max_body_bytes} bytes"
        # Outside the handler: the caught exception holds the request with the token.
        raise Unanswered(failure, details)

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _ready(self, guard: Callable[[], None]) -> socket.socket:
        """A socket to write to; the guard has been called for it."""
        if monotonic() - self._answered_at > MAX_IDLE_SECONDS:
            self.close()
        fresh = self._sock is None
        sock = self._sock or self._connect()
        guard()
        # While the guard waited, the other side may have closed a persistent connection. A new one
        # cannot be checked: over TLS it has session tickets to read from the start.
        if not fresh and _is_readable(sock):
            self.close()
            sock = self._connect()
            guard()
        return sock

    def _connect(self) -> socket.socket:
        target = self._target
        try:
            sock = socket.create_connection((target.host, target.port), target.connect_timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.context is not None:
                sock = _wrap_tls(sock, target.context, target.host)
            self._sock, self._answered_at = sock, -float("inf")
            return sock
        except TimeoutError:
            failure = CONNECT_TIMEOUT
        except (OSError, UnicodeError):
            failure = NOT_SENT
        raise NotSent(failure)

    def _read(self, sock: socket.socket) -> tuple[Response, bool]:
        timeout = self._target.read_timeout
        end = monotonic() + timeout * TOTAL_TIMEOUT_FACTOR
        reader = _ResponseParser(self._target.max_body_bytes)
        while not reader.complete:
            left = end - monotonic()
            if left <= 0:
                raise TimeoutError
            if left < timeout:
                sock.settimeout(left)
            reader.feed(sock.recv(RECEIVE_BYTES))
        self._answered_at = monotonic()
        return reader.response(), reader.keep_alive


class Connections:
    """Idle connections to one target, the last used first; thread-safe."""

    def __init__(self, target: Target, max_idle: int) -> None:
        self._target, self._max_idle = target, max_idle
        self._idle: deque[Connection] = deque()

    def exchange(self, request: bytes, guard: Callable[[], None]) -> Response:
        """One request and its response. Raises `NotSent`, `Unanswered` or what the guard raises."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = Connection(self._target)
        keep = False
        try:
            response, keep = connection.exchange(request, guard)
            return response
        except NotSent:
            keep = True  # nothing was written: the connection is still usable
            raise
        finally:
            if keep and len(self._idle) < self._max_idle:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Closes the idle connections."""
        while self._idle:
            self._idle.pop().close()


def _wrap_tls(sock: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle socket has something to read: its end, or unexpected data."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))
