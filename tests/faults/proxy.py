"""A TCP proxy that misbehaves on order: refuse, freeze, delay, pace, reset, cut after n bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Self

from config.processes.child import free_port

ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: close by a reset
BLOCK = 65536


class Proxy:
    """Passes bytes between 127.0.0.1:`port` and 127.0.0.1:`upstream` until told otherwise.

    Its life is the `with` block. Orders hold from when they return, for old connections too.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream, self.port = upstream, free_port()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._listener: socket.socket | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._flow = asyncio.Event()
        self._delay = 0.0
        self._gap, self._slot = 0.0, 0.0  # seconds between two answers; when the next may pass
        self._left: int | None = None  # bytes towards the client before each connection is cut

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        self._do(self._set(flows=True))
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # --- orders -----------------------------------------------------------------------------

    def refuse(self) -> None:
        """No new connections, and none of the old."""
        self._do(self._stop_listening())
        self.reset()

    def freeze(self) -> None:
        """Connections are taken, and nothing moves on any."""
        self._do(self._set(flows=False))

    def delay(self, seconds: float) -> None:
        """Every piece of an answer comes so much later."""
        self._do(self._set(delay=seconds))

    def pace(self, per_second: float) -> None:
        """So many answers a second and no more, of all connections together."""
        self._do(self._set(gap=1 / per_second))

    def reset(self) -> None:
        """Ends the connections there are by a reset; new ones are taken."""
        self._do(self._abort_all())

    def cut(self, after: int) -> None:
        """Resets a connection once so many bytes of answers came through it."""
        self._do(self._set(left=after))

    def mend(self) -> None:
        """All is well again."""
        self._do(self._set(flows=True))
        self._do(self._listen())

    # --- in the loop ------------------------------------------------------------------------

    def _do(self, order: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(order, self._loop).result(10)

    async def _set(
        self,
        *,
        flows: bool = True,
        delay: float = 0.0,
        gap: float = 0.0,
        left: int | None = None,
    ) -> None:
        self._delay, self._gap, self._left = delay, gap, left
        if flows:
            self._flow.set()
        else:
            self._flow.clear()

    async def _listen(self) -> None:
        # No asyncio.Server: one that closes while it accepts leaves the connection behind.
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
            self._listener.settimeout(0)
            self._loop.add_reader(self._listener, self._take, self._listener)

    def _take(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):  # whoever came has gone again
            sock, _ = listener.accept()
            sock.settimeout(0)
            task = self._loop.create_task(self._serve(sock))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _stop_listening(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    async def _abort_all(self) -> None:
        for writer in list(self._writers):
            _abort(writer)

    async def _end(self) -> None:
        await self._stop_listening()
        await self._abort_all()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.05)  # closed transports say goodbye in the loop's next rounds

    async def _serve(self, sock: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=sock)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._flow.wait()
                await self._join(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        self._writers.add(far_writer)
        try:
            await asyncio.gather(
                self._pass(reader, far_writer, answers=False),
                self._pass(far_reader, writer, answers=True),
            )
        finally:
            self._writers.discard(far_writer)
            far_writer.close()

    def _until_slot(self) -> float:
        """Seconds until the next answer may pass."""
        now = self._loop.time()
        slot = max(now, self._slot)
        self._slot = slot + self._gap
        return slot - now

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        passed = 0
        while block := await source.read(BLOCK):
            await self._flow.wait()
            if answers:
                await asyncio.sleep(self._delay + self._until_slot())
            if answers and self._left is not None and passed + len(block) > self._left:
                sink.write(block[: self._left - passed])
                await sink.drain()
                _abort(sink)
                return
            passed += len(block) if answers else 0
            sink.write(block)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


def _abort(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
    writer.transport.abort()
