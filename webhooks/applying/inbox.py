"""The durable inbox: what was stored is applied soon, in bulk, as often as it takes.

A body is applied in the transaction that marks it, and applying it twice changes nothing. One
that cannot be applied spoils nobody else's: it is tried alone, five times, and then put aside
for a human.
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
from webhooks.applying.events import Parsed
from webhooks.applying.handlers import Tally
from webhooks.models import WebhookEvent, WebhookQuerySet

log = logging.getLogger(__name__)

BUNDLE = 500  # webhooks applied together: one statement of each kind for all of them
BUNDLE_BYTES = 8 * 1024 * 1024  # of bodies in memory at once; the longest alone is half of it
DRAIN_SECONDS = 5.0
MOST_TRIES = 5
# A lock or a restart of the database is nobody's fault, and may well last for five tries.
LEAST_PATIENCE = timedelta(hours=1)
# A status may overtake the answer that tells its message's id: look again, ever more rarely.
FIRST_LOOK, LONGEST_LOOK, LAST_LOOK = timedelta(seconds=5), timedelta(hours=6), timedelta(days=1)
# No store takes longer, a new connection and a second try included.
LONGEST_STORE = timedelta(seconds=10)


# --- applying -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Drained:
    """What one drain came to."""

    applied: int = 0  # webhooks
    failed: int = 0  # tried, and to be tried again
    dead: int = 0  # given up on
    more: bool = False  # there was no time for the rest


@dataclass(frozen=True, slots=True)
class Letter:
    """One stored webhook to be applied."""

    pk: int
    body: bytes
    received_at: datetime
    tries: int
    again_at: datetime | None  # set if it was applied before, but for some statuses


def drain(
    *,
    now: datetime,
    limit: int = BUNDLE,
    seconds: float = DRAIN_SECONDS,
    look_back: bool = True,
) -> Drained:
    """Apply what is pending, oldest first, in bundles of `limit`, for about `seconds`.

    With `look_back` also what was to be looked at again, and say how far the ledger has come:
    often enough every few seconds. Any number of drains may run at once; each webhook is
    applied by one of them.
    """
    drained, end = Drained(), time.monotonic() + seconds
    last, full = 0, True
    while full and not drained.more:
        waiting = WebhookEvent.objects.pending().filter(pk__gt=last)
        letters, full = _fetch(waiting, limit)
        last = letters[-1].pk if letters else last
        _apply(letters, drained, end, now)
    if look_back:
        again, _ = _fetch(WebhookEvent.objects.due_again(now), limit)
        _apply(again, drained, end, now)
        _tell_how_far(now)
    return drained


def _fetch(waiting: WebhookQuerySet, limit: int) -> tuple[list[Letter], bool]:
    """Letters in the order of arrival, and whether there may be more of them."""
    sizes = list(waiting.order_by("pk").values_list("pk", Length("body"))[:limit])
    pks: list[int] = []
    room = BUNDLE_BYTES
    for pk, size in sizes:
        room -= size
        if room < 0 and pks:
            break
        pks.append(pk)
    # Asked anew what is waiting: somebody may have applied some since the sizes were read.
    rows = waiting.filter(pk__in=pks).order_by("pk")
    columns = ("pk", "body", "received_at", "tries", "again_at")
    letters = [
        Letter(pk, bytes(body), *rest)
        for pk, body, *rest in (rows.values_list(*columns) if pks else ())
    ]
    return letters, len(sizes) == limit or len(pks) < len(sizes)


def _apply(letters: Sequence[Letter], drained: Drained, end: float, now: datetime) -> None:
    """Parse outside of any transaction, apply together; what failed before goes alone."""
    parsed: dict[int, Parsed] = {}
    for letter in letters:
        try:
            parsed[letter.pk] = payloads.parse(letter.body, received_at=letter.received_at)
        except Unreadable as error:
            drained.dead += _give_up(letter, f"Unreadable: {error}", now)
    readable = [letter for letter in letters if letter.pk in parsed]
    groups = [[letter] for letter in readable if letter.tries]
    if fresh := [letter for letter in readable if not letter.tries]:
        groups.insert(0, fresh)
    for group in groups:
        _apply_group(group, parsed, drained, end, now)


def _apply_group(
    letters: Sequence[Letter],
    parsed: dict[int, Parsed],
    drained: Drained,
    end: float,
    now: datetime,
) -> None:
    """Apply all or none; when that fails, each half alone, down to the one that is at fault."""
    if time.monotonic() > end:
        drained.more = True
        return
    try:
        with transaction.atomic():
            mine = _lock(letters)
            tallies = handlers.apply({letter.pk: parsed[letter.pk] for letter in mine}, now=now)
            failpoint("apply")
            _mark(mine, parsed, tallies, now)
    except Exception as error:
        if len(letters) == 1:
            _note_failure(letters[0], error, drained, now)
            return
        middle = len(letters) // 2
        for half in (letters[:middle], letters[middle:]):
            _apply_group(half, parsed, drained, end, now)
    else:
        drained.applied += len(mine)


def _lock(letters: Sequence[Letter]) -> list[Letter]:
    """Those that nobody else applies now or has applied meanwhile."""
    rows = WebhookEvent.objects.filter(pk__in=[letter.pk for letter in letters], dead_at=None)
    locked = rows.order_by("pk").select_for_update(skip_locked=True)
    columns = locked.values_list("pk", "again_at", "processed_at")
    waiting = {(pk, again) for pk, again, processed in columns if again or not processed}
    return [letter for letter in letters if (letter.pk, letter.again_at) in waiting]


_MARKS: dict[str, type] = {"id": int, "at": datetime, "again_at": datetime}
_MARKS |= dict.fromkeys(("unmatched", "skipped", "parked"), int)
_ASSIGN = (
    "processed_at = COALESCE(d.processed_at, v.at), again_at = v.again_at, error = '',"
    " unmatched = v.unmatched, skipped = v.skipped, parked = v.parked"
)


def _mark(
    letters: Sequence[Letter],
    parsed: dict[int, Parsed],
    tallies: dict[int, Tally],
    now: datetime,
) -> None:
    """Write down what became of them: most of them nothing special, by one short statement."""
    special = [letter for letter in letters if _is_special(letter, parsed, tallies)]
    plain = {letter.pk for letter in letters} - {letter.pk for letter in special}
    if plain:
        WebhookEvent.objects.filter(pk__in=plain).update(processed_at=now, error="")
    rows = [
        {
            "id": letter.pk,
            "at": now,
            "again_at": _next_look(letter, now) if tallies[letter.pk].nameless else None,
            "unmatched": tallies[letter.pk].unmatched,
            "skipped": parsed[letter.pk].skipped.total(),
            "parked": tallies[letter.pk].parked,
        }
        for letter in special
    ]
    update_from(WebhookEvent, columns=_MARKS, rows=rows, assign=_ASSIGN, where="d.dead_at IS NULL")


def _is_special(letter: Letter, parsed: dict[int, Parsed], tallies: dict[int, Tally]) -> bool:
    tally = tallies[letter.pk]
    counts = tally.unmatched or tally.parked or parsed[letter.pk].skipped
    return bool(counts or letter.again_at)


def _next_look(letter: Letter, now: datetime) -> datetime | None:
    """Twice as old as now; None once it is a day old: then it is somebody else's message."""
    age = now - letter.received_at
    return None if age > LAST_LOOK else now + min(max(age, FIRST_LOOK), LONGEST_LOOK)


