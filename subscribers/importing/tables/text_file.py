"""The bytes of a text file before its rows are read: size, kind, encoding, number of lines."""

from __future__ import annotations

import codecs
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.conf import settings
from django.utils.translation import gettext as _

from subscribers.importing.tables.records import MAX_SIZE, ImportRefused

BLOCK_BYTES = 64 * 1024

_SAVE_AS_CSV = "Open it and save it as “CSV UTF-8”"
_NOT_TEXT = "This is not a text file. If it is a workbook, open it and save it as “CSV UTF-8”."
_SIGNATURES = {
    b"PK\x03\x04": f"This is an Excel workbook or a ZIP archive, not CSV. {_SAVE_AS_CSV}.",
    b"PK\x05\x06": "This is an empty ZIP archive, not CSV.",
    b"\xd0\xcf\x11\xe0": f"This is an old Excel workbook, not CSV. {_SAVE_AS_CSV}.",
    b"\x1f\x8b": "This file is compressed. Unpack it first.",
    b"%PDF": "This is a PDF. Export the list as CSV instead.",
    b"<": f"This is a web page or XML, not CSV. {_SAVE_AS_CSV}.",
}
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
# Letters beyond ASCII as UTF-8 has them. Windows text has such a pair of bytes by accident only.
_UTF8_LETTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
# From the first character of a line that is neither blank nor punctuation between empty cells.
_FILLED_LINE = re.compile(r"[^\s,;|\"][^\r\n]*")
_KEPT_BYTES = "surrogateescape"  # what cannot be decoded becomes a lone surrogate, found by line
_FOREIGN = "has letters that are not UTF-8, unlike the rest of the file. Type them again."
_NO_TEXT = f"has characters that are neither UTF-8 nor Windows text. {_SAVE_AS_CSV}."


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the bytes become text, and which text shows that a line is not of this encoding."""

    name: str
    errors: str = "strict"
    damage: re.Pattern[str] | None = None
    fault: str = ""  # of a damaged line; continues the sentence "The line …"
    is_guessed: bool = False

    def fault_of(self, text: str) -> str:
        """What is wrong with a line, or an empty text."""
        return self.fault if self.damage and self.damage.search(text) else ""

    @property
    def notes(self) -> list[str]:
        """What to know of how the file is read."""
        if not self.is_guessed:
            return []
        return [
            f"The file is not UTF-8 and is read as Windows text ({self.name}). Check the names."
        ]


@dataclass(frozen=True, slots=True)
class TextFile:
    """What is known of a file before its rows are read."""

    digest: str  # SHA-256 of the bytes, for the evidence
    encoding: Encoding


def inspect(file: BinaryIO, max_rows: int | None = None) -> TextFile:
    """Refuse what is too big, too long (beyond IMPORT_MAX_ROWS, or as told) or no text at all."""
    limit = settings.IMPORT_MAX_ROWS if max_rows is None else max_rows
    if file.seek(0, io.SEEK_END) > MAX_SIZE:
        raise ImportRefused(
            _("The file is larger than %(limit)s MB. Split it.") % {"limit": MAX_SIZE // 2**20}
        )
    digest = hashlib.sha256()
    for position, block in enumerate(_blocks(file)):
        if position == 0:
            _check_head(block)
        digest.update(block)
    encoding = _encoding(file)
    if _count_filled_lines(file, encoding) > limit + 1:
        raise ImportRefused(
            _("The file has more than %(limit)s lines. Split it.") % {"limit": f"{limit:,}"}
        )
    return TextFile(digest.hexdigest(), encoding)


def _check_head(head: bytes) -> None:
    for signature, sentence in _SIGNATURES.items():
        if head.lstrip(b" \t\r\n").startswith(signature):
            raise ImportRefused(sentence)
    if _mark(head) in {"utf-16", "utf-32"}:
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > len(head) / 20:
        raise ImportRefused(_NOT_TEXT)


def _encoding(file: BinaryIO) -> Encoding:
    """The encoding of the file. What is valid UTF-8, or has letters in it, is nothing else."""
    file.seek(0)
    mark = _mark(file.read(4))
    name = mark or "utf-8"
    if _decodes(file, name):
        return Encoding(name)
    if name in ("utf-16", "utf-32"):
        raise ImportRefused(
            _("The file is damaged or not in the encoding it claims. %(advice)s.")
            % {"advice": _SAVE_AS_CSV}
        )
    if mark or _has_utf8_letters(file):
        return Encoding(name, _KEPT_BYTES, re.compile("[\udc80-\udcff]"), _FOREIGN)
    if _decodes(file, "cp1252"):
        return Encoding("cp1252", is_guessed=True)
    return Encoding("latin-1", "strict", re.compile("[\x80-\x9f]"), _NO_TEXT, is_guessed=True)


def _mark(head: bytes) -> str:
    return next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")


def _decodes(file: BinaryIO, name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)()
    try:
        for block in _blocks(file):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _has_utf8_letters(file: BinaryIO) -> bool:
    tail = b""
    for block in _blocks(file):
        if _UTF8_LETTER.search(tail + block):
            return True
        tail = block[-3:]
    return False


def _count_filled_lines(file: BinaryIO, encoding: Encoding) -> int:
    """The lines that hold anything: blank ones, and rows of empty cells, are padding."""
    decoder = codecs.getincrementaldecoder(encoding.name)(encoding.errors)
    count, is_open = 0, False  # whether the last block ended in a line that was counted
    for block in _blocks(file):
        text = decoder.decode(block)
        start = 0
        if is_open:
            end = re.search(r"[\r\n]", text)
            if end is None:
                continue
            start = end.start()
        ends = [found.end() for found in _FILLED_LINE.finditer(text, start)]
        count += len(ends)
        is_open = bool(ends) and ends[-1] == len(text)
    return count


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block
