"""The HTTP server: dispatches paths, on aiohttp's low-level server without a router."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from email.utils import formatdate
from functools import partial

from aiohttp import web

from sandbox.control.api import answer_control
from sandbox.formats.errors import Refusal
from sandbox.graph.answers import control_response, html_page, refusal_response
from sandbox.graph.management import answer_graph
from sandbox.graph.media import download
from sandbox.messages.endpoint import post_message
from sandbox.sandbox import Sandbox

_BODY_LIMIT = 101 * 1024 * 1024  # the largest document Meta accepts, with its envelope
_BACKLOG = 4096


async def handle(sandbox: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    """Answers one request."""
    path, _, query = request.raw_path.partition("?")
    parts = path.split("/")  # "", "v25.0", id, edge
    first = parts[1]
    if first[:1] == "v" and len(parts) > 2:
        world = sandbox.world
        if world.outage_until > world.clock.now():
            sandbox.requests["outage"] += 1
            return html_page(503, "") if world.outage_page else refusal_response(Refusal(2), first)
        if len(parts) == 4 and parts[3] == "messages" and request.method == "POST":
            sandbox.requests["messages"] += 1
            return await post_message(sandbox, request, parts[2], first)
        sandbox.requests["management"] += 1
        return _dated(sandbox, await answer_graph(sandbox, request, path, first))
    if first == "control":
        return await answer_control(sandbox, request, path)
    if first == "media" and len(parts) == 3:
        return download(sandbox.world, parts[2], query.removeprefix("expires="))
    if first == "health":
        return control_response({"ok": True})
    return refusal_response(Refusal(100, "Unknown path components."), "v25.0")


def _dated(sandbox: Sandbox, answer: web.StreamResponse) -> web.StreamResponse:
    """With a Date of a clock that is ahead, if the settings say so."""
    ahead = sandbox.world.settings.date_ahead_s
    if ahead and not answer.prepared:
        answer.headers["Date"] = formatdate(sandbox.world.clock.now() + ahead, usegmt=True)
    return answer


async def serve(sandbox: Sandbox, host: str, port: int) -> None:
    """Listens until SIGTERM or SIGINT; prints one line when ready."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stopped.set)
    server = web.Server(
        partial(handle, sandbox),
        request_factory=partial(web.BaseRequest, loop=loop, client_max_size=_BODY_LIMIT),
        access_log=None,
        keepalive_timeout=sandbox.world.settings.keepalive_s,
    )
    listener = await loop.create_server(server, host, port, backlog=_BACKLOG)
    bound = listener.sockets[0].getsockname()[1]
    sandbox.address = f"http://{host}:{bound}"
    sandbox.start()
    _tune_gc()
    print(f"sandbox listening on {sandbox.address}", flush=True)  # noqa: T201
    await stopped.wait()
    listener.close()
    await sandbox.stop()
    await server.shutdown(0.1)


def _tune_gc() -> None:
    """Makes garbage collection rare: its pauses would make arriving messages look bunched, and
    reference counting frees nearly everything here."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
