"""Reads any number of rows in pages, so that they never are in memory together.

Not by a cursor of the server: PostgreSQL would write the whole result to its disk first, and behind
PgBouncer a cursor ends with its transaction. The keys are read first, 8 bytes each (40 while
they come from the server); then the rows, page by page.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

ROWS_TOGETHER = 2_000


def in_pages(rows: QuerySet[Any], *, rows_together: int = ROWS_TOGETHER) -> Iterator[Any]:
    """The rows that are selected now, in their order, each as it is when its page is read.

    One that is deleted or no longer selected by then is left out. Keys are integers.
    """
    keys = rows.prefetch_related(None).values_list("pk", flat=True)
    selected = array("q", keys.iterator(chunk_size=10 * ROWS_TOGETHER))
    for start in range(0, len(selected), rows_together):
        yield from rows.filter(pk__in=selected[start : start + rows_together])
