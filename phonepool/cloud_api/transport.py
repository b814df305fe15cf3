"""HTTP to the Cloud API: sends over our own connections, reads and uploads over `requests`.

A send needs little CPU and certainty about its first byte, which no exception type of `requests`
provides (a reset in the TLS handshake looks like one in the middle of a response). A read or an
upload may simply be repeated. Redirects, retries, proxies and cookies are off for both.
Another client can implement `Transport`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from phonepool.cloud_api.connections import TOTAL_TIMEOUT_FACTOR, Connections, Response, Target
from phonepool.cloud_api.media import MediaFile
from phonepool.errors import CONNECT_TIMEOUT, CONNECTION_LOST, NO_ANSWER, NOT_SENT, UNREADABLE
from phonepool.exceptions import NotSent, Unanswered

__all__ = ["CloudTransport", "Response", "Transport"]

MAX_SEND_RESPONSE_BYTES = 64 * 1024  # a real one has 300
MAX_READ_RESPONSE_BYTES = 8 * 1024 * 1024  # a page of message templates with their components
MIN_UPLOAD_BYTES_PER_SECOND = (
    256 * 1024
)  # bytes a second that an upload is reckoned with, at the slowest
READ_CHUNK_BYTES = 64 * 1024


class Transport(Protocol):
    """One request, one response. Raises `NotSent`, `Unanswered` or what the guard raises."""

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        """Sends JSON. `guard` runs when the connection is established, just before the first
        byte; an exception from it ends the call with nothing sent."""

    def get(self, path: str) -> Response:
        """Reads an object; `path` includes the query."""

    def upload(self, path: str, file: MediaFile) -> Response:
        """Uploads a file as a form. Without a guard: an upload may be repeated."""

    def close(self) -> None:
        """Closes idle connections."""


class CloudTransport:
    """The `Transport` to a Graph API. Thread-safe.

    `connections` is the number of concurrent calls; times in seconds.
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
        target = _target(base_url, connect_timeout, read_timeout, ssl_context)
        self._base_url, self._token = base_url, token
        self._path = urlsplit(base_url).path.rstrip("/")
        self._connections = Connections(target, connections)
        self._timeouts = (connect_timeout, read_timeout)
        self._head = (
            f"Host: {urlsplit(base_url).netloc}\r\n"
            "User-Agent: Daybreak\r\n"
            "Accept-Encoding: identity\r\n"
            f"Authorization: Bearer {token}\r\n"
            "Content-Type: application/json; charset=UTF-8\r\n"
        )

    def post(self, path: str, body: bytes, *, guard: Callable[[], None]) -> Response:
        head = f"POST {self._path}{path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n"
        # One write, so that head and body leave in one packet.
        return self._connections.exchange(f"{head}\r\n".encode("ascii") + body, guard)

    def get(self, path: str) -> Response:
        return self._request("GET", path, self._timeouts[1])

    def post_form(self, path: str, fields: Mapping[str, str]) -> Response:
        """Changes a setting at Meta, which may be repeated."""
        return self._request("POST", path, self._timeouts[1], data=dict(fields))

    def upload(self, path: str, file: MediaFile) -> Response:
        form: dict[str, Any] = {
            "data": {"messaging_product": "whatsapp", "type": file.mime},
            "files": {"file": (file.name, file.content, file.mime)},
        }
        timeout = self._timeouts[1] + len(file.content) / MIN_UPLOAD_BYTES_PER_SECOND
        return self._request("POST", path, timeout, **form)

    def _request(self, method: str, path: str, read_timeout: float, **form: Any) -> Response:
        try:
            with requests.Session() as session:
                session.trust_env = False
                session.headers["User-Agent"] = "Daybreak"
                return self._read(session, method, path, read_timeout, form)
        except requests.ConnectTimeout:
            error: NotSent | Unanswered = NotSent(CONNECT_TIMEOUT)
        except requests.Timeout:
            error = Unanswered(NO_ANSWER)
        except requests.ConnectionError:
            error = NotSent(NOT_SENT)
        except requests.RequestException:
            error = Unanswered(CONNECTION_LOST)
        # Outside the handler: the caught exception holds the request with the token.
        raise error

    def close(self) -> None:
        self._connections.close()

    def _read(
        self,
        session: requests.Session,
        method: str,
        path: str,
        read_timeout: float,
        form: dict[str, Any],
    ) -> Response:
        end = monotonic() + read_timeout * TOTAL_TIMEOUT_FACTOR
        with session.request(
            method,
            self._base_url + path,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=(self._timeouts[0], read_timeout),
            allow_redirects=False,
            stream=True,
            **form,
        ) as answer:
            body = b""
            for chunk in answer.iter_content(READ_CHUNK_BYTES):
                body += chunk
                if len(body) > MAX_READ_RESPONSE_BYTES:
                    raise Unanswered(UNREADABLE, f"more than {MAX_READ_RESPONSE_BYTES} bytes")
                if monotonic() > end:
                    raise requests.Timeout
            fields = {name.lower(): value for name, value in answer.headers.items()}
            return Response(answer.status_code, fields, body)


def _target(
    base_url: str, connect_timeout: float, read_timeout: float, context: ssl.SSLContext | None
) -> Target:
    url = urlsplit(base_url)
    if url.scheme == "https":
        # One context for all connections: loading the certificates takes milliseconds.
        context = context or ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    else:
        context = None
    port = url.port or (443 if context else 80)
    return Target(
        url.hostname or "", port, context, connect_timeout, read_timeout, MAX_SEND_RESPONSE_BYTES
    )
