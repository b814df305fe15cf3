"""The queue of webhooks: due times, batching, and updates that are held, lost or repeated."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from sandbox.formats.identifiers import new_wamid
from sandbox.webhooks.billing import bill
from sandbox.webhooks.notices import template_quality
from sandbox.webhooks.payloads import (
    ENVELOPE_BYTES,
    Update,
    body_of,
    inbound_update,
    management_update,
    preference_update,
    status_update,
)
from sandbox.webhooks.posting import Counts, Post, Poster
from sandbox.webhooks.reacting import react
from sandbox.webhooks.timeline import Message, Step
from sandbox.webhooks.waiting import Waiting
from sandbox.world import limits, ratings
from sandbox.world.accounts import WEBHOOK_FIELDS
from sandbox.world.people import WINDOW_S
from sandbox.world.world import World

_MIN_TICK_S = 0.01
_MOST_DUE = 20_000  # in memory; what is due beside them waits in the file


@dataclass(slots=True)
class FlowControl:
    """How a test controls the flow of all webhooks."""

    paused: bool = False
    drop: bool = False
    held_until: float = 0.0  # builds a backlog that is posted afterwards


class Webhooks:
    """Queues updates, groups those that are due and passes them to the poster."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.flow = FlowControl()
        self.counts = Counts()
        self.poster = Poster(world, self.counts)
        self._waiting = Waiting()
        self._due: deque[Update] = deque()

    @property
    def pending(self) -> int:
        """Unfinished updates: waiting, due, or in a POST."""
        return len(self._waiting) + len(self._due) + self.poster.updates_under_way

    @property
    def due(self) -> int:
        """Due updates that wait for a connection, or are held."""
        return len(self._due) + self._waiting.count_due(self.world.clock.now())

    def plan_steps(self, message: Message, steps: list[Step]) -> None:
        """Queues the updates of a message, with random losses, swaps and duplicates."""
        steps = bill(self.world, message, react(self.world, message, steps))
        if new := ratings.changed(self.world, message.template):
            self._rate(message, new)
        app = self.world.app
        if not (app.webhook_url and message.number.waba.subscribed and "messages" in app.fields):
            self.counts.unrouted += len(steps)
            return
        settings, rng = self.world.settings, self.world.random
        times = [message.accepted_at + step.after_s for step in steps]
        if len(times) > 1 and rng.random() < settings.webhook_reorder_share:
            place = rng.randrange(len(times) - 1)
            times[place], times[place + 1] = times[place + 1], times[place]
            self.counts.reordered += 1
        for step, due in zip(steps, times, strict=True):
            self._plan(self._update(message, step), due)

    def _rate(self, message: Message, new: str) -> None:
        """Meta rates a template anew, and tells it."""
        assert message.template is not None
        value = template_quality(message.template, new)
        self.queue_management(message.number.waba.id, "message_template_quality_update", value)
        message.template.quality = new

    def raise_limits(self) -> None:
        """Tells the portfolios whose limit is due to be raised."""
        for portfolio, limit in limits.raised(self.world, self.world.clock.now()):
            waba = next(w for w in self.world.wabas.values() if w.portfolio is portfolio)
            told = limits.told(self.world, limit)
            value = {"max_daily_conversations_per_business": told, "max_phone_numbers_per_waba": 25}
            self.queue_management(waba.id, "business_capability_update", value)

    def queue(self, update: Update) -> None:
        """Queues an update for the moment it happens; what is past, behind those due already."""
        if not self._is_subscribed(update):
            self.counts.unrouted += 1
            return
        self._plan(update, max(update.happened_at, self.world.clock.now()))

    def queue_management(
        self, waba_id: str, name: str, value: object, *, in_s: float = 0.0
    ) -> None:
        """Queues a change of account, number or template that happens in `in_s` seconds; what
        happened earlier, below 0, is told at once with its time."""
        self.queue(management_update(waba_id, name, value, self.world.clock.now() + in_s))

    def _is_subscribed(self, update: Update) -> bool:
        """Whether anybody gets it: a field that Meta does not have is a test's own."""
        app, waba = self.world.app, self.world.wabas.get(update.waba_id)
        wanted = update.field in app.fields or update.field not in WEBHOOK_FIELDS
        return bool(app.webhook_url) and wanted and (waba is None or waba.subscribed)

    def _plan(self, update: Update, due: float) -> None:
        settings, rng = self.world.settings, self.world.random
        self.counts.planned[update.label] += 1
        due += settings.webhook_delay_s
        if settings.webhook_lost_share and rng.random() < settings.webhook_lost_share:
            self.counts.lost += 1
            return
        share = settings.webhook_duplicate_share
        twice = share > 0 and rng.random() < share
        self._waiting.push(due, update, shared=twice)
        if twice:
            again = due + rng.uniform(0.0, settings.webhook_duplicate_within_s)
            self._waiting.push(again, update, shared=True)
            self.counts.duplicated += 1

    def _update(self, message: Message, step: Step) -> Update:
        """The update for a step; a reply opens a conversation as soon as it is planned."""
        world, happens_at = self.world, message.accepted_at + step.after_s
        if step.status in ("reply", "stop_word"):
            world.person(message.wa_id).writes_until = happens_at + WINDOW_S
            text = "STOP" if step.status == "stop_word" else "Thank you"
            content: dict[str, object] = {"type": "text", "text": {"body": text}}
            wamid = new_wamid(message.wa_id, inbound=True)
            reply = inbound_update(world, message.number, message.wa_id, content, wamid, happens_at)
            reply.uses = message.number
            return reply
        if step.status == "native_stop":
            world.person(message.wa_id).stopped_marketing = True
            return preference_update(world, message.number, message.wa_id, "stop", happens_at)
        return status_update(world, message, step)

    async def run(self, before_each: Callable[[float], None]) -> None:
        """Posts due updates until cancelled; calls `before_each` round with the time."""
        while True:
            window = 0.001 * self.world.settings.webhook_batch_window_ms
            await asyncio.sleep(max(window, _MIN_TICK_S))
            before_each(self.world.clock.now())
            self.raise_limits()
            await self._tick(self.world.clock.now())

    async def _tick(self, now: float) -> None:
        self._take_due(now)
        while self.flow.drop and self._due:
            self.counts.dropped += len(self._due)
            self._due.clear()
            self._take_due(now)
        if self.flow.paused or now < self.flow.held_until:
            return
        self.poster.post_retries(now)
        while self._due and self.poster.free:
            updates = self._next_batch()
            body = body_of(updates)
            self.poster.post(Post(body, updates, first_at=now))
            await asyncio.sleep(
                0
            )  # lets requests in: a long body must not make their arrivals look bunched

    def _take_due(self, now: float) -> None:
        while len(self._due) < _MOST_DUE:
            update = self._waiting.pop_due(now)
            if update is None:
                return
            self._due.append(update)
            if update.uses is not None:
                update.uses.window.admit(now, inf)
                update.uses = None  # a duplicate uses up nothing

    def _next_batch(self) -> list[Update]:
        """One update if there are enough connections, else as many as fit into a POST."""
        settings, waiting = self.world.settings, len(self._due)
        most = settings.webhook_max_updates
        if not settings.webhook_batch_window_ms:
            most = min(most, -(-waiting // self.poster.free))
        batch: list[Update] = []
        room = settings.webhook_max_bytes - ENVELOPE_BYTES * (1 + len(self.world.numbers))
        while self._due and len(batch) < most:
            room -= self._due[0].size
            if room < 0 and batch:
                break
            batch.append(self._due.popleft())
        return batch
