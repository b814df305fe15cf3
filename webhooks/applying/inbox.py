"""The durable inbox: stored webhooks are applied soon, in bulk, and retried until they are.

A body is applied in the transaction that records it as applied, and applying it twice changes
nothing. A bundle that fails is halved down to the webhook, and that down to the event, that cannot
be applied. Such a webhook is tried alone, five times, and then becomes a dead letter.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models.functions import Length

from distribution.models import StatusFeed
from distribution.runtime.bulk_update import update_from
from distribution.runtime.halving import apply_in_halves
from phonepool.failpoints import failpoint
from phonepool.json_values import Unreadable
from webhooks.applying import congestion, dead_letters, handlers, payloads
from webhooks.applying.events import Event, ParsedWebhook
from webhooks.applying.handlers import WebhookCounts
from webhooks.models import WebhookEvent, WebhookQuerySet

BUNDLE_LIMIT = 500  # webhooks fetched together
# Applied together, with one statement of each kind: 4,000 statuses hold their rows for 0.3 s, a
# tenth of what settling waits for a lock. One webhook may report 1,000 statuses.
EVENTS_PER_BUNDLE = 4000
BUNDLE_BYTES_LIMIT = 8 * 1024 * 1024  # of bodies in memory at once; the longest alone is half of it
DRAIN_SECONDS = 5.0
DEFERRED_SECONDS = 1.0  # for deferred ones, though new ones take all the time
# A status may overtake the answer that names its message's id: try again after growing pauses.
SHORTEST_DEFERRAL = timedelta(seconds=5)
LONGEST_DEFERRAL = timedelta(hours=6)
DEFERRAL_AGE_LIMIT = timedelta(days=1)
# No store takes longer, including a new connection and a second try.
STORE_LIMIT = timedelta(seconds=10)


@dataclass(slots=True)
class DrainResult:
    """What one drain did."""

    applied: int = 0  # webhooks
    failed: int = 0  # tried, and to be tried again
    dead: int = 0  # given up on
    more: bool = False  # there was no time for the rest


def drain(
    *,
    now: datetime,
    limit: int = BUNDLE_LIMIT,
    seconds: float = DRAIN_SECONDS,
    include_deferred: bool = True,
) -> DrainResult:
    """Apply what is pending, oldest first, in bundles of `limit`, for about `seconds`.

    With `include_deferred` also those whose statuses matched no message yet, and record how far
    the ledger has come: every few seconds is often enough. Any number of drains may run at once;
    each webhook is applied by one of them.
    """
    drained, end = DrainResult(), time.monotonic() + seconds
    last, full = 0, True
    while full and not drained.more:
        waiting = WebhookEvent.objects.pending().filter(pk__gt=last)
        webhooks, full = _fetch(waiting, limit)
        last = webhooks[-1].pk if webhooks else last
        _apply(webhooks, drained, end, now)
    if include_deferred:
        deferred, _ = _fetch(WebhookEvent.objects.due_again(now), limit)
        _apply(deferred, drained, max(end, time.monotonic() + DEFERRED_SECONDS), now)
        _record_progress(now)
    return drained


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


def _apply(
    webhooks: Sequence[WebhookEvent], drained: DrainResult, end: float, now: datetime
) -> None:
    """Parse outside of any transaction, apply in bundles."""
    parsed: dict[int, ParsedWebhook] = {}
    for webhook in webhooks:
        try:
            body = bytes(webhook.body)
            parsed[webhook.pk] = payloads.parse(body, received_at=webhook.received_at)
        except Unreadable as error:
            drained.dead += dead_letters.give_up(webhook, f"Unreadable: {error}", now)
    for bundle in _bundles([webhook for webhook in webhooks if webhook.pk in parsed], parsed):
        if time.monotonic() > end:
            drained.more = True
            return
        _apply_bundle(bundle, parsed, drained, now)


def _bundles(
    webhooks: Sequence[WebhookEvent], parsed: Mapping[int, ParsedWebhook]
) -> list[list[WebhookEvent]]:
    """Webhooks to be applied together: EVENTS_PER_BUNDLE at most; what failed before goes alone."""
    bundles: list[list[WebhookEvent]] = []
    room = 0
    for webhook in webhooks:
        if webhook.tries:
            continue
        size = len(parsed[webhook.pk].events)
        if size > room or not bundles:
            bundles.append([])
            room = EVENTS_PER_BUNDLE
        bundles[-1].append(webhook)
        room -= size
    return bundles + [[webhook] for webhook in webhooks if webhook.tries]


def _apply_bundle(
    webhooks: Sequence[WebhookEvent],
    parsed: Mapping[int, ParsedWebhook],
    drained: DrainResult,
    now: datetime,
) -> None:
    """Apply all or, when that fails, each half; once begun it goes down to what fails alone, or
    the next drain would fail in the same way."""
    halving = apply_in_halves(webhooks, lambda part: _apply_together(part, parsed, now))
    drained.applied += sum(halving.done)
    drained.more |= bool(halving.left)
    for webhook, error in halving.failed:
        _apply_by_event(webhook, parsed[webhook.pk], error, drained, now)


def _apply_together(
    webhooks: Sequence[WebhookEvent], parsed: Mapping[int, ParsedWebhook], now: datetime
) -> int:
    with transaction.atomic():
        locked = _lock(webhooks)
        counts = handlers.apply({webhook.pk: parsed[webhook.pk] for webhook in locked}, now=now)
        failpoint("apply")
        _save_results(locked, parsed, counts, now)
    return len(locked)


def _apply_by_event(
    webhook: WebhookEvent,
    parsed: ParsedWebhook,
    error: Exception,
    drained: DrainResult,
    now: datetime,
) -> None:
    """Apply those events of a failed webhook that can be applied: one of them, or their number,
    must not keep the others back. The webhook counts as applied when none failed."""
    counts = WebhookCounts()
    if len(parsed.events) > 1:
        halving = apply_in_halves(
            parsed.events, lambda part: _apply_events(webhook, part, counts, now)
        )
        if not halving.failed and not halving.left:
            with transaction.atomic():
                locked = _lock([webhook])
                _save_results(locked, {webhook.pk: parsed}, {webhook.pk: counts}, now)
            drained.applied += len(locked)
            return
        error = halving.failed[0][1]
    if dead_letters.note_failure(webhook, error, again_at=_deferred_until(webhook, now), now=now):
        drained.dead += 1
    else:
        drained.failed += 1


def _apply_events(
    webhook: WebhookEvent, events: Sequence[Event], counts: WebhookCounts, now: datetime
) -> None:
    with transaction.atomic():
        if _lock([webhook]):
            part = handlers.apply({webhook.pk: ParsedWebhook(list(events))}, now=now)
            failpoint("apply")
            counts.add(part[webhook.pk])


def _lock(webhooks: Sequence[WebhookEvent]) -> list[WebhookEvent]:
    """Those that no other drain is applying or has applied meanwhile, locked."""
    rows = WebhookEvent.objects.filter(pk__in=[webhook.pk for webhook in webhooks], dead_at=None)
    locked = rows.order_by("pk").select_for_update(skip_locked=True)
    columns = locked.values_list("pk", "again_at", "processed_at")
    waiting = {(pk, again) for pk, again, processed in columns if again or not processed}
    return [webhook for webhook in webhooks if (webhook.pk, webhook.again_at) in waiting]


_RESULT_COLUMNS: dict[str, type] = {"id": int, "at": datetime, "again_at": datetime}
_RESULT_COLUMNS |= dict.fromkeys(("unmatched", "skipped", "parked"), int)
_RESULT_ASSIGN = (
    "processed_at = COALESCE(d.processed_at, v.at), again_at = v.again_at, error = '',"
    " unmatched = v.unmatched, skipped = v.skipped, parked = v.parked"
)


def _save_results(
    webhooks: Sequence[WebhookEvent],
    parsed: Mapping[int, ParsedWebhook],
    tallies: Mapping[int, WebhookCounts],
    now: datetime,
) -> None:
    """Record them as applied; one short statement for all that have no counts."""
    special = [
        webhook
        for webhook in webhooks
        if webhook.again_at or parsed[webhook.pk].skipped or tallies[webhook.pk] != WebhookCounts()
    ]
    plain = {webhook.pk for webhook in webhooks} - {webhook.pk for webhook in special}
    if plain:
        WebhookEvent.objects.filter(pk__in=plain).update(processed_at=now, error="")
    rows = [
        {
            "id": webhook.pk,
            "at": now,
            "again_at": _deferred_until(webhook, now) if tallies[webhook.pk].nameless else None,
            "unmatched": tallies[webhook.pk].unmatched,
            "skipped": parsed[webhook.pk].skipped.total(),
            "parked": tallies[webhook.pk].not_ours,
        }
        for webhook in special
    ]
    update_from(
        WebhookEvent,
        columns=_RESULT_COLUMNS,
        rows=rows,
        assign=_RESULT_ASSIGN,
        where="d.dead_at IS NULL",
        locked=True,
    )


def _deferred_until(webhook: WebhookEvent, now: datetime) -> datetime | None:
    """When it will be twice as old; None after a day: then the message is not one of ours."""
    age = now - webhook.received_at
    if age > DEFERRAL_AGE_LIMIT:
        return None
    return now + min(max(age, SHORTEST_DEFERRAL), LONGEST_DEFERRAL)


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
