"""Which ids WhatsApp has for a subscriber, recorded in bulk as answers, statuses and messages tell.

Nearly everything that is told is known already. So each process remembers what it has seen
recorded, and asks the database about the rest only. What it remembers is of the last minutes, and
goes when an id is replaced: an id that comes back after another one is news again.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import NamedTuple

from django.db import IntegrityError, transaction

from subscribers import inserting
from subscribers.key_lists import Among
from subscribers.models import Subscriber, WhatsAppIdentity

Key = tuple[int, str]  # subscriber, portfolio

REMEMBERED_LIMIT = 300_000  # in one process: about 20 MB
# Another process may have recorded a later id meanwhile, which this one does not know of.
REMEMBERED_SECONDS = 600.0
ROWS_TOGETHER = 1000
# WhatsApp spells a phone with other digits after the country code, but with the same last ones. An
# id that ends otherwise is not this person's, and a STOP by it must not be theirs.
SAME_LAST_DIGITS = 6


class Told(NamedTuple):
    """What WhatsApp told of a subscriber; '' for what it did not."""

    subscriber_id: int
    phone: str  # E.164, as stored
    portfolio_id: str  # Meta's id of the portfolio that the user id belongs to
    wa_id: str  # digits
    user_id: str
    at: datetime

    @property
    def without_time(self) -> tuple[object, ...]:
        return self[:-1]

    @property
    def key(self) -> Key:
        return self.subscriber_id, self.portfolio_id


_seen: set[int] = set()  # hashes of what is recorded, or older than what is recorded
_seen_until = 0.0  # by time.monotonic()


def is_news(phone: str, wa_id: str, user_id: str) -> bool:
    """Whether these ids may tell something about the owner of a phone; most tell the phone only.

    Of erased people, whose phone is a blank that begins with +0, nothing is told any more.
    """
    told = bool(user_id) or (wa_id != phone[1:] and is_spelling(phone, wa_id))
    return told and phone[1:2] != "0"


def is_spelling(phone: str, wa_id: str) -> bool:
    """Whether this id can be WhatsApp's spelling of this phone."""
    return wa_id[-SAME_LAST_DIGITS:] == phone[-SAME_LAST_DIGITS:]


def learn(told: Iterable[Told], *, now: datetime) -> list[Told]:
    """Record what is new in it; returns that. No statement if nothing is new to this process."""
    unseen = [item for item in told if not is_seen(item.without_time)]
    new: list[Told] = []
    for start in range(0, len(unseen), ROWS_TOGETHER):
        new += _learn(unseen[start : start + ROWS_TOGETHER], now)
    return new


def forget_seen() -> None:
    """Ask the database about everything again."""
    _seen.clear()


def is_seen(told: Hashable) -> bool:
    """Whether this process has seen it recorded lately."""
    return hash(told) in _seen and time.monotonic() < _seen_until


def remember(told: Iterable[Hashable]) -> None:
    """Note that it is recorded; to be called once that is committed."""
    global _seen_until
    now = time.monotonic()
    if len(_seen) > REMEMBERED_LIMIT or now >= _seen_until:
        _seen.clear()
        _seen_until = now + REMEMBERED_SECONDS
    _seen.update(map(hash, told))


def _learn(told: Sequence[Told], now: datetime) -> list[Told]:
    latest = _merge(told, now)
    if not _changes(latest, _stored(latest)):
        transaction.on_commit(partial(remember, [item.without_time for item in told]))
        return []
    try:
        with transaction.atomic():
            return _record(latest, told)
    except IntegrityError:  # another process recorded one of these user ids: it is told again
        return []


def _merge(told: Iterable[Told], now: datetime) -> dict[Key, Told]:
    """The latest of each subscriber and portfolio, id by id."""
    latest: dict[Key, Told] = {}
    for item in sorted(told, key=lambda item: item.at):
        before = latest.get(item.key)
        wa_id = item.wa_id if is_spelling(item.phone, item.wa_id) else ""
        latest[item.key] = item._replace(
            wa_id=wa_id or (before.wa_id if before else ""),
            user_id=item.user_id or (before.user_id if before else ""),
            at=min(item.at, now),  # a clock that runs ahead must not outrank what comes later
        )
    return latest


class _Row(NamedTuple):
    """What is stored of an id; reading whole records costs several times more."""

    pk: int
    subscriber_id: int
    portfolio_id: str
    user_id: str
    wa_id: str
    seen_at: datetime


@dataclass(slots=True)
class _Stored:
    """The rows that these may change."""

    own: dict[Key, _Row]
    holders: dict[tuple[str, str], _Row]  # by portfolio and user id


