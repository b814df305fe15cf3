"""The proxy that stands between the processes: it must itself be beyond doubt."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says back what it hears."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(sock: socket.socket) -> None:
        with sock:
            try:
                while block := sock.recv(4096):
                    sock.sendall(block)
            except OSError:
                return

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(sock,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


@pytest.fixture
def proxy(echo: int) -> Iterator[Proxy]:
    with Proxy(echo) as up:
        yield up


def call(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def listen(sock: socket.socket, *, most: int) -> None:
    """Hear an answer to its end, which comes within `most` bytes."""
    heard = b""
    while block := sock.recv(100):
        heard += block
        assert len(heard) <= most


def test_it_passes_what_is_said(proxy):
    with call(proxy) as sock:
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"


def test_it_refuses_new_connections_and_breaks_the_old(proxy):
    with call(proxy) as sock:
        sock.sendall(b"hello")
        assert sock.recv(100) == b"hello"
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            call(proxy)
        with pytest.raises(ConnectionResetError):
            sock.recv(100)
    proxy.mend()
    with call(proxy) as sock:
        sock.sendall(b"again")
        assert sock.recv(100) == b"again"


def test_what_is_frozen_moves_again_when_it_is_mended(proxy):
    with call(proxy) as sock:
        sock.sendall(b"one")
        assert sock.recv(100) == b"one"
        proxy.freeze()
        sock.sendall(b"two")
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(100)
        proxy.mend()
        sock.settimeout(5)
        assert sock.recv(100) == b"two"


def test_it_cuts_an_answer_in_the_middle(proxy):
    proxy.cut(3)
    with call(proxy) as sock:
        sock.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            listen(sock, most=3)


def test_connections_that_come_while_it_closes_leave_nothing_behind(proxy):
    for _ in range(50):
        socks = [call(proxy) for _ in range(5)]
        proxy.refuse()
        for sock in socks:
            sock.close()
        proxy.mend()