# --- what went wrong ------------------------------------------------------------------------------


def _note_failure(letter: Letter, error: Exception, drained: Drained, now: datetime) -> None:
    """One more try that failed; raises when not even that can be written down."""
    log.warning("webhook %d could not be applied: %s", letter.pk, masking.first_line(error))
    tries, told = letter.tries + 1, masking.line(_story(error))
    young = isinstance(error, OperationalError) and now - letter.received_at < LEAST_PATIENCE
    if letter.again_at:
        WebhookEvent.objects.filter(pk=letter.pk).update(again_at=_next_look(letter, now))
    elif tries >= MOST_TRIES and not young:
        drained.dead += _give_up(letter, told, now, tries=tries)
        return
    else:
        WebhookEvent.objects.pending().filter(pk=letter.pk).update(tries=tries, error=told)
    drained.failed += 1


def _give_up(letter: Letter, error: str, now: datetime, *, tries: int = 1) -> int:
    """Put it aside for a human: 1 if this call did it. It could have been about anybody."""
    with transaction.atomic():
        alive = WebhookEvent.objects.pending().filter(pk=letter.pk)
        if not alive.update(dead_at=now, tries=tries, error=error):
            return 0
        StatusFeed.dead_letter(now)
        incidents.raise_alert(
            AlertRule.WEBHOOK_DEAD_LETTER,
            message=f"Webhook {letter.pk} could not be applied and is put aside: {error[-200:]}",
            now=now,
        )
    return 1


def _story(error: Exception) -> str:
    """The end of the traceback: what was raised, and where."""
    return "".join(traceback.format_exception(error))[-4000:]


def _tell_how_far(now: datetime) -> None:
    """Everything received up to here is in the ledger, if nothing older waits.

    A little less than now: a webhook that was received before may be committing still.
    """
    through = now - LONGEST_STORE
    if not WebhookEvent.objects.pending().filter(received_at__lt=through).exists():
        StatusFeed.applied(through)


# --- afterwards -----------------------------------------------------------------------------------


def reprocess(pks: Collection[int] | None = None, *, now: datetime) -> int:
    """Have dead letters (all by default) tried again by the next drain; how many."""
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
