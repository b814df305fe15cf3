"""The durable inbox: stored webhooks are applied soon, in bulk, and retried until they are.

A body is applied in the transaction that records it as applied, and applying it twice changes
nothing. One that fails does not affect the others: it is tried alone, five times, and then becomes
a dead letter for a person to look at.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, transaction
from django.db.models.functions import Length

from distribution.alerts import incidents
from distribution.alerts.catalogue import AlertRule
from distribution.models import StatusFeed
from distribution.runtime.bulk_update import update_from
from phonepool.failpoints import failpoint
from phonepool.json_values import Unreadable
from webhooks import masking
from webhooks.applying import handlers, payloads
from webhooks.applying.events import ParsedWebhook
from webhooks.applying.handlers import WebhookCounts
from webhooks.models import WebhookEvent, WebhookQuerySet

log = logging.getLogger(__name__)

BUNDLE_LIMIT = 500  # webhooks applied together: one statement of each kind for all of them
BUNDLE_BYTES_LIMIT = 8 * 1024 * 1024  # of bodies in memory at once; the longest alone is half of it
DRAIN_SECONDS = 5.0
TRIES_LIMIT = 5
# A lock or a restart of the database may outlast five tries: such failures count after this time.
OUTAGE_ALLOWANCE = timedelta(hours=1)
# A status may overtake the answer that names its message's id: try again after growing pauses.
SHORTEST_DEFERRAL, LONGEST_DEFERRAL, DEFERRAL_AGE_LIMIT = (
    timedelta(seconds=5),
    timedelta(hours=6),
    timedelta(days=1),
)
# No store takes longer, including a new connection and a second try.
STORE_LIMIT = timedelta(seconds=10)


# --- applying -------------------------------------------------------------------------------------


@dataclass(slots=True)
class DrainResult:
    """What one drain did."""

    applied: int = 0  # webhooks
    failed: int = 0  # tried, and to be tried again
    dead: int = 0  # given up on
    more: bool = False  # there was no time for the rest


@dataclass(frozen=True, slots=True)
class StoredWebhook:
    """One stored webhook to be applied."""

    pk: int
    body: bytes
    received_at: datetime
    tries: int
    again_at: datetime | None  # set if it was applied before, except some statuses


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
        _apply(deferred, drained, end, now)
        _record_progress(now)
    return drained


def _fetch(waiting: WebhookQuerySet, limit: int) -> tuple[list[StoredWebhook], bool]:
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
    columns = ("pk", "body", "received_at", "tries", "again_at")
    webhooks = [
        StoredWebhook(pk, bytes(body), *rest)
        for pk, body, *rest in (rows.values_list(*columns) if pks else ())
    ]
    return webhooks, len(sizes) == limit or len(pks) < len(sizes)


def _apply(
    webhooks: Sequence[StoredWebhook], drained: DrainResult, end: float, now: datetime
) -> None:
    """Parse outside of any transaction, apply together; what failed before goes alone."""
    parsed: dict[int, ParsedWebhook] = {}
    for webhook in webhooks:
        try:
            parsed[webhook.pk] = payloads.parse(webhook.body, received_at=webhook.received_at)
        except Unreadable as error:
            drained.dead += _give_up(webhook, f"Unreadable: {error}", now)
    readable = [webhook for webhook in webhooks if webhook.pk in parsed]
    groups = [[webhook] for webhook in readable if webhook.tries]
    if fresh := [webhook for webhook in readable if not webhook.tries]:
        groups.insert(0, fresh)
    for group in groups:
        _apply_group(group, parsed, drained, end, now)


def _apply_group(
    webhooks: Sequence[StoredWebhook],
    parsed: dict[int, ParsedWebhook],
    drained: DrainResult,
    end: float,
    now: datetime,
) -> None:
    """Apply all or none; when that fails, each half alone, down to the one that fails."""
    if time.monotonic() > end:
        drained.more = True
        return
    try:
        with transaction.atomic():
            locked = _lock(webhooks)
            tallies = handlers.apply(
                {webhook.pk: parsed[webhook.pk] for webhook in locked}, now=now
            )
            failpoint("apply")
            _save_results(locked, parsed, tallies, now)
    except Exception as error:
        if len(webhooks) == 1:
            _note_failure(webhooks[0], error, drained, now)
            return
        middle = len(webhooks) // 2
        for half in (webhooks[:middle], webhooks[middle:]):
            _apply_group(half, parsed, drained, end, now)
    else:
        drained.applied += len(locked)


def _lock(webhooks: Sequence[StoredWebhook]) -> list[StoredWebhook]:
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
    webhooks: Sequence[StoredWebhook],
    parsed: dict[int, ParsedWebhook],
    tallies: dict[int, WebhookCounts],
    now: datetime,
) -> None:
    """Record them as applied; one short statement for all that have no counts."""
    special = [webhook for webhook in webhooks if _is_special(webhook, parsed, tallies)]
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
            "parked": tallies[webhook.pk].parked,
        }
        for webhook in special
    ]
    update_from(
        WebhookEvent,
        columns=_RESULT_COLUMNS,
        rows=rows,
        assign=_RESULT_ASSIGN,
        where="d.dead_at IS NULL",
    )


def _is_special(
    webhook: StoredWebhook, parsed: dict[int, ParsedWebhook], tallies: dict[int, WebhookCounts]
) -> bool:
    tally = tallies[webhook.pk]
    counts = tally.unmatched or tally.parked or parsed[webhook.pk].skipped
    return bool(counts or webhook.again_at)


def _deferred_until(webhook: StoredWebhook, now: datetime) -> datetime | None:
    """When it will be twice as old; None after a day: then the message is not one of ours."""
    age = now - webhook.received_at
    return (
        None
        if age > DEFERRAL_AGE_LIMIT
        else now + min(max(age, SHORTEST_DEFERRAL), LONGEST_DEFERRAL)
    )


# --- what went wrong ------------------------------------------------------------------------------


def _note_failure(
    webhook: StoredWebhook, error: Exception, drained: DrainResult, now: datetime
) -> None:
    """Record one more failed try; raises when that fails, too."""
    log.warning("webhook %d could not be applied: %s", webhook.pk, masking.first_line(error))
    tries, text = webhook.tries + 1, masking.mask_text(_end_of_traceback(error))
    young = isinstance(error, OperationalError) and now - webhook.received_at < OUTAGE_ALLOWANCE
    if webhook.again_at:
        WebhookEvent.objects.filter(pk=webhook.pk).update(again_at=_deferred_until(webhook, now))
    elif tries >= TRIES_LIMIT and not young:
        drained.dead += _give_up(webhook, text, now, tries=tries)
        return
    else:
        WebhookEvent.objects.pending().filter(pk=webhook.pk).update(tries=tries, error=text)
    drained.failed += 1


def _give_up(webhook: StoredWebhook, error: str, now: datetime, *, tries: int = 1) -> int:
    """Make it a dead letter: 1 if this call did. Its reports stay unknown."""
    with transaction.atomic():
        alive = WebhookEvent.objects.pending().filter(pk=webhook.pk)
        if not alive.update(dead_at=now, tries=tries, error=error):
            return 0
        StatusFeed.dead_letter(now)
        incidents.raise_alert(
            AlertRule.WEBHOOK_DEAD_LETTER,
            message=f"Webhook {webhook.pk} could not be applied and is put aside: {error[-200:]}",
            now=now,
        )
    return 1


def _end_of_traceback(error: Exception) -> str:
    """The end of the traceback: what was raised, and where."""
    return "".join(traceback.format_exception(error))[-4000:]


def _record_progress(now: datetime) -> None:
    """Record that everything received so far is in the ledger, if nothing older waits.

    Up to a little before now: a webhook that was received before may still be committing.
    """
    through = now - STORE_LIMIT
    if not WebhookEvent.objects.pending().filter(received_at__lt=through).exists():
        StatusFeed.applied(through)


# --- afterwards -----------------------------------------------------------------------------------


def reprocess(pks: Collection[int] | None = None, *, now: datetime) -> int:
    """Let the next drain try dead letters (all by default) again; returns how many."""
    dead = WebhookEvent.objects.dead()
    if pks is not None:
        dead = dead.filter(pk__in=pks)
    revived = dead.update(dead_at=None, tries=0, error="")
    if not WebhookEvent.objects.dead().exists():
        incidents.close_alert(AlertRule.WEBHOOK_DEAD_LETTER, now=now)
    return revived


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
