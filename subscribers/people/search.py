"""Finding people by a phone in any spelling, its last digits, what WhatsApp calls them, a name's
beginning, an email."""

from __future__ import annotations

import re
from typing import TypeVar

from django.db import connections
from django.db.models import Model, Q, QuerySet
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Right
from django.db.models.lookups import Exact

from subscribers import phones
from subscribers.identity.reading import read_phone
from subscribers.identity.spellings import spellings
from subscribers.models import Subscriber, Suppression, WhatsAppIdentity

Row = TypeVar("Row", bound=Model)
SHOWN_DIGITS = 4  # what a masked number shows may also be searched for
_USER_ID = re.compile(r"[A-Z]{2}\.(?=[A-Za-z]*\d)[0-9A-Za-z]{1,128}")


def by_id(people: QuerySet[Subscriber], term: str) -> QuerySet[Subscriber] | None:
    """Those who have this phone or these last digits of it, or whom WhatsApp calls by this number
    or user id; None when it is neither."""
    text = term.strip()
    if _USER_ID.fullmatch(text):
        return people.filter(pk__in=_owners(people, Q(user_id=text) | Q(moved_user_id=text)))
    if is_tail(text):
        return people.filter(Exact(Right("phone", SHOWN_DIGITS), text))
    found = _spellings_of(text)
    if not found:
        return None
    owners = _owners(people, Q(wa_id__in=[phone[1:] for phone in found]))
    has_phone = Q(phone__in=found)
    return people.filter(has_phone | Q(pk__in=owners) if owners else has_phone)


def suppressions_by_id(rows: QuerySet[Suppression], term: str) -> QuerySet[Suppression] | None:
    """The same for what unknown people said."""
    text = term.strip()
    if _USER_ID.fullmatch(text):
        return rows.filter(user_id=text)
    if is_tail(text):
        return rows.filter(Exact(Right("phone", SHOWN_DIGITS), text))
    found = _spellings_of(text)
    return rows.filter(phone__in=found) if found else None


def search(people: QuerySet[Subscriber], term: str) -> QuerySet[Subscriber]:
    """Those that `term` finds by an id, else those whose name begins so or whose email it is."""
    rows = by_id(people, term)
    if rows is not None:
        return rows
    text = term.strip()
    return people.filter(Q(name__istartswith=text) | Q(email__iexact=text))


def with_attribute(people: QuerySet[Subscriber], name: str, value: str) -> QuerySet[Subscriber]:
    """Those whose attribute `name` is `value`, to the letter."""
    if connections[people.db].features.supports_json_field_contains:
        return people.filter(attributes__contains={name: value})  # by its index
    return people.alias(value=KeyTransform(name, "attributes")).filter(value=value)


def is_tail(text: str) -> bool:
    """Whether it can be the digits that a masked number shows."""
    return text.isdecimal() and text.isascii() and len(text) == SHOWN_DIGITS


def _spellings_of(text: str) -> tuple[str, ...]:
    """Every spelling (E.164) of a phone as people or WhatsApp write it; none of anything else."""
    for read in (read_phone, phones.from_wa_id):
        try:
            return spellings(read(text))
        except phones.InvalidPhone:
            continue
    return ()


def _owners(people: QuerySet[Subscriber], ids: Q) -> list[int]:
    """A list and no subquery: PostgreSQL would read the whole table for "phone or subquery"."""
    rows = WhatsAppIdentity.objects.using(people.db).filter(ids)
    return sorted(set(rows.values_list("subscriber_id", flat=True)))
