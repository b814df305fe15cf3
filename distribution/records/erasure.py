"""Erasure of one person from records: their line loses row and salt and keeps the leaf."""

from __future__ import annotations

import json
from typing import Any

from distribution.models import Delivery, RecordPart
from distribution.records import merkle, rows
from distribution.records.making import pack, unpack
from subscribers.people.personal_data import Place
from subscribers.people.traces import Person


def _erase(person: Person, _blank: str) -> None:
    theirs = Delivery.objects.filter(subscriber_id=person.pk)
    for delivery_id, distribution_id in theirs.values_list("pk", "distribution_id"):
        parts = RecordPart.objects.select_for_update().filter(
            record__distribution=distribution_id,
            first_delivery__lte=delivery_id,
            last_delivery__gte=delivery_id,
        )
        for part in parts.order_by("pk"):
            _erase_line(part, distribution_id, delivery_id)


def _erase_line(part: RecordPart, distribution_id: int, delivery_id: int) -> None:
    lines = unpack(part.lines)
    place = _place(part, distribution_id, delivery_id)
    line = json.loads(lines[place])
    if "leaf" in line:
        return
    lines[place] = without_row(lines[place], line)
    RecordPart.objects.filter(pk=part.pk).update(lines=pack(lines))


def _place(part: RecordPart, distribution_id: int, delivery_id: int) -> int:
    """Lines are in the order of the deliveries, of which none is ever deleted."""
    return Delivery.objects.filter(
        distribution_id=distribution_id, pk__gte=part.first_delivery, pk__lt=delivery_id
    ).count()


def without_row(text: bytes, line: dict[str, Any]) -> bytes:
    leaf = merkle.leaf_hash(line["salt"], row_of(text, line["salt"]))
    return json.dumps({"leaf": leaf.hex()}).encode()


def row_of(text: bytes, salt: str) -> bytes:
    """The bytes of the row in a line, verbatim."""
    start, end = rows.with_salt(salt, b"\n").split(b"\n")
    if not (text.startswith(start) and text.endswith(end)):
        raise ValueError("a line of a record has another form")
    return text[len(start) : len(text) - len(end)]


PLACE = Place("distribution_recordpart", _erase)
