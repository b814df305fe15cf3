"""A seeded generator of list files that knows the true rows, and the comparison with what is read.

Each row is read with exactly its values or refused with a reason; a row without a fault is read.

    python -m tests.subscribers.list_files --seed 1 --texts 5000 --workbooks 300
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import random
import sys
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

TITLES = {
    "phone": ["phone", "Mobile No.", "WhatsApp Number", "मोबाइल", "Contact"],
    "name": ["name", "Full Name", "Customer Name", "नाम"],
    "city": ["City", "city"],
    "r_d": ["R&D", "r_d", "R / D"],
    "शहर": ["शहर"],
    "note": ["Note", "note;", "(Note)", "Note,"],
    "2nd_name": ["2nd Name"],
}
NAMES = [
    "Asha Rao",
    "Zoë",
    "Müller",
    "José Álvarez",
    "O'Brien",
    "Ravi, K",
    "A; B",
    "x|y",
    'Al "Bo" K',
]
SCRIPTS = [
    "रवि कुमार",
    "ज\u093cैनब",
    "क्\u200dष",
    "அருண்",
    "আশা",
    "આશા",
    "ଆଶା",
    "王芳",
    "Ольга",
    "👩\u200d🌾 K",
]
AWKWARD = [
    "=1+1",
    "-x",
    "+y",
    "@z",
    "007",
    "1e5",
    "TRUE",
    "_x",
    "x005F_y",
    "'q",
    "K.Ramesh",
    "B.Com",
    "#1",
]
FAULTY = ["#N/A", "#REF!", "x" * 101, "bit.ly/x", "www.x.in", "Caf\ufffd"]
BLANKS = ["", " ", "NULL", "nan", "\u200b"]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"]
DELIMITERS = ",;\t|"


@dataclass
class Truth:
    """A row as it is meant: what a reader must find, unless `faulty` lets it refuse the row."""

    cells: dict[str, str]  # as written, by key
    values: dict[str, str]  # as meant; blanks are absent
    faulty: bool = False


@dataclass
class ListFile:
    """The bytes of a file, the rows in it, and whether the file must be refused as a whole."""

    name: str
    content: bytes
    rows: dict[str, Truth]  # by phone
    notes: list[str] = field(default_factory=list)
    is_refused: bool = False


def some_rows(random_: random.Random, keys: list[str], *, latin: bool) -> dict[str, Truth]:
    pool = NAMES + AWKWARD + ([] if latin else SCRIPTS)
    rows = {}
    for _ in range(random_.randint(1, 12)):
        phone = f"9{random_.randint(800000000, 899999999)}"
        cells, values, faulty = {"phone": phone}, {}, False
        for key in keys[1:]:
            kind = random_.random()
            text = random_.choice(pool)
            if kind < 0.06:
                text, faulty = random_.choice(FAULTY[:5] if latin else FAULTY), True
            elif kind < 0.2:
                text = random_.choice(BLANKS[:4] if latin else BLANKS)
            else:
                meant = text[1:] if text == "'=1" else text
                values[key] = unicodedata.normalize("NFC", meant)
                text = _padded(random_, text)
            cells[key] = text
        rows[f"+91{phone}"] = Truth(cells, values, faulty)
    return rows


def _padded(random_: random.Random, text: str) -> str:
    if text[0] in "=+-@'":
        return text
    return random_.choice(["", "", "", " ", "   ", "\u00a0"]) + text + random_.choice(["", "", " "])


def a_csv(random_: random.Random) -> ListFile:
    encoding = random_.choice(ENCODINGS)
    keys = _keys(random_, latin=encoding == "cp1252")
    titles = [random_.choice([t for t in TITLES[key] if _fits(t, encoding)]) for key in keys]
    rows = some_rows(random_, keys, latin=encoding == "cp1252")
    delimiter, end = random_.choice(DELIMITERS), random_.choice(["\n", "\r\n", "\r"])
    quoting = random_.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    padding = [""] * random_.choice([0, 0, 0, 3, 70])
    lines = [_line([*titles, *padding], delimiter, end, quoting)]
    blank = random_.choice(["", "   ", delimiter * 3])
    for row in rows.values():
        lines += [blank + end] * random_.choice([0, 0, 0, 1, 5])
        lines.append(_line([*(row.cells[key] for key in keys), *padding], delimiter, end, quoting))
    lines += [blank + end] * random_.choice([0, 0, 1, 200])
    hint = f"sep={delimiter}{end}" if random_.random() < 0.1 else ""
    content = (hint + "".join(lines)).encode(encoding)
    file = ListFile("list.csv", content, rows, [encoding, repr(delimiter), repr(end)])
    if encoding.startswith("utf-8") and any(ord(c) > 127 for line in lines for c in line):
        _damage(random_, file)
    return file


def _damage(random_: random.Random, file: ListFile) -> None:
    """Sometimes put a byte of another encoding into one row, which must then be refused."""
    if random_.random() < 0.25:
        phone, row = random_.choice(list(file.rows.items()))
        written = phone[3:].encode()
        file.content = file.content.replace(written, written + b"\xe9", 1)
        row.faulty = True
        file.notes.append("one foreign byte")


def a_json_lines(random_: random.Random) -> ListFile:
    keys = _keys(random_, latin=False)
    titles = {key: random_.choice(TITLES[key]) for key in keys}
    rows = some_rows(random_, keys, latin=False)
    lines = []
    for row in rows.values():
        written: dict[str, object] = {titles[key]: row.cells[key] for key in keys}
        if random_.random() < 0.3:
            written[titles["phone"]] = int(row.cells["phone"])
        if random_.random() < 0.3 and len(keys) > 2:
            moved = written.pop(titles[keys[-1]])
            written["attributes"] = {titles[keys[-1]]: moved}
        line = json.dumps(written, ensure_ascii=random_.random() < 0.5)
        if random_.random() < 0.1:
            line, row.faulty = line[:-1] + f', "{titles["phone"]}": "9812345678"}}', True
        lines += [line, *[" "] * random_.choice([0, 0, 2])]
    encoding = random_.choice(["utf-8", "utf-8-sig", "utf-16"])
    return ListFile("list.jsonl", "\n".join(lines).encode(encoding), rows, [encoding])


def a_workbook(random_: random.Random) -> ListFile:
    from openpyxl import Workbook
    from openpyxl.styles import PatternFill

    keys = _keys(random_, latin=False)
    rows = some_rows(random_, keys, latin=False)
    book = Workbook()
    sheet = book.active
    file = ListFile("list.xlsx", b"", rows)
    if random_.random() < 0.25:
        book.create_sheet("Summary", 0).append(["This document was exported", 7])
        file.notes.append("a summary first")
    sheet.append([random_.choice(TITLES[key]) for key in keys])
    for row in rows.values():
        number = sheet.max_row + 1 + random_.choice([0, 0, 0, 1, 30])
        for column, key in enumerate(keys, 1):
            _write_cell(random_, sheet.cell(number, column), key, row)
    for number in range(sheet.max_row + 1, sheet.max_row + random_.choice([1, 1, 300])):
        sheet.cell(number, 1).fill = PatternFill("solid", fgColor="FFFFFF")
    if random_.random() < 0.15:
        book.create_sheet("More").append(["Phone"])
        book["More"].append([9812345678])
        file.is_refused = True
    out = io.BytesIO()
    book.save(out)
    file.content = out.getvalue()
    return file


def _write_cell(random_: random.Random, cell: object, key: str, row: Truth) -> None:
    text = row.cells[key]
    kind = random_.random()
    cell.value = text
    if text[:1] in ("=", "#"):
        cell.data_type = "e" if text in ("#N/A", "#REF!") else "s"
    elif key == "phone" and kind < 0.5:
        cell.value = random_.choice([int(text), float(text)])
    elif kind > 0.95:
        cell.value, row.faulty = '="never computed"', True
    elif "\u200b" not in text and kind > 0.85:  # as Excel spells a character
        first = text[:1]
        if first and len(first.encode("utf-16-le")) == 2:
            cell.value = f"_x{ord(first):04X}_{text[1:]}"


def _keys(random_: random.Random, *, latin: bool) -> list[str]:
    others = [key for key in TITLES if key != "phone" and not (latin and key == "शहर")]
    return ["phone", *random_.sample(others, random_.randint(1, len(others)))]


def _fits(title: str, encoding: str) -> bool:
    return encoding != "cp1252" or title.isascii()


def _line(cells: list[str], delimiter: str, end: str, quoting: int) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quoting).writerow(cells)
    return out.getvalue()


def differences(file: ListFile) -> list[str]:
    """What a reader got wrong: a row with other values, or refused or left out without need."""
    from subscribers.importing.columns import Columns, Row
    from subscribers.importing.repeated_phones import mark_repeated
    from subscribers.importing.tables import workbook
    from subscribers.importing.tables.csv_table import open_table
    from subscribers.importing.tables.records import ImportRefused

    wrong, read, refusals = [], {}, 0
    try:
        content = workbook.to_csv(file.content) if file.name.endswith("xlsx") else file.content
        with open_table(io.BytesIO(content)) as table:
            columns = Columns(table.header)
            for _, row in mark_repeated(table.records(), columns):
                if isinstance(row, Row):
                    read[row.phone] = {**row.details, **row.attributes}
                elif row.reason:
                    refusals += 1
    except ImportRefused as refusal:
        without_reason = not file.is_refused and not all(row.faulty for row in file.rows.values())
        return [f"refused as a whole: {refusal}"] if without_reason else []
    if file.is_refused:
        wrong.append("not refused as a whole")
    for phone, truth in file.rows.items():
        found = read.pop(phone, None)
        if found is not None and found != truth.values:
            wrong.append(f"{phone}: {found} instead of {truth.values}")
        if found is None:
            refusals -= 1
            if not truth.faulty:
                wrong.append(f"{phone}: refused or missing: {truth.cells}")
    wrong += [f"{phone}: not in the file" for phone in read]
    return wrong if not refusals else [*wrong, f"{refusals} more refusals than rows not read"]


def check(seed: int, texts: int, workbooks: int) -> tuple[Counter[str], list[str]]:
    """Generate and read that many files; returns counts and the differences."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    for number in range(texts + workbooks):
        random_ = random.Random(f"{seed}/{number}")
        make = a_workbook if number >= texts else random_.choice([a_csv, a_csv, a_json_lines])
        file = make(random_)
        counts[file.name] += 1
        counts["rows"] += len(file.rows)
        counts["faulty rows"] += sum(truth.faulty for truth in file.rows.values())
        wrong += [f"{seed}/{number} {file.name} {file.notes}: {one}" for one in differences(file)]
    return counts, wrong


def main() -> int:
    import django

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=5_000)
    parser.add_argument("--workbooks", type=int, default=300)
    options = parser.parse_args()
    django.setup()
    counts, wrong = check(options.seed, options.texts, options.workbooks)
    summary = ", ".join(f"{count:,} {what}" for what, count in counts.items())
    sys.stdout.write("\n".join([*wrong[:40], f"{summary}: {len(wrong)} wrong", ""]))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
