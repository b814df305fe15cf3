"""Stored webhooks without the people who were erased: by the keyed hashes that are kept of them.

One pass over the bodies serves everybody who was erased since the last one, in batches, as far as
its time allows; each erasure remembers how far the search for it has come. What arrives later is
searched for a month, for late reports name the number again.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import BinaryField, F, Func, IntegerField, Min, Q, Value
from django.db.models.lookups import GreaterThan

from masking.placeholders import PERSONAL
from subscribers.consent.erased_phones import KnownHashes, opaque_id
from subscribers.models import Erasure
from subscribers.paging import in_pages
from subscribers.people.personal_data import Place
from subscribers.people.traces import MESSAGE_ID, Person, digits_in
from webhooks.masking import PRIVATE_KEYS
from webhooks.models import WebhookEvent

BODIES_TOGETHER = 500
SEARCHED_FOR = timedelta(days=30)  # after the details were deleted
GONE = b"erased"  # a body that nobody can read, so that nobody can tell what of it is theirs
_TOKEN = re.compile(
    rb"(?<![0-9A-Za-z.])(?:[A-Z]{2}\.[0-9A-Za-z]{5,128}|[1-9][0-9]{6,14})(?![0-9A-Za-z])"
)
_MESSAGE = re.compile(rb"wamid\.[A-Za-z0-9+/=_-]+")
_NUMBER = re.compile(r"[1-9][0-9]{6,14}")


def sweep(now: datetime, seconds: float) -> int:
    """Search stored webhooks for people who were erased; returns how many bodies changed."""
    end, changed = time.monotonic() + seconds, 0
    asked = Erasure.objects.filter(purged_at__gte=now - SEARCHED_FOR)
    last = asked.aggregate(least=Min("searched_to"))["least"]
    if last is None:
        return 0
    erased = _Erased(list(asked.values_list("pk", flat=True)))
    while time.monotonic() < end:
        batch = _next(last)
        changed += sum(_erase_from(row, erased) for row in batch)
        if batch:
            last = batch[-1].pk
            Erasure.objects.filter(pk__in=erased.pks, searched_to__lt=last).update(searched_to=last)
        if len(batch) < BODIES_TOGETHER:
            break
    return changed


def _next(last: int) -> list[WebhookEvent]:
    """What was applied or given up; the rest is about to be, and is read by the drain meanwhile."""
    rows = WebhookEvent.objects.filter(pk__gt=last).order_by("pk")[:BODIES_TOGETHER]
    batch = []
    for row in rows.only("pk", "body", "error", "processed_at", "dead_at"):
        if row.processed_at is None and row.dead_at is None:
            break
        batch.append(row)
    return batch


class _Erased:
    """The names under which erased people may stand in a body, recognised by their hashes."""

    def __init__(self, pks: list[int]) -> None:
        self.pks = pks
        self._hashes = KnownHashes(pks)
        self._known: dict[str, bool] = {}

    def has(self, token: str) -> bool:
        """Whether a number (without plus) or a user id is one of theirs."""
        if token not in self._known:
            if len(self._known) > 100_000:
                self._known.clear()
            name = f"+{token}" if token.isdecimal() else token
            self._known[token] = self._hashes.match(name)
        return self._known[token]

    def has_message(self, message_id: str) -> bool:
        return any(self.has(number) for number in _NUMBER.findall(digits_in(message_id)))


def _erase_from(row: WebhookEvent, erased: _Erased) -> bool:
    body = bytes(row.body)
    tokens = {token.decode() for token in _TOKEN.findall(body)}
    messages = {found.decode() for found in _MESSAGE.findall(body.replace(b"\\/", b"/"))}
    if not any(map(erased.has, tokens)) and not any(map(erased.has_message, messages)):
        return False
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        new = GONE
    else:
        new = json.dumps(_without(value, erased), ensure_ascii=False).encode()
    kind = row.error.strip().rpartition("\n")[2].partition(":")[0][:100]
    WebhookEvent.objects.filter(pk=row.pk).update(body=new, error=kind)
    return True


def _without(value: Any, erased: _Erased, *, theirs: bool = False, key: str = "") -> Any:
    """The JSON without the people: in an object that names one of them, every text goes that may
    be theirs."""
    if isinstance(value, dict):
        theirs = theirs or any(_names_one(inner, erased) for inner in value.values())
        return {
            _text(name, erased, theirs=False): _without(inner, erased, theirs=theirs, key=name)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without(inner, erased, theirs=theirs, key=key) for inner in value]
    if isinstance(value, str):
        return PERSONAL if theirs and key in PRIVATE_KEYS else _text(value, erased, theirs=theirs)
    if isinstance(value, int) and not isinstance(value, bool) and erased.has(str(value)):
        return 0
    return value


def _names_one(value: Any, erased: _Erased) -> bool:
    if not isinstance(value, str):
        return False
    tokens: Iterable[bytes] = _TOKEN.findall(value.encode())
    if any(erased.has(token.decode()) for token in tokens):
        return True
    return any(map(erased.has_message, MESSAGE_ID.findall(value)))


def _text(text: str, erased: _Erased, *, theirs: bool) -> str:
    def message(found: re.Match[str]) -> str:
        own = theirs or erased.has_message(found[0])
        return opaque_id(found[0]) if own else found[0]

    def token(found: re.Match[bytes]) -> bytes:
        return b"0" * len(found[0]) if erased.has(found[0].decode()) else found[0]

    without = MESSAGE_ID.sub(message, text)
    return _TOKEN.sub(token, without.encode()).decode()


class _Position(Func):
    """Where a text stands in the bytes of a body, counted from 1; 0: nowhere."""

    output_field = IntegerField()

    def __init__(self, text: str) -> None:
        super().__init__(F("body"), Value(text.encode(), BinaryField()), function="instr")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        body, text = self.get_source_expressions()
        turned = self.copy()
        turned.set_source_expressions([text, body])
        return turned.as_sql(
            compiler,
            connection,
            function="position",
            template="position(%(expressions)s)",
            arg_joiner=" IN ",
        )


def held(person: Person) -> list[dict[str, Any]]:
    """Stored webhooks that name the person; the parts of others are left out of them."""
    places = [GreaterThan(_Position(phone[1:]), 0) for phone in person.phones]
    rows = WebhookEvent.objects.filter(reduce(or_, map(Q, places))).order_by("pk")
    return [
        {"webhook": row.pk, "received_at": row.received_at, "items": items}
        for row in in_pages(rows, rows_together=BODIES_TOGETHER)
        if (items := _items_of(row, person))
    ]


def _items_of(row: WebhookEvent, person: Person) -> list[Any]:
    try:
        value = json.loads(bytes(row.body))
    except (ValueError, RecursionError):
        return []
    items: list[Any] = []
    _collect(value, person, items)
    return items


def _collect(value: Any, person: Person, items: list[Any]) -> None:
    if isinstance(value, dict):
        scalars = " ".join(inner for inner in value.values() if isinstance(inner, str))
        if scalars and person.is_named_in(scalars):
            items.append(value)
            return
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _collect(inner, person, items)


# Erased by `sweep`, for everybody at once: a body holds many people.
PLACE = Place("webhooks_webhookevent", lambda _person, _blank: None, held)
