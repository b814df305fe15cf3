"""HTTP responses: JSON with Meta's headers, and the ways a response can be spoilt."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping

from aiohttp import web

from sandbox.formats.compact_json import compact_bytes
from sandbox.formats.errors import Refusal, refusal_body
from sandbox.formats.identifiers import new_trace

JSON_TYPE = "application/json; charset=UTF-8"
_RESET = struct.pack("ii", 1, 0)  # linger for 0 s: close() sends RST instead of FIN


def graph_response(
    body: bytes,
    version: str,
    *,
    status: int = 200,
    trace: str = "",
    extra: Mapping[str, str] | None = None,
) -> web.Response:
    """JSON as the Graph API sends it."""
    headers = {**_headers(version, trace), **(extra or {})}
    return web.Response(body=body, status=status, headers=headers)


def refusal_response(
    refusal: Refusal, version: str, extra: Mapping[str, str] | None = None
) -> web.Response:
    """A Graph error."""
    trace = new_trace()
    body = refusal_body(refusal, trace)
    return graph_response(body, version, status=refusal.http, trace=trace, extra=extra)


def control_response(value: object, status: int = 200) -> web.Response:
    """JSON of the control API."""
    body = compact_bytes(value)
    return web.Response(body=body, status=status, content_type="application/json")


def html_page(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A page as from a gateway in front of the API."""
    headers = {"Content-Type": "text/html; charset=utf-8", **(headers or {})}
    return web.Response(text=text, status=status, headers=headers)


def reset(request: web.BaseRequest) -> web.StreamResponse:
    """Closes the connection with RST; the returned response is not sent."""
    transport = request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()
    return web.Response()


async def truncated(request: web.BaseRequest, body: bytes, version: str) -> web.StreamResponse:
    """Announces the whole body, sends half of it and closes the connection."""
    response = _stream(body, version)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def drip(
    request: web.BaseRequest, body: bytes, version: str, seconds: float
) -> web.StreamResponse:
    """Sends the body in small pieces over `seconds`."""
    response = _stream(body, version)
    await response.prepare(request)
    pieces = min(len(body), max(2, int(seconds * 10)))
    size = -(-len(body) // pieces)
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / pieces)
        await response.write(body[start : start + size])
    await response.write_eof()
    return response


def _stream(body: bytes, version: str) -> web.StreamResponse:
    headers = {**_headers(version), "Content-Length": str(len(body))}
    return web.StreamResponse(headers=headers)


def _headers(version: str, trace: str = "") -> dict[str, str]:
    return {
        "Content-Type": JSON_TYPE,
        "x-fb-trace-id": trace or new_trace(),
        "facebook-api-version": version,
    }
