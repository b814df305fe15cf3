"""Everything one sandbox holds: the platform's state, the journal, the faults, the webhooks."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

from sandbox.faults import Faults, ServerErrorBursts
from sandbox.journal import Journal, RefusalLog
from sandbox.pacing import Pacing
from sandbox.replay.replay import Replay
from sandbox.review import Reviews
from sandbox.webhooks.queue import Webhooks
from sandbox.world.clock import Clock
from sandbox.world.options import Options
from sandbox.world.world import World


class Sandbox:
    """One running stand-in for Meta; `clear` resets it between tests."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock()
        self.journal = Journal(options.journal)
        self.address = ""  # http://host:port, once it listens
        self._queue: asyncio.Task[None] | None = None
        self._begin()
        ids = list(self.world.numbers)
        self.replay = Replay(options.replay, ids, options.replay_within)

    def _begin(self) -> None:
        self.started_at = self.clock.now()
        self.world = World(self.options, self.clock)
        self.faults = Faults()
        self.bursts = ServerErrorBursts()
        self.refusals = RefusalLog()
        self.requests: Counter[str] = Counter()
        self.webhooks = Webhooks(self.world)
        self.pacing = Pacing(self.world, self.webhooks)
        self.reviews = Reviews(self.world, self.webhooks)

    def start(self) -> None:
        """Starts posting webhooks; needs a running event loop."""
        self._queue = asyncio.create_task(self.webhooks.run(self._before_posts))

    def _before_posts(self, now: float) -> None:
        self.pacing.release_due(now)
        self.reviews.decide_due(now)

    async def clear(self) -> None:
        """Resets to the start options; the journal's sequence continues, its file keeps all."""
        await self.stop()
        self.journal.hide_entries()
        self._begin()
        self.replay.begin_again()
        self.start()

    async def stop(self) -> None:
        """Stops the background task."""
        if self._queue is not None:
            self._queue.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._queue
        await self.webhooks.poster.close()
