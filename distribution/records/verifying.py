"""Verification of a record's file: signature, digests, rows, sums. Needs no database."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from distribution.records import bundle, merkle, signing
from distribution.records.erasure import row_of
from distribution.records.manifest import FORMAT

MAX_MANIFEST_BYTES = 4 * 1024 * 1024
MAX_LINE_BYTES = 1024 * 1024
MANIFEST_FILES = (bundle.MANIFEST, bundle.SIGNATURE, bundle.KEY)


class NotARecord(Exception):  # noqa: N818  # what the command says
    """The file is no record of ours; the message says why."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What a file says, and what is wrong with it."""

    manifest: dict[str, Any]
    digest: str
    key_id: str
    rows: int
    erased: int
    problems: list[str]


def verify(path: Path) -> Verified:
    """Check everything that the file alone can prove. Raises NotARecord."""
    try:
        with zipfile.ZipFile(path) as file:
            return _verify(file)
    except (OSError, zipfile.BadZipFile, KeyError, EOFError, NotImplementedError) as error:
        raise NotARecord(f"{path.name} is no record, or is damaged: {error}") from error


def _verify(file: zipfile.ZipFile) -> Verified:
    signed, signature, key = (_read(file, name) for name in MANIFEST_FILES)
    try:
        manifest = json.loads(signed)
        said = manifest["deliveries"]
        known = manifest["format"] == FORMAT
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise NotARecord("its manifest can't be read") from error
    if not known:
        raise NotARecord(f"its format is not {FORMAT}")
    problems = []
    if not signing.is_signed(signed, signature, key):
        problems.append("The signature is not that of this manifest and key.")
    tree, states, erased = _count(file, problems)
    if tree.leaves != said.get("count"):
        problems.append(f"The manifest speaks of {said.get('count')} rows, not of {tree.leaves}.")
    if tree.root != said.get("root"):
        problems.append("The rows are not those of the manifest: the root differs.")
    if not erased and dict(states) != said.get("states"):
        problems.append("The states of the rows do not add up to those of the manifest.")
    digest = hashlib.sha256(signed).hexdigest()
    return Verified(manifest, digest, signing.key_id(key), tree.leaves, erased, problems)


def _read(file: zipfile.ZipFile, name: str) -> bytes:
    with file.open(name) as member:
        content = member.read(MAX_MANIFEST_BYTES + 1)
    if len(content) > MAX_MANIFEST_BYTES:
        raise NotARecord(f"{name} is too large")
    return content


def _count(file: zipfile.ZipFile, problems: list[str]) -> tuple[merkle.Tree, Counter[str], int]:
    tree, states, erased = merkle.Tree(), Counter[str](), 0
    for number, text in enumerate(lines_of_bundle(file), 1):
        try:
            line = json.loads(text)
            if "leaf" in line:
                leaf, erased = bytes.fromhex(line["leaf"]), erased + 1
            else:
                leaf = merkle.leaf_hash(line["salt"], row_of(text, line["salt"]))
                states[str(line["row"]["state"])] += 1
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            problems.append(f"Line {number} of {bundle.ROWS} can't be read.")
            continue
        tree.add(leaf)
    return tree, states, erased


def lines_of_bundle(file: zipfile.ZipFile) -> Iterator[bytes]:
    """The lines of a bundle's rows, without their ends."""
    with file.open(bundle.ROWS) as rows:
        yield from lines_of(rows)


def lines_of(rows: IO[bytes]) -> Iterator[bytes]:
    """The same of rows that are open; one without an end comes in parts, not as a whole."""
    while line := rows.readline(MAX_LINE_BYTES):
        yield line.removesuffix(b"\n")
