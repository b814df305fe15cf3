"""POST one event to a checked address, without redirects, within a time limit."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from distribution.event_webhooks import address_guard
from distribution.event_webhooks.address_guard import AddressError, Target

CONNECT_SECONDS = 3.0
TOTAL_SECONDS = 10.0  # for the whole response, also if it arrives byte by byte
RETRY_AFTER_LIMIT_SECONDS = 3600.0  # longer Retry-After values are cut


@dataclass(frozen=True, slots=True)
class PostResult:
    """The result of a POST. Without a status there was no response, and `error` says why."""

    status: int | None
    error: str = ""
    retry_after: float = 0.0  # seconds

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str]) -> PostResult:
    """Post once. Of the response only status and Retry-After are read."""
    try:
        target = address_guard.resolve(url)
        with _connection(target) as connection:
            connection.request("POST", target.path, body, {**headers, "Connection": "close"})
            return _result(connection.getresponse())
    except AddressError as error:
        return PostResult(None, str(error))
    except ssl.SSLError as error:
        return PostResult(None, f"Its certificate or encryption is not accepted: {error.reason}.")
    except TimeoutError:
        return PostResult(None, "It did not respond in time.")
    except (OSError, http.client.HTTPException) as error:
        return PostResult(None, f"It could not be reached: {type(error).__name__}.")


def _result(response: http.client.HTTPResponse) -> PostResult:
    header = response.getheader("Retry-After", "")
    seconds = float(header) if header.isascii() and header.isdigit() else 0.0
    wait = min(seconds, RETRY_AFTER_LIMIT_SECONDS)
    if 200 <= response.status < 300:
        return PostResult(response.status)
    redirected = " Redirects are not followed." if 300 <= response.status < 400 else ""
    return PostResult(response.status, f"It responded with {response.status}.{redirected}", wait)


@contextlib.contextmanager
def _connection(target: Target) -> Iterator[http.client.HTTPConnection]:
    """A connection to the checked address, cut off after TOTAL_SECONDS."""
    address = (str(target.address), target.port)
    timed_out = threading.Event()
    connection = http.client.HTTPConnection(target.host, target.port, timeout=TOTAL_SECONDS)
    raw = socket.create_connection(address, timeout=CONNECT_SECONDS)
    duplicate = raw.dup()
    timer = threading.Timer(TOTAL_SECONDS, _shut_down, (duplicate, timed_out))
    timer.daemon = True
    timer.start()
    try:
        raw.settimeout(TOTAL_SECONDS)
        connection.sock = _wrap_tls(raw, target.host) if target.secure else raw
        connection.auto_open = 0  # never to another address
        yield connection
    except (OSError, http.client.HTTPException):
        if not timed_out.is_set():
            raise
    finally:
        timer.cancel()
        duplicate.close()
        connection.close()
        raw.close()
    if timed_out.is_set():  # a truncated response may look complete
        raise TimeoutError


def _shut_down(duplicate: socket.socket, timed_out: threading.Event) -> None:
    """The time is over: a blocked read of the connection returns."""
    timed_out.set()
    with contextlib.suppress(OSError):
        duplicate.shutdown(socket.SHUT_RDWR)


def _wrap_tls(raw: socket.socket, host: str) -> ssl.SSLSocket:
    return _context().wrap_socket(raw, server_hostname=host)


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
