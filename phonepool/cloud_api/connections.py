"""Kept-alive connections for sends, as light as they come: one write, one parsed answer.

Whether a request left this machine decides whether it may be repeated. So the call knows: the
guard is asked when the connection stands and nothing was written; what fails before is
`NotSent`, and from the first byte on every failure is `Unanswered`.
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
    NotSent,
    Unanswered,
)
from phonepool.failpoints import failpoint

MAX_IDLE_SECONDS = 10.0  # seconds; a socket idle for longer may be closed just as we write
TOTAL_TIMEOUT_FACTOR = 1.5  # × the read timeout: an answer that drips byte by byte ends after this
MAX_HEADER_BYTES = 64 * 1024  # bytes of an answer's header fields
MAX_HEADER_FIELDS = 100  # header fields of an answer
RECEIVE_BYTES = 16 * 1024  # bytes asked of a socket at once; an answer to a send has some 600


class Response(NamedTuple):
    """A whole answer; the names of its header fields are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Target(NamedTuple):
    """Where to connect, and how long to wait for what. Times in seconds."""

    host: str
    port: int
    context: ssl.SSLContext | None  # None: without TLS
    connect_timeout: float
    read_timeout: float
    answer_limit: int  # bytes of an answer's body


class _TooLongError(Exception):
    """An answer that is longer than any real one."""


class _ResponseParser:
    """Takes one answer apart as it arrives; the names of its methods are httptools'."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head_bytes = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.whole = self.keep = self._head_read = False
        self._parser = HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Raises `HttpParserError`, or `_TooMuchError`."""
        if not data:
            self._end()
            return
        if not self._head_read:
            self._head_bytes += len(data)
        self._parser.feed_data(data)
        if len(self.body) > self._limit:
            raise _TooLongError
        if not self._head_read and self._head_bytes > MAX_HEADER_BYTES:
            raise HttpParserError("a head without an end")

    def response(self) -> Response:
        return Response(self._parser.get_status_code(), self.headers, self.body)

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= MAX_HEADER_FIELDS or len(value) > MAX_HEADER_BYTES:
            raise ValueError("too many header fields")
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._head_read = True

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() < 200:  # an interim answer: the real one follows
            self.headers, self._head_read = {}, False
            return
        self.whole, self.keep = True, self._parser.should_keep_alive()

    def _end(self) -> None:
        """The other side closed: the end of an answer that has no length, else a break."""
        measured = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self._head_read or measured:
            raise HttpParserError("closed in the middle of an answer")
        self.whole = True


class Connection:
    """One socket; used by one thread at a time."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._sock: socket.socket | None = None
        self._answered_at = -float("inf")  # -inf: nothing was ever read from this socket

    def exchange(self, request: bytes, guard: Callable[[], None]) -> tuple[Response, bool]:
        """Write when the guard allows it, read the answer; and whether to keep the connection."""
        sock = self._ready(guard)
        failure: Failure
        try:
            sock.settimeout(self._target.read_timeout)
            sock.sendall(request)
            failpoint("after_write")
            return self._read(sock)
        except TimeoutError:
            failure, words = NO_ANSWER, ""
        except (OSError, HttpParserError):
            failure, words = CONNECTION_LOST, ""
        except _TooLongError:
            failure, words = UNREADABLE, f"more than {self._target.answer_limit} bytes"
        # Outside the handler: what was caught holds the request and with it the token.
        raise Unanswered(failure, words)

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def _ready(self, guard: Callable[[], None]) -> socket.socket:
        """A socket to write to, the guard having had the last word."""
        if monotonic() - self._answered_at > MAX_IDLE_SECONDS:
            self.close()
        fresh = self._sock is None
        sock = self._sock or self._connect()
        guard()
        # The guard may have waited, and the other side closed a kept connection meanwhile. A
        # new one over TLS cannot be asked: it has session tickets to read from the start.
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
        reader = _ResponseParser(self._target.answer_limit)
        while not reader.whole:
            left = end - monotonic()
            if left <= 0:
                raise TimeoutError
            if left < timeout:
                sock.settimeout(left)
            reader.feed(sock.recv(RECEIVE_BYTES))
        self._answered_at = monotonic()
        return reader.response(), reader.keep


class Connections:
    """Idle connections to one place, the last used first; safe to share between threads."""

    def __init__(self, target: Target, most: int) -> None:
        self._target, self._most = target, most
        self._idle: deque[Connection] = deque()

    def exchange(self, request: bytes, guard: Callable[[], None]) -> Response:
        """One request and its answer. Raises `NotSent`, `Unanswered` or what the guard raises."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = Connection(self._target)
        keep = False
        try:
            response, keep = connection.exchange(request, guard)
            return response
        except NotSent:
            keep = True  # nothing was written: it is as good as it was
            raise
        finally:
            if keep and len(self._idle) < self._most:
                self._idle.append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Let go of the idle ones."""
        while self._idle:
            self._idle.pop().close()


def _wrap_tls(sock: socket.socket, context: ssl.SSLContext, host: str) -> socket.socket:
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except BaseException:
        sock.close()
        raise


def _is_readable(sock: socket.socket) -> bool:
    """Whether an idle socket has something to read: its end, or what nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLRDHUP)
    return bool(poll.poll(0))
