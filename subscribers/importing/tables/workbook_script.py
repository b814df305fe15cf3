"""The sheets of a workbook as CSV: a script of its own, for a process of its own.

Reads the workbook at the path it is given. Standard output gets the UTF-8 CSV of one sheet after
the other, one line for each row, so that line 7 is row 7; standard error gets a JSON list of what
they are. It limits its own memory and time before it opens anything: a file made to burst kills
this process and nothing else. It knows nothing of the project.
"""

from __future__ import annotations

import csv
import io
import json
import re
import resource
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

MEMORY = 1024 * 2**20  # bytes of address space
SECONDS = 80  # of CPU
MAX_ROWS = 2**20  # the last row that Excel has
MAX_FILLED_ROWS = 200_002  # one more than the CSV reader takes, so that it is the one to refuse
MAX_COLUMNS = 51
EXIT_NO_SHEET = 3
MIDNIGHT = (0, 0, 0, 0)
NOT_COMPUTED = "#NOT_COMPUTED!"  # in place of a formula without a stored value
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")  # a character as Office files spell it


def text(cell: object) -> str:
    """A cell's value as a person would type it. Line breaks would shift the row numbers."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e16:
        return str(int(cell))  # Excel keeps a phone number as 9.19812345678E+11
    if isinstance(cell, float):
        return f"{cell:.15g}"  # as many digits as Excel shows
    if isinstance(cell, datetime):
        clock = (cell.hour, cell.minute, cell.second, cell.microsecond)
        return cell.date().isoformat() if clock == MIDNIGHT else cell.isoformat(" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return " ".join(str(cell).replace("\0", "").splitlines())


def unescaped(value: str) -> str:
    """`_x000D_` as the character it stands for; half of a surrogate pair is none."""
    if "_x" not in value:
        return value
    found = _ESCAPED.sub(lambda escape: chr(int(escape[1], 16)), value)
    return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


def sheets(path: Path) -> Iterator[tuple[str, str, Any]]:
    """Title, state and parser of each sheet; formulas as Excel computed them last."""
    from openpyxl.cell.text import Text  # inside: not before the limits
    from openpyxl.reader.excel import ExcelReader
    from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser
    from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
    from openpyxl.xml.functions import iterparse

    class Reader(ExcelReader):  # type: ignore[misc]  # untyped
        """Reads shared strings with their escapes, which the library half removes."""

        def read_strings(self) -> None:
            part = self.package.find(SHARED_STRINGS)
            if part is None:
                return
            with self.archive.open(part.PartName[1:]) as source:
                for _, node in iterparse(source):
                    if node.tag == f"{{{SHEET_MAIN_NS}}}si":
                        self.shared_strings.append(unescaped(Text.from_tree(node).content))
                        node.clear()

    class Parser(WorkSheetParser):  # type: ignore[misc]  # untyped
        """Tells a formula that was never computed from an empty cell."""

        is_hidden = False  # the row

        def parse_row(self, row: Any) -> Any:
            self.is_hidden = row.get("hidden") in ("1", "true")
            self.row_dimensions.clear()
            return super().parse_row(row)

        def parse_cell(self, element: Any) -> Any:
            cell = super().parse_cell(element)
            kind = element.get("t")
            if cell["value"] is None and kind != "str" and element.find(FORMULA_TAG) is not None:
                cell["value"] = NOT_COMPUTED if not element.findtext(VALUE_TAG) else None
            elif kind in ("str", "inlineStr") and isinstance(cell["value"], str):
                cell["value"] = unescaped(cell["value"])
            return cell

    reader = Reader(path, read_only=True, data_only=True, keep_links=False)
    reader.read()
    book = reader.wb
    for sheet in book.worksheets:
        with sheet._get_source() as source:
            yield (
                sheet.title,
                sheet.sheet_state,
                Parser(
                    source,
                    sheet._shared_strings,
                    data_only=True,
                    epoch=book.epoch,
                    date_formats=book._date_formats,
                    timedelta_formats=book._timedelta_formats,
                ),
            )


def write_sheet(parser: Any, out: io.TextIOWrapper) -> tuple[int, int]:
    """Write its filled rows on the lines of their numbers; returns how many, and how many hidden.

    Blank rows are written once a filled one follows: a million of them at the end cost nothing.
    """
    writer = csv.writer(out, lineterminator="\n")
    line = filled = hidden = 0
    for number, row in parser.parse():
        cells = _cells(row)
        if not any(cells) or number <= line:
            continue
        if number > MAX_ROWS:
            sys.exit("a row that Excel does not have")
        out.write("\n" * (number - line - 1))
        line = number
        writer.writerow(cells)
        filled += 1
        hidden += parser.is_hidden
        if filled > MAX_FILLED_ROWS:
            break
    return filled, hidden


def _cells(row: Sequence[dict[str, Any]]) -> list[str]:
    """The texts of a row up to the last that is filled; what stands beyond the last column that
    is read goes into it, so that the row is refused and not cut."""
    texts: list[str] = []
    for cell in row:
        if cell["value"] is None:
            continue
        place = min(cell["column"], MAX_COLUMNS) - 1
        texts += [""] * (place + 1 - len(texts))
        texts[place] = text(cell["value"]) or texts[place]
    while texts and not texts[-1].strip():
        texts.pop()
    return texts


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    _limit()
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
    found = []
    for title, state, parser in sheets(Path(sys.argv[1])):
        start = sys.stdout.buffer.tell()
        filled, hidden = write_sheet(parser, out)
        out.flush()
        end = sys.stdout.buffer.tell()
        found.append([title, state, filled, hidden, start, end])
    if not found:
        sys.exit(EXIT_NO_SHEET)
    json.dump(found, sys.stderr)


if __name__ == "__main__":
    main()
