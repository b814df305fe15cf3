"""Two kinds of callers: those who keep to a rate, whatever is answered, and a flood."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import multiprocessing.connection
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

PATIENCE_SECONDS = 60.0
Requests: TypeAlias = Callable[[], Iterator[bytes]]


class Answer(NamedTuple):
    """Its status, 0 for none, and the seconds from when it was due to be asked for."""

    status: int
    seconds: float


class Caller:
    """One kept-alive connection; one request at a time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._link: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> int:
        """The answer's status; 0 when there was none."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await self._ask(request)
        except (OSError, EOFError, TimeoutError):
            self.hang_up()
            return 0

    async def _ask(self, request: bytes) -> int:
        if self._link is None:
            self._link = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._link
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
        return int(head[9:12])

    def hang_up(self) -> None:
        if self._link is not None:
            self._link[1].close()
            self._link = None


async def steadily(
    port: int, requests: Iterator[bytes], *, rate: float, seconds: float
) -> list[Answer]:
    """Ask `rate` times a second, whether or not the last ones were answered, as the world does.

    Who waits holds a connection, and the next one takes another. An answer's time counts from
    when it should have been asked for, so a server that stalls is not spared what came meanwhile.
    """
    idle: list[Caller] = []

    async def one(request: bytes, due: float) -> Answer:
        caller = idle.pop() if idle else Caller(port)
        status = await caller.ask(request)
        idle.append(caller)
        return Answer(status, time.perf_counter() - due)

    began, asked = time.perf_counter(), []
    for place in range(round(rate * seconds)):
        due = began + place / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked.append(asyncio.create_task(one(next(requests), due)))
    answers = await asyncio.gather(*asked)
    for caller in idle:
        caller.hang_up()
    return answers


class Flood:
    """So many clients who ask again as soon as they were answered, in a process of their own."""

    def __init__(self, port: int, requests: Requests, clients: int) -> None:
        self.statuses: Counter[int] = Counter()  # full once it is over
        self.seconds = 0.0
        forking = multiprocessing.get_context("fork")  # what it asks for cannot be pickled
        self._ours, theirs = forking.Pipe()
        given = (theirs, port, requests, clients)
        self._process = forking.Process(target=_flood, args=given, daemon=True)

    def __enter__(self) -> Flood:
        self._process.start()
        self._began = time.perf_counter()
        time.sleep(0.5)  # it is there before anybody is measured
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self._ours.send("enough")
        if self._ours.poll(PATIENCE_SECONDS):
            self.statuses = self._ours.recv()
        self._process.join()


def _flood(told: multiprocessing.connection.Connection, *given: object) -> None:
    told.send(asyncio.run(_pour(told, *given)))  # type: ignore[arg-type]


async def _pour(
    told: multiprocessing.connection.Connection, port: int, requests: Requests, clients: int
) -> Counter[int]:
    statuses: Counter[int] = Counter()
    waiting = requests()

    async def client() -> None:
        caller = Caller(port)
        while True:
            statuses[await caller.ask(next(waiting))] += 1

    pouring = [asyncio.create_task(client()) for _ in range(clients)]
    while not told.poll():
        await asyncio.sleep(0.02)
    for one in pouring:
        one.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*pouring)
    return statuses
