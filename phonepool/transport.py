"""Bytes to the Cloud API and back: kept-alive connections, time limits, and the first byte.

Whether a request left this machine decides whether it may be repeated, and no exception type
of requests tells it for certain (a reset in the TLS handshake looks like one in the middle of
an answer). So the connection itself remembers: it calls the guard when it is connected and
about to write, and from then on every failure is `Unanswered`, before it `NotSent`.

Redirects, retries, proxies, cookies and compression are off. `Transport` is the seam behind
which a lighter client can stand.
"""

from __future__ import annotations

import io
import math
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from http.client import HTTPException, HTTPResponse
from time import monotonic
from typing import Any, NamedTuple, Protocol, cast

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError
from urllib3.util import Timeout

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

SEND_LIMIT = 64 * 1024  # bytes of an answer to a send; a real one has 300
READ_LIMIT = 8 * 1024 * 1024  # a page of message templates with their components
IDLE_LIMIT = 10.0  # seconds; a socket idle for longer may be closed just as we write
PATIENCE = 1.5  # × the read timeout: an answer that drips byte by byte ends after this
SPARE_CONNECTIONS = 8  # for reads, besides one for each call


class Response(NamedTuple):
    """A whole answer; header names compare without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """One request, one answer. Raises `NotSent`, `Unanswered` or what the guard raises."""

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        """Send JSON. `guard` runs when the connection stands, just before the first byte;
        what it raises ends the call with nothing sent."""

    def get(self, path: str) -> Response:
        """Read; `path` with its query."""

    def close(self) -> None:
        """Let go of idle connections."""


class _Call(threading.local):
    """The call that this thread makes now, as its connection sees it."""

    guard: Callable[[], None] | None = None
    started = False  # whether a byte may have left
    patience = 0.0  # seconds from the first byte to the end of the answer
    end = math.inf


_call = _Call()


class _TimedReader(io.RawIOBase):
    """Reads a socket until the call's end, whatever trickles in: each read gets what is left."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._longest, self._end = sock, sock.gettimeout() or math.inf, _call.end
        self._raw = sock.makefile("rb", buffering=0)  # keeps the socket open until we are closed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(min(left, self._longest))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client needs of a socket to read an answer."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._sock))


class _TimedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(cast(socket.socket, _TimedSocket(sock)), *args, **options)


class _Connection(HTTPConnection):
    """Knows when the first byte leaves and how long it has been idle."""

    response_class = _TimedResponse
    _head: bytes | None = None
    _body_follows = False
    _proven = False  # whether an answer came over this socket
    _answered_at = -math.inf

    @property
    def is_connected(self) -> bool:
        return monotonic() - self._answered_at < IDLE_LIMIT and super().is_connected

    def connect(self) -> None:
        self._proven = False
        super().connect()

    def request(self, method: str, url: str, body: Any = None, *args: Any, **options: Any) -> None:
        self._head, self._body_follows = None, body is not None
        super().request(method, url, body, *args, **options)

    def send(self, data: Any) -> None:
        """Connect, ask the guard, write; head and body leave together, in one packet."""
        if self._body_follows:
            self._head, self._body_follows = data, False
            return
        if self.sock is None:
            self.connect()
        if not _call.started:
            self._ask(_call.guard)
            _call.started, _call.end = True, monotonic() + _call.patience
        super().send(data if self._head is None else self._head + data)
        failpoint("after_write")

    def getresponse(self) -> Any:
        answer = super().getresponse()
        self._proven, self._answered_at = True, monotonic()
        return answer

    def _ask(self, guard: Callable[[], None] | None) -> None:
        if guard is None:
            return
        guard()
        # The guard may have waited, and the other side closed an idle connection meanwhile. A
        # new TLS connection cannot be asked: it has session tickets to read from the start.
        if self._proven and not super().is_connected:
            self.sock.close()
            self.connect()
            guard()


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """requests' adapter for one host: what it works out anew for each call is done once."""

    def __init__(self, base_url: str, connections: int, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)
        self._pool = self.poolmanager.connection_from_url(base_url)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        # One context for all: loading the certificates costs milliseconds a connection.
        super().init_poolmanager(*args, ssl_context=self._context, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """The context verifies."""

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        response = requests.Response()  # without cookies: they cost more than all the rest
        response.status_code, response.headers, response.raw = resp.status, resp.headers, resp
        response.request, response.url = req, req.url or ""
        return response


class RequestsTransport:
    """The `Transport` on requests. Safe to share between threads.

    `connections` is how many calls may be under way at once; times in seconds.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        connections: int,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise ValueError("The access token has characters that no header may carry.")
        self._base_url = base_url
        self._headers = {
            "User-Agent": "Daybreak",
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json; charset=UTF-8",
        }
        self._timeout = Timeout(connect=connect_timeout, read=read_timeout)
        self._patience = read_timeout * PATIENCE
        context = ssl_context or ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
        self._adapter = _Adapter(base_url, connections + SPARE_CONNECTIONS, context)

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        return self._exchange("POST", path, body, guard, SEND_LIMIT)

    def get(self, path: str) -> Response:
        return self._exchange("GET", path, None, None, READ_LIMIT)

    def close(self) -> None:
        self._adapter.close()

    def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None,
        guard: Callable[[], None] | None,
        limit: int,
    ) -> Response:
        _call.guard, _call.started, _call.patience = guard, False, self._patience
        try:
            answer = self._adapter.send(
                self._prepared(method, path, body),
                stream=True,
                timeout=cast(Any, self._timeout),  # types-requests knows no Timeout
            )
            return _whole(answer, limit)
        except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
            failure = _failure(error)
        # Outside the handler: what was caught holds the request and with it the token.
        raise (Unanswered if _call.started else NotSent)(failure)

    def _prepared(self, method: str, path: str, body: bytes | None) -> requests.PreparedRequest:
        """A request as requests would prepare it, without the work that is the same each time."""
        request = requests.PreparedRequest()
        headers = dict(self._headers)
        if body is not None:
            headers["Content-Length"] = str(len(body))
        request.method, request.url, request.body = method, self._base_url + path, body
        request.headers = cast(Any, headers)
        return request


def _whole(answer: requests.Response, limit: int) -> Response:
    body = b""
    # Read to the very end: only there does a body cut short show.
    while len(body) <= limit and (more := answer.raw.read(limit + 1 - len(body))):
        body += more
    if len(body) > limit:
        answer.raw.close()
        raise Unanswered(UNREADABLE, f"more than {limit} bytes")
    return Response(answer.status_code, answer.headers, body)


def _failure(error: Exception) -> Failure:
    causes = _chain(error)
    if _call.started:
        late = any(isinstance(cause, (ReadTimeoutError, TimeoutError)) for cause in causes)
        return NO_ANSWER if late else CONNECTION_LOST
    slow = any(
        isinstance(cause, (ConnectTimeoutError, TimeoutError))
        and not isinstance(cause, NewConnectionError)
        for cause in causes
    )
    return CONNECT_TIMEOUT if slow else NOT_SENT


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and those that it came from."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__
    return chain
