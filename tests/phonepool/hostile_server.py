"""A small HTTP server on a real socket with configurable faults.

A behaviour is called with the connection after each complete request (`at_accept` before any). It
responds or does not, and returns whether the connection stays open.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

Behaviour = Callable[[socket.socket], bool]

WAMID = "wamid.HBgMOTE5ODEyMzQ1Njc4FQIAERgSQUJDREVGMDEyMzQ1Njc4OTAA"
ACCEPTED = b'{"messages":[{"id":"%b","message_status":"accepted"}]}' % WAMID.encode()


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One received request."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int  # 1 for the first connection, and so on
    at: float  # time.monotonic


class HostileServer:
    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[ReceivedRequest] = []
        self.connections = 0
        self.behaviour: Behaviour = respond(200, ACCEPTED)
        self.at_accept: Behaviour | None = None  # instead of reading anything
        self._context = context
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'https' if self._context else 'http'}://127.0.0.1:{self.port}"

    def open_connections(self) -> int:
        return sum(connection.fileno() >= 0 for connection in self._open)

    def hang_up_on_all(self) -> None:
        """The client sees the end of every connection when this returns."""
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)
        self.hang_up_on_all()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            threading.Thread(
                target=self._serve, args=(connection, self.connections), daemon=True
            ).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError):
            if self.at_accept is not None:
                self.at_accept(connection)
                return
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while (heard := _read(connection, number)) is not None:
                self.heard.append(heard)
                if not self.behaviour(connection):
                    break
            # First: close() invalidates the descriptor before the other side sees the end.
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
            connection.close()


def _read(connection: socket.socket, number: int) -> ReceivedRequest | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (more := connection.recv(65536)):
            return None
        data += more
    head, body = data.split(b"\r\n\r\n", 1)
    line, *rows = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (row.split(": ", 1) for row in rows)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return ReceivedRequest(line, headers, body, number, time.monotonic())


def response_bytes(status: int, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """The bytes of one response; `length` is a wrong Content-Length."""
    rows = [f"HTTP/1.1 {status} Whatever", *headers]
    rows.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(rows).encode() + b"\r\n\r\n" + body


def respond(status: int, body: bytes, *headers: str, length: int | None = None) -> Behaviour:
    def behave(connection: socket.socket) -> bool:
        connection.sendall(response_bytes(status, body, *headers, length=length))
        return length is None

    return behave


def send_raw(data: bytes) -> Behaviour:
    """Sends raw bytes and closes the connection."""

    def behave(connection: socket.socket) -> bool:
        connection.sendall(data)
        return False

    return behave


def reset(connection: socket.socket) -> bool:
    """Sends RST instead of a response."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    return False


def close_connection(connection: socket.socket) -> bool:
    connection.close()
    return False


def never_respond(connection: socket.socket) -> bool:
    """Sends nothing until the client has closed the connection."""
    with suppress(OSError):
        connection.recv(1)
    return False


def respond_byte_by_byte(connection: socket.socket) -> bool:
    """Sends a byte every 50 ms, always before the read timeout."""
    with suppress(OSError):
        for byte in response_bytes(200, ACCEPTED + b" " * 10_000):
            connection.sendall(bytes([byte]))
            time.sleep(0.05)
    return False


@contextmanager
def hostile_server(context: ssl.SSLContext | None = None) -> Iterator[HostileServer]:
    server = HostileServer(context)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def unconnectable_url() -> Iterator[str]:
    """A URL where connecting never ends: the queue of a listener that never accepts is full."""
    with socket.socket() as listener, socket.socket() as first:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        first.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def refusing_url() -> str:
    """The URL of a port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


# Where the limit itself ends the call; elsewhere a busy machine would.
SHORT_TIMEOUTS = {"connect_timeout": 0.3, "read_timeout": 0.4}


def timeouts_for(behaviour: Callable[..., bool]) -> dict[str, float]:
    """Time limits for a server that behaves so."""
    return SHORT_TIMEOUTS if behaviour in (never_respond, respond_byte_by_byte) else {}
