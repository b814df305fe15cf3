"""The transport over TLS: a handshake that fails has sent nothing."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phonepool.errors import CONNECT_TIMEOUT, NOT_SENT
from phonepool.exceptions import NotSent
from tests.phonepool.hostile_server import (
    SHORT_TIMEOUTS,
    HostileServer,
    hostile_server,
    never_respond,
    reset,
    send_raw,
)
from tests.phonepool.transport_calls import PATH, Make, failure_of

pytestmark = pytest.mark.any_database  # sockets only


def test_a_server_that_speaks_no_tls_was_sent_nothing(make: Make, server: HostileServer) -> None:
    server.at_accept = send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    transport = make(server.url.replace("http", "https"))
    assert failure_of(transport, NotSent) is NOT_SENT


def test_a_reset_in_the_tls_handshake_sent_nothing(make: Make, server: HostileServer) -> None:
    def hears_hello_and_resets(connection: Any) -> bool:
        connection.recv(10)
        return reset(connection)

    server.at_accept = hears_hello_and_resets
    transport = make(server.url.replace("http", "https"))
    assert failure_of(transport, NotSent) is NOT_SENT


def test_a_tls_handshake_that_never_ends_sent_nothing(make: Make, server: HostileServer) -> None:
    server.at_accept = lambda connection: (
        bool(connection.recv(100_000)) and never_respond(connection)
    )
    transport = make(server.url.replace("http", "https"), **SHORT_TIMEOUTS)
    assert failure_of(transport, NotSent) is CONNECT_TIMEOUT


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key for 127.0.0.1, signed by nobody else."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl program to make a certificate")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    names = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", path, "-out", path.with_suffix(".crt")]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[HostileServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with hostile_server(context) as running:
        yield running


def test_over_tls_connections_are_kept_too(
    make: Make, tls_server: HostileServer, certificate: Path
) -> None:
    trusting = ssl.create_default_context(cafile=certificate.with_suffix(".crt"))
    transport = make(tls_server.url, ssl_context=trusting, connect_timeout=5, read_timeout=5)
    for _ in range(3):
        assert transport.post(PATH, b"{}", guard=lambda: time.sleep(0.02)).status == 200
    assert [heard.connection for heard in tls_server.heard] == [1, 1, 1]


def test_an_untrusted_certificate_is_sent_nothing(make: Make, tls_server: HostileServer) -> None:
    transport = make(tls_server.url, connect_timeout=5, read_timeout=5)
    assert failure_of(transport, NotSent) is NOT_SENT
    assert tls_server.heard == []
