"""From records to the rows an import takes, and those it refuses: the file alone decides.

So a file has the same refused lines each time, whatever the database holds by then, and their list
can be made again at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from subscribers.identity.spellings import shared_spelling
from subscribers.importing.columns import Columns, Refusal, Row
from subscribers.importing.phone_lines import PhoneLines
from subscribers.importing.tables.records import Record
from subscribers.models import Status


def mark_repeated(
    records: Iterable[Record], columns: Columns
) -> Iterator[tuple[Record, Row | Refusal]]:
    """Each record with its row, or with why it is refused.

    The first line of a phone counts, so that a second import of the same file changes nothing; but
    a later withdrawal is never dropped as a duplicate.
    """
    seen, withdrawn = PhoneLines(), PhoneLines()
    for record in records:
        row = columns.read(record)
        if not isinstance(row, Row):
            yield record, row
            continue
        phone = int(shared_spelling(row.phone))
        first = seen.first(phone, row.line)
        withdraws = row.status == Status.UNSUBSCRIBED
        is_first_withdrawal = withdraws and withdrawn.first(phone, row.line) == row.line
        if first == row.line:
            yield record, row
        elif is_first_withdrawal:
            yield record, replace(row, repeats=True)
        else:
            reason = f"The phone number is on line {first} already: remove one of the two."
            yield record, Refusal(row.line, reason)
