"""Finding people by a phone in any spelling, its last digits, a name's beginning, an email."""

from __future__ import annotations

from typing import TypeVar

from django.db import connections
from django.db.models import Model, Q, QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Right
from django.db.models.lookups import Exact

from subscribers import phones
from subscribers.models import Subscriber

Row = TypeVar("Row", bound=Model)
SHOWN_DIGITS = 4  # what a masked number shows may also be searched for


def by_phone(rows: QuerySet[Row], term: str) -> QuerySet[Row] | None:
    """Rows with this `phone`, or with these last digits of it; None when it is no phone."""
    text = term.strip()
    if text.isdecimal() and text.isascii() and len(text) == SHOWN_DIGITS:
        return rows.filter(Exact(Right("phone", SHOWN_DIGITS), text))
    try:
        return rows.filter(phone=phones.normalise(text))
    except phones.InvalidPhone:
        return None


def search(people: QuerySet[Subscriber], term: str) -> QuerySet[Subscriber]:
    """Those that `term` finds by phone, else those whose name begins so or whose email it is."""
    rows = by_phone(people, term)
    if rows is not None:
        return rows
    text = term.strip()
    return people.filter(Q(name__istartswith=text) | Q(email__iexact=text))


def with_attribute(people: QuerySet[Subscriber], name: str, value: str) -> QuerySet[Subscriber]:
    """Those whose attribute `name` is `value`, to the letter."""
    if connections[people.db].features.supports_json_field_contains:
        return people.filter(attributes__contains={name: value})  # by its index
    return people.alias(value=KeyTransform(name, "attributes")).filter(value=value)
