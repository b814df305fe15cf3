"""One POST of one event: to a judged address, without redirects, inside a time limit."""

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
TOTAL_SECONDS = 10.0  # for the whole answer: a server that drips letters is no exception
LONGEST_WAIT = 3600.0  # of what a receiver may ask for


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. Without a status nothing was answered, and `error` says why."""

    status: int | None
    error: str = ""
    retry_after: float = 0.0  # seconds

    @property
    def ok(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post it once. Of the answer only status and Retry-After are read."""
    try:
        target = address_guard.resolve(url)
        with _connection(target) as connection:
            connection.request("POST", target.path, body, {**headers, "Connection": "close"})
            return _judged(connection.getresponse())
    except AddressError as error:
        return Answer(None, str(error))
    except ssl.SSLError as error:
        return Answer(None, f"Its certificate or encryption is not accepted: {error.reason}.")
    except TimeoutError:
        return Answer(None, "It did not answer in time.")
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, f"It was not reached: {type(error).__name__}.")


def _judged(response: http.client.HTTPResponse) -> Answer:
    asked = response.getheader("Retry-After", "")
    wait = min(float(asked), LONGEST_WAIT) if asked.isascii() and asked.isdigit() else 0.0
    if 200 <= response.status < 300:
        return Answer(response.status)
    redirected = " Redirects are not followed." if 300 <= response.status < 400 else ""
    return Answer(response.status, f"It answered {response.status}.{redirected}", wait)


@contextlib.contextmanager
def _connection(target: Target) -> Iterator[http.client.HTTPConnection]:
    """A connection to the judged address that ends when the time is over."""
    place = (str(target.address), target.port)
    late = threading.Event()
    connection = http.client.HTTPConnection(target.host, target.port, timeout=TOTAL_SECONDS)
    raw = socket.create_connection(place, timeout=CONNECT_SECONDS)
    twin = raw.dup()
    timer = threading.Timer(TOTAL_SECONDS, _end, (twin, late))
    timer.daemon = True
    timer.start()
    try:
        raw.settimeout(TOTAL_SECONDS)
        connection.sock = _secured(raw, target.host) if target.secure else raw
        connection.auto_open = 0  # never to another address
        yield connection
    except (OSError, http.client.HTTPException):
        if not late.is_set():
            raise
    finally:
        timer.cancel()
        twin.close()
        connection.close()
        raw.close()
    if late.is_set():  # an answer that was cut off may look whole
        raise TimeoutError


def _end(twin: socket.socket, late: threading.Event) -> None:
    """Time is over: whoever reads from the connection stops."""
    late.set()
    with contextlib.suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


def _secured(raw: socket.socket, host: str) -> ssl.SSLSocket:
    return _context().wrap_socket(raw, server_hostname=host)


@cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
