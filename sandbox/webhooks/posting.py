"""Posts webhooks: signed over the exact bytes, over persistent connections, with retries."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import hmac
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import aiohttp

from sandbox.webhooks.payloads import Update
from sandbox.world.world import World

USER_AGENT = "facebookexternalua"
MOST_RETRY_BYTES = 24 * 1024 * 1024  # of bodies that wait for another try


def signature(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


@dataclass(slots=True)
class Post:
    """One body to post; a retry sends the same bytes."""

    body: bytes
    updates: list[Update]
    first_at: float
    tries: int = 0
    headers: dict[str, str] | None = None  # instead of the valid signature
    retried: bool = True


@dataclass
class Counts:
    """Counters of the updates, and of the POSTs with them."""

    planned: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)  # distinct updates answered 200
    lost: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0
    unrouted: int = 0  # there was no URL to post to
    posted: int = 0
    ok: int = 0
    failed: int = 0
    retried: int = 0
    given_up: int = 0
    answers: Counter[str] = field(default_factory=Counter)  # by HTTP status or kind of failure
    most_updates_in_a_post: int = 0


class Poster:
    """Sends POSTs over at most `webhook_connections` connections."""

    def __init__(self, world: World, counts: Counts) -> None:
        self.world = world
        self.counts = counts
        self.updates_under_way = 0
        self._retries: list[tuple[float, int, Post]] = []
        self._retry_bytes = 0
        self._order = count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    @property
    def free(self) -> int:
        """Connections for new bodies: none while too much waits for another try."""
        return self._unused if self._retry_bytes < MOST_RETRY_BYTES else 0

    @property
    def _unused(self) -> int:
        return max(0, self.world.settings.webhook_connections - len(self._tasks))

    def post(self, post: Post) -> None:
        """Starts sending a new body."""
        self.updates_under_way += len(post.updates)
        counts = self.counts
        counts.most_updates_in_a_post = max(counts.most_updates_in_a_post, len(post.updates))
        self._start(post)

    def post_retries(self, now: float) -> None:
        """Starts due retries while connections are free."""
        while self._retries and self._retries[0][0] <= now and self._unused:
            self.counts.retried += 1
            post = heapq.heappop(self._retries)[2]
            self._retry_bytes -= len(post.body)
            self._start(post)

    def _start(self, post: Post) -> None:
        task = asyncio.create_task(self._send(post))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, post: Post) -> None:
        post.tries += 1
        self.counts.posted += 1
        answer = await self._answer(post)
        self.counts.answers[answer] += 1
        if answer == "200":
            self.counts.ok += 1
            self._acknowledge(post.updates)
        else:
            self.counts.failed += 1
            if post.retried and self._retry_later(post):
                return
            self.counts.given_up += 1
        self.updates_under_way -= len(post.updates)

    def _acknowledge(self, updates: list[Update]) -> None:
        for update in updates:
            if not update.acknowledged:
                update.acknowledged = True
                self.counts.acknowledged[update.label] += 1

    async def _answer(self, post: Post) -> str:
        """The HTTP status, or the name of the exception."""
        headers = post.headers
        if headers is None:
            sign = signature(self.world.app.app_secret, post.body)
            headers = {"X-Hub-Signature-256": sign}
        try:
            async with self.session().post(
                self.world.app.webhook_url,
                data=post.body,
                headers={"Content-Type": "application/json", **headers},
                timeout=aiohttp.ClientTimeout(total=self.world.settings.webhook_timeout_s),
                allow_redirects=False,
            ) as response:
                await response.read()
                return str(response.status)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            return type(error).__name__

    def _retry_later(self, post: Post) -> bool:
        """Queues the next try; False if the time for retries is over."""
        settings = self.world.settings
        now = self.world.clock.now()
        steps = settings.webhook_retry_steps_s
        wait = steps[min(post.tries, len(steps)) - 1] * settings.webhook_retry_scale
        if now + wait > post.first_at + settings.webhook_retry_for_s * settings.webhook_retry_scale:
            return False
        heapq.heappush(self._retries, (now + wait, next(self._order), post))
        self._retry_bytes += len(post.body)
        return True

    async def handshake(self, challenge: str) -> tuple[int, str]:
        """Sends Meta's verification request to the URL; returns HTTP status and body."""
        app = self.world.app
        return await self.verify(app.webhook_url, app.verify_token, challenge)

    async def verify(self, url: str, verify_token: str, challenge: str) -> tuple[int, str]:
        """The same for any URL and token."""
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": verify_token,
        }
        timeout = aiohttp.ClientTimeout(total=self.world.settings.webhook_timeout_s)
        async with self.session().get(url, params=query, timeout=timeout) as response:
            return response.status, await response.text()

    def session(self) -> aiohttp.ClientSession:
        """The persistent session, created inside the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": USER_AGENT},
            )
        return self._session

    async def close(self) -> None:
        """Cancels all POSTs under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
