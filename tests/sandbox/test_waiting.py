"""What waits comes out in the order of its time, whether it was in memory or in the file."""

from __future__ import annotations

import asyncio
import heapq
import random

import pytest

from sandbox.webhooks import posting
from sandbox.webhooks import waiting as module
from sandbox.webhooks.payloads import Update
from sandbox.webhooks.posting import Counts, Post, Poster
from sandbox.webhooks.waiting import Waiting
from sandbox.world.accounts import Number, Portfolio, Waba
from sandbox.world.clock import Clock
from sandbox.world.options import Options
from sandbox.world.world import World


def update(name: str) -> Update:
    return Update("1", "read", "messages", "statuses", "{}", f'{{"id":"{name}"}}', happened_at=2.5)


@pytest.mark.parametrize("seed", range(5))
def test_it_is_as_one_heap_and_little_of_it_is_in_memory(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 20)
    monkeypatch.setattr(module, "AT_ONCE", 5)
    rng, waiting, heap, now = random.Random(seed), Waiting(), [], 0.0
    for place in range(600):
        due = float(rng.randrange(300))  # many at the same moment
        waiting.push(due, update(str(place)))
        heapq.heappush(heap, (due, place, update(str(place))))
        assert len(waiting._soon) + len(waiting._late) <= 20 + 5
        while rng.random() < 0.4:
            now = float(rng.randrange(300))
            assert waiting.count_due(now) == sum(due <= now for due, *_ in heap)
            expected = heapq.heappop(heap)[2] if heap and heap[0][0] <= now else None
            assert waiting.pop_due(now) == expected
            assert len(waiting) == len(heap)
    assert waiting._in_file > 0
    while heap:
        assert waiting.pop_due(300.0) == heapq.heappop(heap)[2]
    assert (waiting.pop_due(300.0), len(waiting), waiting.count_due(300.0)) == (None, 0, 0)


def test_a_duplicate_and_a_reply_come_out_as_the_objects_that_went_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_IN_MEMORY", 2)
    monkeypatch.setattr(module, "AT_ONCE", 2)
    waiting, twice, reply, plain = Waiting(), update("twice"), update("reply"), update("plain")
    reply.uses = Number("1", "+91 98000 00001", 80, Waba("1", Portfolio("2")))
    for due in (1.0, 2.0, 3.0):
        waiting.push(due, plain)
    for due in (8.0, 9.0):
        waiting.push(due, twice, shared=True)
    waiting.push(7.0, reply)
    assert [waiting.pop_due(5.0) for _ in range(4)] == [plain, plain, plain, None]
    assert waiting._in_file >= 2
    found = [waiting.pop_due(9.0) for _ in range(3)]
    assert found[0] is reply
    assert found[1] is found[2] is twice
    assert not waiting._whole


def test_new_bodies_wait_while_too_many_bytes_wait_for_another_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asyncio.run(_fill_with_retries(monkeypatch))


async def _fill_with_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "MOST_RETRY_BYTES", 200)
    dead = Options("fast", 1, {}, "T", "S", "V", "1", "http://127.0.0.1:9/", "")
    world = World(dead, Clock())
    poster = Poster(world, Counts())
    free = poster.free
    assert free == world.settings.webhook_connections
    seen = []
    for failed in (1, 2):
        poster.post(Post(b"x" * 100, [], first_at=world.clock.now()))
        while poster.counts.failed < failed or poster._tasks:
            await asyncio.sleep(0.001)
        seen.append(poster.free)
    assert seen == [free, 0]
    poster.post_retries(world.clock.now() + 3600)
    assert poster.counts.retried == 2
    await poster.close()
    assert poster.free == free
