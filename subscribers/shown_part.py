"""What is shown of a list too long to show: it says of how many it is, and where the rest begins.

Every page, sentence and answer that shows the first rows only is built with this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from subscribers.whole_numbers import whole_number

PARAMETER = "from"  # of a page's address: how many rows come before those displayed
MAX_START = 10**9


@dataclass(frozen=True, slots=True)
class Part:
    """`rows` of `total`, after the first `start`. `limit` is the length of a whole part."""

    rows: Sequence[Any]
    start: int
    total: int
    limit: int

    @property
    def words(self) -> str:
        """`the first 50 of 1,234` or `51 to 100 of 1,234`; empty if it is the whole list."""
        if len(self.rows) >= self.total:
            return ""
        if not self.start:
            return f"the first {len(self.rows):,} of {self.total:,}"
        if not self.rows:
            return f"none after {self.start:,} of {self.total:,}"
        return f"{self.start + 1:,} to {self.start + len(self.rows):,} of {self.total:,}"

    @property
    def earlier(self) -> int | None:
        return max(self.start - self.limit, 0) if self.start else None

    @property
    def later(self) -> int | None:
        following = self.start + self.limit
        return following if following < self.total else None

    @property
    def left(self) -> int:
        """How many rows are not among these."""
        return self.total - len(self.rows)


def of(rows: QuerySet[Any, Any] | Sequence[Any], limit: int, *, start: int = 0) -> Part:
    """The part of a list, or of what a query finds: it is counted only if it does not fit."""
    found = list(rows[start : start + limit + 1])
    if len(found) <= limit and not start:
        total = len(found)
    else:
        total = rows.count() if isinstance(rows, QuerySet) else len(rows)
    return Part(found[:limit], start, total, limit)


def start_of(request: HttpRequest) -> int:
    """After how many rows the displayed part begins; 0 if the address says nothing sensible."""
    return whole_number(request.GET.get(PARAMETER, ""), most=MAX_START) or 0


def named(words: Sequence[str], limit: int, *, separator: str = ", ") -> str:
    """The first of these words, and how many more there are."""
    told = separator.join(words[:limit])
    return f"{told} and {len(words) - limit:,} more" if len(words) > limit else told


def cut(text: str, limit: int) -> str:
    """A text of at most `limit` characters, and how long it is if that was not all."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text):,} characters in all)"
