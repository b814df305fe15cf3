"""Everything one sandbox holds: the platform's state, the journal, the faults, the webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from sandbox.clock import Clock
from sandbox.faults import Bursts, Faults
from sandbox.journal import Journal, RefusalLog
from sandbox.state import Options, World
from sandbox.timeline import Message
from sandbox.webhooks import Webhooks


class StandIn:
    """One running stand-in for Meta. The parts of a test run can be thrown away by `clear`."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock()
        self.journal = Journal(options.journal)
        self.address = ""  # http://host:port, once it listens
        self._queue: asyncio.Task[None] | None = None
        self._begin()

    def _begin(self) -> None:
        self.started_at = self.clock.now()
        self.world = World(self.options, self.clock)
        self.faults = Faults()
        self.bursts = Bursts()
        self.refusals = RefusalLog()
        self.requests: Counter[str] = Counter()
        self.webhooks = Webhooks(self.world, self.options.webhook_url)
        self.held: list[Message] = []  # by template pacing

    def start(self) -> None:
        """Begin to post webhooks; needs a running loop."""
        self._queue = asyncio.create_task(self.webhooks.run())

    async def clear(self) -> None:
        """Back to how it was started; the journal's sequence goes on, its file keeps all."""
        await self.stop()
        self.journal.forget()
        self._begin()
        self.start()

    async def stop(self) -> None:
        """End the background work."""
        if self._queue is not None:
            self._queue.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._queue
        await self.webhooks.close()
