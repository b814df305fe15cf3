"""The last mornings of a phone number, as its page and the API show them."""

from __future__ import annotations

from datetime import date

from distribution.cached.table_cache import TableCache
from distribution.quality import figures
from distribution.quality.figures import Shown

kept: TableCache[Shown] = TableCache("CACHE_NUMBERS_SECONDS", "distribution_dailysignals")


def shown(number: int, *, today: date) -> Shown:
    """Its rates over the windows of the rules, which read the signals themselves."""
    return kept.get((number, today), lambda: _read(number, today))


def _read(number: int, today: date) -> Shown:
    return figures.shown(figures.by_number([number], until=today).get(number, []))
