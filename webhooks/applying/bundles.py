"""Stored webhooks applied in bundles, and what became of each.

A body is applied in the transaction that records it as applied, and applying it twice changes
nothing. A bundle that fails is halved down to the webhook, and that down to the event, that cannot
be applied. Such a webhook is tried alone, five times, and then becomes a dead letter.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from distribution.runtime.bulk_update import update_from
from distribution.runtime.halving import apply_in_halves
from phonepool.failpoints import failpoint
from phonepool.json_values import Unreadable
from webhooks import masking
from webhooks.applying import dead_letters, handlers, payloads, sharing
from webhooks.applying.events import Event, ParsedWebhook
from webhooks.applying.handlers import ItemCounts, WebhookCounts
from webhooks.applying.sharing import WHOLE, Share
from webhooks.models import WebhookEvent

log = logging.getLogger(__name__)

# Applied together, with one statement of each kind. With 4,000 statuses settling waited up to 32
# times for longer than 0.2 s in a run of 20,000 people at 1,170 a second, with 1,000 never, and a
# message took the same CPU. One webhook may report 1,000 statuses.
EVENTS_PER_BUNDLE = 1000
# A status may overtake the answer that names its message's id: try again after growing pauses.
SHORTEST_DEFERRAL = timedelta(seconds=5)
LONGEST_DEFERRAL = timedelta(hours=6)
DEFERRAL_AGE_LIMIT = timedelta(days=1)


@dataclass(slots=True)
class DrainResult:
    """What one drain did."""

    applied: int = 0  # webhooks
    failed: int = 0  # tried, and to be tried again
    dead: int = 0  # given up on
    more: bool = False  # there was no time for the rest


def apply(
    webhooks: Sequence[WebhookEvent],
    drained: DrainResult,
    end: float,
    now: datetime,
    share: Share = WHOLE,
) -> None:
    """Parse outside of any transaction, apply in bundles until `end`, a time of `monotonic()`."""
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
        if share.is_whole or not _apply_shared(bundle, parsed, share, drained, end, now):
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


def _apply_shared(
    webhooks: Sequence[WebhookEvent],
    parsed: Mapping[int, ParsedWebhook],
    share: Share,
    drained: DrainResult,
    end: float,
    now: datetime,
) -> bool:
    """Apply a bundle part by part, each while no other process applies the same part.

    False when one failed: then the bundle is to be applied as if there were nobody else.
    """
    bundle = _SharedBundle(webhooks, parsed, share)
    try:
        while bundle.left:
            tried = [bundle.try_part(part, now) for part in list(bundle.left)]
            if not any(tried):
                if time.monotonic() > end:
                    drained.more = True
                    break
                time.sleep(sharing.PAUSE_SECONDS)
    except Exception as error:
        log.warning("a part of %d webhooks failed: %s", len(webhooks), masking.first_line(error))
        return False
    drained.applied += bundle.applied
    return True


class _SharedBundle:
    """Webhooks whose events are applied in several transactions, in any order."""

    def __init__(
        self, webhooks: Sequence[WebhookEvent], parsed: Mapping[int, ParsedWebhook], share: Share
    ) -> None:
        self._webhooks, self._parsed = webhooks, parsed
        self._events = {webhook.pk: share.split(parsed[webhook.pk]) for webhook in webhooks}
        used = {part for events in self._events.values() for part in events}
        self.left = [part for part in share.parts() if part in used] or [share.index]
        self._counts = {webhook.pk: WebhookCounts() for webhook in webhooks}
        self._items = ItemCounts()
        self.applied = 0  # webhooks, once no part is left

    def try_part(self, part: int, now: datetime) -> bool:
        """Apply a part; False while another process does. The last one records the results."""
        is_last = len(self.left) == 1
        with transaction.atomic():
            if not sharing.take_turn(part):
                return False
            locked = _lock(self._webhooks)
            counts = handlers.apply(
                {webhook.pk: self._part_of(webhook.pk, part, is_last) for webhook in locked},
                now=now,
                items=self._items,
            )
            failpoint("apply")
            for pk, more in counts.items():
                self._counts[pk].add(more)
            if is_last:
                _save_results(locked, self._parsed, self._counts, now)
                self._items.save()  # last: every process updates the same rows
        self.left.remove(part)
        # Two processes may take the same webhook, and each miss the part during which the other
        # holds it. Who missed one does not go on with that webhook, or its part would be lost.
        self._webhooks, self.applied = locked, len(locked)
        return True

    def _part_of(self, pk: int, part: int, is_last: bool) -> ParsedWebhook:
        """What is left out is counted once."""
        skipped = self._parsed[pk].skipped if is_last else Counter()
        return ParsedWebhook(self._events[pk].get(part, []), skipped)


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
        if not halving.failed:
            if all(halving.done):
                with transaction.atomic():
                    locked = _lock([webhook])
                    _save_results(locked, {webhook.pk: parsed}, {webhook.pk: counts}, now)
                drained.applied += len(locked)
            return  # else another drain holds it
        error = halving.failed[0][1]
    if dead_letters.note_failure(webhook, error, again_at=_deferred_until(webhook, now), now=now):
        drained.dead += 1
    else:
        drained.failed += 1


def _apply_events(
    webhook: WebhookEvent, events: Sequence[Event], counts: WebhookCounts, now: datetime
) -> bool:
    """False: another drain holds the webhook, or has applied it."""
    with transaction.atomic():
        if not _lock([webhook]):
            return False
        part = handlers.apply({webhook.pk: ParsedWebhook(list(events))}, now=now)
        failpoint("apply")
        counts.add(part[webhook.pk])
    return True


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
