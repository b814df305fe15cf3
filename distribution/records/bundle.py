"""A record as one file: the manifest, its signature, the key and the rows, in a ZIP.

Anybody can verify it: `VERIFY.md` in it says how, with openssl alone for the signature.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from distribution.models import RunRecord
from distribution.records.making import unpack
from subscribers.paging import in_pages

MANIFEST, SIGNATURE, KEY = "manifest.json", "manifest.sig", "public-key.pem"
ROWS, HOWTO = "deliveries.jsonl", "VERIFY.md"
MEDIA_TYPE = "application/zip"
IN_MEMORY, PIECE = 8 * 1024 * 1024, 64 * 1024  # bytes
INSTRUCTIONS = Path(__file__).with_name("verify.md")


def name_of(record: RunRecord) -> str:
    return f"distribution-{record.distribution_id}-record-{record.no}.zip"


def read(record: RunRecord) -> Iterator[bytes]:
    """The file in pieces; it is built on disk, so that any number of rows needs little memory."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as file:
        write(record, file)
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


def write(record: RunRecord, file: IO[bytes]) -> None:
    """Write the whole ZIP."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(MANIFEST, record.manifest)
        bundle.writestr(SIGNATURE, bytes(record.signature))
        bundle.writestr(KEY, record.public_key)
        bundle.write(INSTRUCTIONS, HOWTO)
        with bundle.open(ROWS, "w", force_zip64=True) as rows:
            for part in in_pages(record.parts.order_by("no"), rows_together=1):
                for line in unpack(part.lines):
                    rows.write(line + b"\n")
