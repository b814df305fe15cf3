"""Workbooks for tests: valid ones by openpyxl, hostile ones by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable

from openpyxl import Workbook

CONTENT_TYPES = "[Content_Types].xml"
BOOK = "xl/workbook.xml"


def a_workbook(*rows: Iterable[object]) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def rebuilt(content: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The same archive with each part as `change` makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def an_archive(*parts: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    """A ZIP that claims to be a workbook, with more parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in ((CONTENT_TYPES, b"<x/>"), (BOOK, b"<x/>"), *parts):
            archive.writestr(name, content)
    return out.getvalue()
