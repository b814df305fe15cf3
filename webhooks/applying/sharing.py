"""Several processes that apply webhooks share the work by delivery.

A webhook is applied by the process whose turn its id is. It may report on any delivery, so its
statuses are split by delivery: a process applies one part at a time, with that part's turn held by
an advisory lock until the commit, and goes on with another part while one is taken. So no two
processes hold rows of the same delivery, and none waits for the other's; only sums, which are
written last, are common to all. The order among them does not matter: see
`distribution/outcomes/report_rules.py`.

Who takes part is read from the workers' own rows. Nothing depends on everybody having the same
view: what one who died leaves, the others take once it has waited for TAKEOVER_AGE.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from django.db import connection
from django.db.models import F
from django.db.models.functions import Mod

from distribution.models import Worker
from webhooks.applying.events import Event, ParsedWebhook, Status
from webhooks.models import WebhookEvent, WebhookQuerySet

QUEUE = "webhooks"
TAKEOVER_AGE = timedelta(seconds=3)
PAUSE_SECONDS = 0.005  # before parts that are all taken are tried again
_LOCKS = 0x77686B  # the first key of our advisory locks, apart from those of others


@dataclass(frozen=True, slots=True)
class Share:
    """One of `count` processes that apply."""

    index: int
    count: int

    @property
    def is_whole(self) -> bool:
        return self.count <= 1

    def own(self) -> WebhookQuerySet:
        """The webhooks that wait for this process."""
        pending: WebhookQuerySet = WebhookEvent.objects.pending()
        if not self.is_whole:
            pending = self._with_turn(pending).filter(turn=self.index)
        return pending

    def others(self) -> WebhookQuerySet:
        """Those that wait for other processes."""
        pending = self._with_turn(WebhookEvent.objects.pending())
        others: WebhookQuerySet = pending.exclude(turn=self.index)
        return others

    def _with_turn(self, webhooks: WebhookQuerySet) -> Any:
        return webhooks.annotate(turn=Mod(F("pk"), self.count))

    @staticmethod
    def taken_over_before(own_oldest: datetime) -> datetime:
        """What another process has left for so much longer than this one its own, it left."""
        return own_oldest - TAKEOVER_AGE

    def parts(self) -> list[int]:
        """All parts of a bundle, another one first for each process."""
        return [(self.index + place) % self.count for place in range(self.count)]

    def part_of(self, event: Event) -> int:
        """By delivery; what is not about one goes into the first part."""
        if not isinstance(event, Status):
            return 0
        report = event.report
        key = report.attempt.delivery_id if report.attempt else crc32(report.wamid.encode())
        return key % self.count

    def split(self, parsed: ParsedWebhook) -> dict[int, list[Event]]:
        """The events of one webhook, by part."""
        found: dict[int, list[Event]] = {}
        for event in parsed.events:
            found.setdefault(self.part_of(event), []).append(event)
        return found


WHOLE = Share(0, 1)


def share_of(name: str, now: datetime) -> Share:
    """The share of the worker with this name among those that serve the queue now.

    On SQLite, which has one writer, each takes all there is.
    """
    if connection.vendor == "sqlite":
        return WHOLE
    names = _appliers(now)
    return Share(names.index(name), len(names)) if name in names else WHOLE


def _appliers(now: datetime) -> list[str]:
    rows: Iterable[tuple[str, list[str]]] = Worker.objects.live(now).values_list("name", "queues")
    return sorted(name for name, queues in rows if QUEUE in queues)


def take_turn(part: int) -> bool:
    """Whether this transaction has the part for itself now, until its end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCKS, part])
        row = cursor.fetchone()
    return bool(row and row[0])
