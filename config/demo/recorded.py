"""A run record as `demo --replay` needs it: verified, and how each person's delivery ended."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from sys import intern
from typing import Any, NamedTuple

from distribution.records import verifying
from distribution.records.manifest import SETTINGS
from distribution.records.verifying import NotARecord

# Of what was in force then. The window is shorter: see `Recorded.window_seconds`.
REPEATED_SETTINGS = tuple(name for name in SETTINGS if name != "SENDING_WINDOW_SECONDS")
AFTER_LAST_CALL = 45.0  # seconds: retries, leases and reports need some time to the end
# What was reported later than this after a message is reported after this time: the last read may
# have come hours later.
WITHIN_SECONDS = 60.0
SHOWN_PROBLEMS = 3
UNVERIFIED = (
    "These are the rows of a record without its manifest: nothing proves that they are "
    "unchanged. Replaying them as they are."
)


class NotReplayable(Exception):  # noqa: N818 - what the command says
    """The file can't be replayed; the message says why and what to do."""


class Ending(NamedTuple):
    """How one person's delivery ended."""

    state: str
    reason: str
    progress: int

    def __str__(self) -> str:
        return f"{self.state}{f' ({self.reason})' if self.reason else ''}, progress {self.progress}"


@dataclass(slots=True)
class Recorded:
    """What a record says of its people, by their number in it."""

    path: Path
    about: str
    endings: dict[int, Ending] = field(default_factory=dict)
    tiers: dict[int, str] = field(default_factory=dict)
    numbers: set[str] = field(default_factory=set)  # names of the phone numbers
    settings: dict[str, str] = field(default_factory=dict)
    was_resumed: bool = False  # after a pause
    last_call_ms: int = 0  # after the planned time

    @property
    def window_seconds(self) -> int:
        """So long may the replay send: to the last recorded call and a little longer, not to the
        end of the recorded window, which may be hours later without anything to do."""
        return int(self.last_call_ms / 1000 + AFTER_LAST_CALL)


def read(path: Path) -> Recorded:
    """The record in this file, a ZIP that is verified first or its rows alone. Raises
    NotReplayable."""
    try:
        return _of_bundle(path) if zipfile.is_zipfile(path) else _of_rows(path)
    except OSError as error:
        raise NotReplayable(f"{path} can't be read: {error.strerror or error}.") from error
    except NotARecord as error:
        raise NotReplayable(f"{error}.") from error


def _of_bundle(path: Path) -> Recorded:
    verified = verifying.verify(path)
    if verified.problems:
        said = "\n".join(verified.problems[:SHOWN_PROBLEMS])
        raise NotReplayable(f"{path.name} is not as it was signed, so it is not replayed.\n{said}")
    manifest = verified.manifest
    about = manifest["distribution"]
    recorded = Recorded(
        path,
        f"Record {manifest['no']} of distribution {about['id']} ({about['kind']}, "
        f"{about['day']}), verified; key {verified.key_id}",
        settings={
            name: value
            for name, value in manifest["settings"].items()
            if name in REPEATED_SETTINGS and value
        },
        was_resumed=_was_resumed(manifest),
    )
    with zipfile.ZipFile(path) as file:
        _add(recorded, verifying.lines_of_bundle(file))
    return recorded


def _of_rows(path: Path) -> Recorded:
    recorded = Recorded(path, UNVERIFIED)
    with path.open("rb") as rows:
        _add(recorded, verifying.lines_of(rows))
    return recorded


def _was_resumed(manifest: dict[str, Any]) -> bool:
    """Whether a pause ended before the distribution did."""
    end = manifest["distribution"]["completed_at"]
    paused = [one for one in manifest["alerts"] if one["rule"] == "distribution_paused"]
    return any(
        closed and (not end or datetime.fromisoformat(closed) < datetime.fromisoformat(end))
        for closed in (one["closed_at"] for one in paused)
    )


def _add(recorded: Recorded, lines: Iterator[bytes]) -> None:
    name = recorded.path.name
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            if "leaf" not in found:
                _add_row(recorded, found["row"])
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            where = f"line {number} of {name}"
            raise NotReplayable(
                f"{name} is no run record: {where} can't be read. Download the record from "
                "the distribution's page and give the ZIP file."
            ) from error
    if not recorded.endings:
        raise NotReplayable(f"{name} has nobody to replay: it has no rows left.")
    if not recorded.numbers:
        raise NotReplayable(f"{name} has nobody to replay: no calls were made.")


def _add_row(recorded: Recorded, row: dict[str, Any]) -> None:
    person = int(row["person"])
    recorded.endings[person] = _ending(str(row["state"]), row.get("reason", ""), _progress(row))
    recorded.tiers[person] = intern(str(row["tier"]))
    attempts = row.get("attempts", [])
    recorded.numbers |= {one.get("number", "") for one in (row, *attempts)} - {""}
    begun = (row.get("inflight_ms"), *(one.get("started_ms") for one in attempts))
    recorded.last_call_ms = max(recorded.last_call_ms, *(at or 0 for at in begun))


@lru_cache(maxsize=1000)  # of a million people many end alike: one object for all of them
def _ending(state: str, reason: str, progress: int) -> Ending:
    return Ending(state, reason, progress)


def _progress(row: dict[str, Any]) -> int:
    """As the delivery had it: by the reports whose times it kept."""
    times = ("sent_ms", "delivered_ms", "read_ms")
    return max((place for place, name in enumerate(times, 1) if name in row), default=0)