def _stored(latest: dict[Key, Told]) -> _Stored:
    rows = _rows("subscriber", {item.subscriber_id for item in latest.values()})
    # Of a portfolio nobody else has an id that one has: mostly the people's own rows have them all.
    held = {(row.portfolio_id, row.user_id) for row in rows}
    user_ids = {
        item.user_id
        for item in latest.values()
        if item.user_id and (item.portfolio_id, item.user_id) not in held
    }
    rows += _rows("user_id", user_ids) if user_ids else []
    return _Stored(
        {(row.subscriber_id, row.portfolio_id): row for row in rows},
        {(row.portfolio_id, row.user_id): row for row in rows if row.user_id},
    )


def _rows(column: str, values: set[int] | set[str]) -> list[_Row]:
    found = WhatsAppIdentity.objects.filter(Among(column, values))
    return [_Row._make(row) for row in found.values_list(*_Row._fields)]


def _changes(latest: dict[Key, Told], stored: _Stored) -> list[Told]:
    """What is to be written, complete, in order of the subscribers. What is older than the stored
    row only fills its gaps; a user id is the one's who was last told to have it.
    """
    owners = {
        (item.portfolio_id, item.user_id): item.subscriber_id
        for item in sorted(latest.values(), key=lambda item: item.at)
    }
    changes = []
    for key, item in sorted(latest.items()):
        row = stored.own.get(key)
        holder = stored.holders.get((item.portfolio_id, item.user_id))
        is_anothers = owners[item.portfolio_id, item.user_id] != item.subscriber_id or (
            holder and holder.subscriber_id != item.subscriber_id and holder.seen_at >= item.at
        )
        after = _completed(item._replace(user_id="") if is_anothers else item, row)
        before = (row.wa_id, row.user_id) if row else ("", "")
        if before != (after.wa_id, after.user_id):
            changes.append(after)
    return changes


def _completed(item: Told, row: _Row | None) -> Told:
    if row is None:
        return item
    later = item.at > row.seen_at
    first, second = (item, row) if later else (row, item)
    return item._replace(
        wa_id=first.wa_id or second.wa_id,
        user_id=first.user_id or second.user_id,
        at=max(item.at, row.seen_at),
    )


def _replaces(item: Told, row: _Row | None) -> bool:
    """Whether an id is told in the place of another one."""
    if row is None:
        return False
    return row.user_id not in ("", item.user_id) or row.wa_id not in ("", item.wa_id)


def _record(latest: dict[Key, Told], told: Sequence[Told]) -> list[Told]:
    """Write the changes, given the rows as they are once their subscribers are locked."""
    ids = {item.subscriber_id for item in latest.values()}
    people = Subscriber.objects.filter(Among("pk", ids))
    rows = people.order_by("pk").select_for_update(no_key=True)
    phones = dict(rows.values_list("pk", "phone"))
    # Whoever has been erased meanwhile has another phone.
    latest = {key: item for key, item in latest.items() if phones[key[0]] == item.phone}
    stored = _stored(latest)
    changes = _changes(latest, stored)
    lost = [
        holder.pk
        for item in changes
        if (holder := stored.holders.get((item.portfolio_id, item.user_id)))
        and holder.subscriber_id != item.subscriber_id
    ]
    if lost or any(_replaces(item, stored.own.get(item.key)) for item in changes):
        transaction.on_commit(forget_seen)
    else:
        transaction.on_commit(partial(remember, _recorded(told, changes)))
    if lost:
        WhatsAppIdentity.objects.filter(pk__in=lost).update(user_id="")
    _write(changes, stored)
    return changes


def _write(changes: Iterable[Told], stored: _Stored) -> None:
    new = [item for item in changes if item.key not in stored.own]
    inserting.insert(
        WhatsAppIdentity,
        _COLUMNS,
        [(*item.key, item.wa_id, item.user_id, item.at) for item in new],
    )
    WhatsAppIdentity.objects.bulk_create(
        [
            WhatsAppIdentity(
                subscriber_id=item.subscriber_id,
                portfolio_id=item.portfolio_id,
                wa_id=item.wa_id,
                user_id=item.user_id,
                seen_at=item.at,
            )
            for item in changes
            if item.key in stored.own
        ],
        update_conflicts=True,
        unique_fields=["subscriber", "portfolio_id"],
        update_fields=["wa_id", "user_id", "seen_at"],
    )


_COLUMNS = ("subscriber_id", "portfolio_id", "wa_id", "user_id", "seen_at")


def _recorded(told: Iterable[Told], changes: Iterable[Told]) -> list[Hashable]:
    """What was told just as it is recorded now."""
    written = {item.key: (item.wa_id, item.user_id) for item in changes}
    return [item.without_time for item in told if written.get(item.key) == item[3:5]]
