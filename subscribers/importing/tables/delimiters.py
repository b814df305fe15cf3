"""Which character parts the cells: the one under which the first lines make sense."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence

from subscribers.details.titles import names_phone

DELIMITERS = ",;\t|"
SAMPLE_LINES = 20  # after the header


def choose(parse_header: Callable[[str], list[str]], sample: Sequence[str], hint: str = "") -> str:
    """The delimiter of a file: one by which a column for the phone appears, before anything else.

    `parse_header` gives the cells of the header by a delimiter, none if it cannot be read so;
    `hint` is what the file itself says ("sep=;").
    """
    return max(
        DELIMITERS,
        key=lambda delimiter: (
            *_sense(parse_header(delimiter)),
            delimiter == hint,
            _evenness(len(parse_header(delimiter)), sample, delimiter),
            len(parse_header(delimiter)),
        ),
    )


def _sense(header: list[str]) -> tuple[bool, bool]:
    """Whether the phone is named, and no cell with a quotation mark was cut."""
    return names_phone(header), not any('"' in cell for cell in header)


def _evenness(columns: int, sample: Sequence[str], delimiter: str) -> float:
    """The share of the rows in the sample that have as many cells as the header."""
    if columns < 2:
        return 0.0
    try:
        rows = [row for row in csv.reader(sample, delimiter=delimiter) if any(row)]
    except csv.Error:
        return 0.0
    return sum(len(row) == columns for row in rows) / len(rows) if rows else 0.0
