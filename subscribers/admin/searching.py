"""Finding people by phone: in any spelling, or by the digits that a masked number shows."""

from __future__ import annotations

from typing import TypeVar

from django.db.models import Model, QuerySet

from subscribers import phones

SHOWN_DIGITS = 4  # of a masked number
Row = TypeVar("Row", bound=Model)


def by_phone(rows: QuerySet[Row], term: str) -> QuerySet[Row] | None:
    """The rows whose `phone` is meant; None when the term is no phone."""
    term = term.strip()
    if term.isdecimal() and len(term) == SHOWN_DIGITS:
        return rows.filter(phone__endswith=term)
    try:
        return rows.filter(phone=phones.normalise(term))
    except phones.InvalidPhone:
        return None
