"""Reads the rows of a run record: the ZIP, or the `deliveries.jsonl` that is in it.

A row is taken as it stands: whether it is signed and unchanged is for others to verify.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sandbox.formats.values import InvalidValue

ROWS = "deliveries.jsonl"
MAX_LINE_BYTES = 1024 * 1024


def read_rows(path: Path) -> Iterator[dict[str, Any] | None]:
    """One for each line, None for an erased person; raises InvalidValue with a sentence."""
    with _opened(path) as file:
        number = 0
        while line := file.readline(MAX_LINE_BYTES):
            number += 1
            yield _row(line, f"line {number} of {path.name}")


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                yield file
            return
        with zipfile.ZipFile(path) as bundle, bundle.open(ROWS) as rows:
            yield rows
    except (OSError, zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise InvalidValue(f"{path.name} is no run record, or is damaged: {error}") from error


def _row(line: bytes, where: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidValue(f"{where} is not JSON: it is no run record") from None
    if isinstance(found, dict) and isinstance(found.get("leaf"), str):
        return None
    row = found.get("row") if isinstance(found, dict) else None
    if not isinstance(row, dict):
        raise InvalidValue(f"{where} has no row: it is no run record")
    return row
