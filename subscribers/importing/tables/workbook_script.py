"""The first sheet of a workbook as CSV: a script of its own, for a process of its own.

Reads the workbook at the path it is given and writes UTF-8 CSV to standard output, one line for
each row, so that line 7 is row 7. It limits its own memory and time before it opens anything: a
file made to burst kills this process and nothing else. It knows nothing of the project.
"""

from __future__ import annotations

import csv
import io
import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

MEMORY = 1024 * 2**20  # bytes of address space
SECONDS = 80  # of CPU
MAX_ROWS = 200_002  # one more than the CSV reader takes, so that it is the one to refuse
MAX_COLUMNS = 51
EXIT_NO_SHEET = 3
MIDNIGHT = (0, 0, 0, 0)


def rows(path: Path) -> Iterator[list[str]]:
    """The cells of the first visible sheet as text; formulas as Excel computed them last."""
    from openpyxl import load_workbook  # inside: not before the limits

    book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        sys.exit(EXIT_NO_SHEET)
    sheet = sheets[0]
    sheet.reset_dimensions()  # what the file says of its own size is not to be believed
    for cells in sheet.iter_rows(max_row=MAX_ROWS, max_col=MAX_COLUMNS, values_only=True):
        yield _without_blank_end([text(cell) for cell in _filled(cells)])


def text(cell: object) -> str:
    """A cell's value as a person would type it. Line breaks would shift the row numbers."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e16:
        return str(int(cell))  # Excel keeps a phone number as 9.19812345678E+11
    if isinstance(cell, datetime):
        clock = (cell.hour, cell.minute, cell.second, cell.microsecond)
        return cell.date().isoformat() if clock == MIDNIGHT else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return " ".join(str(cell).replace("\0", "").splitlines())


def _filled(cells: tuple[object, ...]) -> tuple[object, ...]:
    """Without the empty cells up to MAX_COLUMNS with which every row is filled up."""
    end = len(cells)
    while end and cells[end - 1] is None:
        end -= 1
    return cells[:end]


def _without_blank_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    _limit()
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(out, lineterminator="\n")
    for cells in rows(Path(sys.argv[1])):
        if len(cells) > 1:
            writer.writerow(cells)
        else:  # csv writes a lone empty cell as "", which is no blank line
            out.write(_lone(cells))
    out.flush()


def _lone(cells: list[str]) -> str:
    if not cells or not cells[0]:
        return "\n"
    return '"' + cells[0].replace('"', '""') + '"\n'


if __name__ == "__main__":
    main()
