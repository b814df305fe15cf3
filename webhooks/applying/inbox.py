"""The durable inbox: stored webhooks are applied soon, in bulk, and retried until they are."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Length

from distribution.models import StatusFeed
from webhooks.applying import bundles, congestion
from webhooks.applying.bundles import DrainResult
from webhooks.applying.sharing import WHOLE, Share
from webhooks.models import WebhookEvent, WebhookQuerySet

BUNDLE_LIMIT = 500  # webhooks fetched together
BUNDLE_BYTES_LIMIT = 8 * 1024 * 1024  # of bodies in memory at once; the longest alone is half of it
DRAIN_SECONDS = 5.0
DEFERRED_SECONDS = 1.0  # for deferred ones, though new ones take all the time
# No store takes longer, including a new connection and a second try.
STORE_LIMIT = timedelta(seconds=10)


def drain(
    *,
    now: datetime,
    limit: int = BUNDLE_LIMIT,
    seconds: float = DRAIN_SECONDS,
    include_deferred: bool = True,
    share: Share = WHOLE,
) -> DrainResult:
    """Apply what is pending, oldest first, in bundles of `limit`, for about `seconds`.

    With `include_deferred` also those whose statuses matched no message yet, and record how far
    the ledger has come: every few seconds is often enough. Any number of drains may run at once;
    each webhook is applied by one of them, and with a `share` each they do not wait for each
    other's rows.
    """
    drained, end = DrainResult(), time.monotonic() + seconds
    own, others = _Waiting(share.own(), limit), _Waiting(share.others(), limit)
    while own.may_have_more and not drained.more:
        webhooks = own.fetch()
        bundles.apply(webhooks, drained, end, now, share)
        if not (share.is_whole or drained.more):
            before = share.taken_over_before(webhooks[0].received_at if webhooks else now)
            late = others.fetch(received_at__lt=before)
            bundles.apply(late, drained, end, now, share)
            own.may_have_more |= bool(late)
    if include_deferred:
        deferred, _ = _fetch(WebhookEvent.objects.due_again(now), limit)
        bundles.apply(deferred, drained, max(end, time.monotonic() + DEFERRED_SECONDS), now)
        _record_progress(now)
    return drained


class _Waiting:
    """Pending webhooks in order of arrival, some at a time, each once."""

    def __init__(self, webhooks: WebhookQuerySet, limit: int) -> None:
        self._webhooks, self._limit, self._last = webhooks, limit, 0
        self.may_have_more = True

    def fetch(self, **only: Any) -> list[WebhookEvent]:
        rest = self._webhooks.filter(pk__gt=self._last, **only)
        webhooks, self.may_have_more = _fetch(rest, self._limit)
        self._last = webhooks[-1].pk if webhooks else self._last
        return webhooks


def _fetch(waiting: WebhookQuerySet, limit: int) -> tuple[list[WebhookEvent], bool]:
    """Stored webhooks in order of arrival, and whether there may be more."""
    sizes = list(waiting.order_by("pk").values_list("pk", Length("body"))[:limit])
    pks: list[int] = []
    room = BUNDLE_BYTES_LIMIT
    for pk, size in sizes:
        room -= size
        if room < 0 and pks:
            break
        pks.append(pk)
    # Filtered again: another drain may have applied some since the sizes were read.
    rows = waiting.filter(pk__in=pks).order_by("pk")
    webhooks = list(rows.only("body", "received_at", "tries", "again_at"))
    return webhooks, len(sizes) == limit or len(pks) < len(sizes)


def _record_progress(now: datetime) -> None:
    """Record that everything received so far is in the ledger, if nothing older waits.

    Up to a little before now: a webhook that was received before may still be committing.
    """
    through = now - STORE_LIMIT
    if WebhookEvent.objects.pending().filter(received_at__lt=through).exists():
        congestion.look(now)
    else:
        StatusFeed.applied(through)
        congestion.close(now)


def prune(before: datetime, *, chunk: int = 2000) -> int:
    """Delete what was received before `before` and applied; dead letters stay. How many."""
    deleted, last = 0, 0
    while True:
        oldest = WebhookEvent.objects.filter(pk__gt=last).order_by("pk")
        rows = list(oldest.values_list("pk", "received_at", "processed_at")[:chunk])
        old = [pk for pk, received, processed in rows if received < before and processed]
        deleted += WebhookEvent.objects.filter(pk__in=old).delete()[0]
        if len(rows) < chunk or rows[-1][1] >= before:
            return deleted
        last = rows[-1][0]
