"""From records to the rows an import takes, and those it refuses: the file alone decides.

So a file has the same refused lines each time, whatever the database holds by then, and their list
can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from subscribers.identity.spellings import shared_spelling
from subscribers.importing.columns import Columns, Refusal, Row
from subscribers.importing.tables.records import Record
from subscribers.models import Status


def mark_repeated(
    records: Iterable[Record], columns: Columns
) -> Iterator[tuple[Record, Row | Refusal]]:
    """Each record with its row, or with why it is refused."""
    seen = _Seen()
    for record in records:
        row = columns.read(record)
        if isinstance(row, Row) and (first := seen.line_of(row)):
            reason = f"The phone number is on line {first} already: remove one of the two."
            yield record, Refusal(row.line, reason)
        else:
            yield record, row


class _Seen:
    """The first line of each phone. The first one counts, so that a second import of the
    same file changes nothing; but a later withdrawal is never dropped as a duplicate."""

    def __init__(self) -> None:
        self._lines: dict[int, int] = {}
        self._withdrawn: set[int] = set()

    def line_of(self, row: Row) -> int:
        """The line this row repeats, or 0 if it is to be taken."""
        phone = int(shared_spelling(row.phone))
        first = self._lines.setdefault(phone, row.line)
        if row.status == Status.UNSUBSCRIBED and phone not in self._withdrawn:
            self._withdrawn.add(phone)
            return 0
        return 0 if first == row.line else first
