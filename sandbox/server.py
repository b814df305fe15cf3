"""The HTTP door: which path goes where, on aiohttp's low-level server without a router."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from functools import partial

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_protocol import RequestHandler

from sandbox.answers import control_answer, page, refusal_answer
from sandbox.control import answer_control
from sandbox.errors import Refusal
from sandbox.graph import answer_graph
from sandbox.media import download
from sandbox.messages import post_message
from sandbox.sandbox import StandIn

_BODY_LIMIT = 101 * 1024 * 1024  # the largest document Meta takes, and its envelope
_BACKLOG = 4096


async def handle(stand: StandIn, request: web.BaseRequest) -> web.StreamResponse:
    """Answer one request."""
    path, _, query = request.raw_path.partition("?")
    parts = path.split("/")  # "", "v25.0", id, edge
    first = parts[1]
    if first[:1] == "v" and len(parts) > 2:
        world = stand.world
        if world.outage_until > world.clock.now():
            stand.requests["outage"] += 1
            return page(503, "") if world.outage_page else refusal_answer(Refusal(2), first)
        if len(parts) == 4 and parts[3] == "messages" and request.method == "POST":
            stand.requests["messages"] += 1
            return await post_message(stand, request, parts[2], first)
        stand.requests["management"] += 1
        return await answer_graph(stand, request, path, first)
    if first == "control":
        return await answer_control(stand, request, path)
    if first == "media" and len(parts) == 3:
        return download(stand.world, parts[2], query.removeprefix("expires="))
    if first == "health":
        return control_answer({"ok": True})
    return refusal_answer(Refusal(100, "Unknown path components."), "v25.0")


def _request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=_BODY_LIMIT
    )


async def serve(stand: StandIn, host: str, port: int) -> None:
    """Listen until SIGTERM or SIGINT; prints one line when ready."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, ended.set)
    server = web.Server(
        partial(handle, stand),
        request_factory=_request,
        access_log=None,
        keepalive_timeout=stand.world.settings.keepalive_s,
    )
    listener = await loop.create_server(server, host, port, backlog=_BACKLOG)
    bound = listener.sockets[0].getsockname()[1]
    stand.address = f"http://{host}:{bound}"
    stand.start()
    _calm_the_collector()
    print(f"sandbox listening on {stand.address}", flush=True)  # noqa: T201
    await ended.wait()
    listener.close()
    await stand.stop()
    await server.shutdown(0.1)


def _calm_the_collector() -> None:
    """Long pauses would make arriving messages look bunched; nearly all here dies by count."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
