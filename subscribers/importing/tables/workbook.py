"""XLSX to CSV, safely: what a workbook claims is weighed before it is opened, and it is opened
in a process of its own with little memory and little time. One set of rules reads the CSV then.
"""

from __future__ import annotations

import io
import json
import stat
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from subscribers.importing.tables import sheets, text_file
from subscribers.importing.tables.records import ImportRefused

MAX_SIZE = 15 * 2**20  # bytes as uploaded
MAX_CSV = 50 * 2**20  # bytes of its text
MAX_ROWS = 200_000  # rows that hold anything
MAX_UNPACKED = 200 * 2**20
MAX_MEMBERS = 1_000
MAX_RATIO = 100  # unpacked to packed; sheets of plain lists come to 5 to 30
SMALL_BYTES = 2**20  # unpacked bytes up to which the ratio says nothing
CONVERSION_SECONDS = 90.0  # seconds for the whole conversion
_SCRIPT = Path(__file__).with_name("workbook_script.py")
_BLOCK = 2**18
_ASK_FOR_CSV = "Open it in Excel, copy the list into a new workbook or save it as “CSV UTF-8”."
# XML of Office files has no DTD; one is there only to make the reader explode or to fetch things.
_FORBIDDEN = [
    mark.encode(encoding)
    for mark in ("<!DOCTYPE", "<!ENTITY")
    for encoding in ("utf-8", "utf-16-le", "utf-16-be")
]
# What zipfile raises over a broken, encrypted or exotic archive.
_DAMAGES = (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError)


def is_workbook(head: bytes) -> bool:
    """Whether a file that begins so is a ZIP archive, as every XLSX is."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def to_csv(content: bytes) -> bytes:
    """The list in it as UTF-8 CSV, a line for each row. Raises ImportRefused."""
    return read_list(content)[0]


def read_list(content: bytes) -> tuple[bytes, list[str]]:
    """The list in it as UTF-8 CSV, a line for each row, and what to know of the other sheets.

    Raises ImportRefused, also for lists on several sheets: one of them would be left out.
    """
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        file.write(content)
        file.flush()
        inspect(Path(file.name))
        content, notes = sheets.choose(_convert(Path(file.name)))
    text_file.inspect(io.BytesIO(content), MAX_ROWS)
    return content, notes


def inspect(path: Path) -> None:
    """Refuse an archive that is too big, too dense or no workbook, by its directory alone."""
    if path.stat().st_size > MAX_SIZE:
        raise ImportRefused(
            _("The workbook is larger than %(limit)s MB. Split it.") % {"limit": MAX_SIZE // 2**20}
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _check_directory(archive.infolist())
            _check_xml(archive)
    except _DAMAGES:
        raise ImportRefused(
            _("The workbook is damaged. %(advice)s") % {"advice": _ASK_FOR_CSV}
        ) from None


def _check_directory(members: list[zipfile.ZipInfo]) -> None:
    if len(members) > MAX_MEMBERS:
        raise ImportRefused(
            _("The workbook has more than %(limit)s parts. %(advice)s")
            % {"limit": f"{MAX_MEMBERS:,}", "advice": _ASK_FOR_CSV}
        )
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if unpacked > MAX_UNPACKED:
        raise ImportRefused(
            _("The workbook unpacks to over %(limit)s MB. Split it.")
            % {"limit": MAX_UNPACKED // 2**20}
        )
    if unpacked > SMALL_BYTES and unpacked > MAX_RATIO * max(packed, 1):
        raise ImportRefused(
            _("The workbook is compressed too much to be a list. %(advice)s")
            % {"advice": _ASK_FOR_CSV}
        )
    names = [member.filename for member in members]
    if len(set(names)) < len(names) or any(_is_odd(member) for member in members):
        raise ImportRefused(
            _("The workbook has parts that Excel does not write. %(advice)s")
            % {"advice": _ASK_FOR_CSV}
        )
    if not {"[Content_Types].xml", "xl/workbook.xml"} <= set(names):
        raise ImportRefused(_("This ZIP archive is not an Excel workbook (.xlsx). Upload a list."))


def _is_odd(member: zipfile.ZipInfo) -> bool:
    parts = member.filename.replace("\\", "/").split("/")
    link = stat.S_ISLNK(member.external_attr >> 16)
    return link or ".." in parts or parts[0] == "" or bool(member.flag_bits & 0x1)


def _check_xml(archive: zipfile.ZipFile) -> None:
    for member in archive.infolist():
        if member.filename.endswith((".xml", ".rels")):
            with archive.open(member) as part:
                _check_part(part)


def _check_part(part: IO[bytes]) -> None:
    tail = b""
    while block := part.read(_BLOCK):
        window = tail + block
        if any(mark in window for mark in _FORBIDDEN):
            raise ImportRefused(
                _("The workbook has code that Excel does not write. %(advice)s")
                % {"advice": _ASK_FOR_CSV}
            )
        tail = block[-40:]


def _convert(path: Path) -> list[sheets.Sheet]:
    """Run the script on it; an empty environment, so that nothing secret is in that process."""
    with tempfile.TemporaryFile() as out:
        try:
            ended = subprocess.run(  # noqa: S603  # our own script, and a path we made
                [sys.executable, "-I", "-W", "ignore", str(_SCRIPT), str(path)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                timeout=CONVERSION_SECONDS,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ImportRefused(
                _("The workbook takes too long to read. %(advice)s") % {"advice": _ASK_FOR_CSV}
            ) from None
        try:
            found = json.loads(ended.stderr) if ended.returncode == 0 else None
        except ValueError:
            found = None
        if found is None:
            raise ImportRefused(
                _("The workbook cannot be read. %(advice)s") % {"advice": _ASK_FOR_CSV}
            )
        if out.seek(0, io.SEEK_END) > MAX_CSV:
            raise ImportRefused(_("The workbook contains too much text. Split it."))
        out.seek(0)
        text = out.read()
    return [
        sheets.Sheet(title, state, filled, hidden, text[start:end])
        for title, state, filled, hidden, start, end in found
    ]
