"""Loads the JSON files of this package."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
OTHER_FILES = ("events", "shared")


@cache
def load(name: str) -> Any:
    """The contents of `<name>.json`."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


@cache
def by_subject() -> dict[str, dict[str, Any]]:
    """Requests, answers and problems of all subjects; no key occurs in two files."""
    merged: dict[str, dict[str, Any]] = defaultdict(dict)
    for file in sorted(FOLDER.glob("*.json")):
        if file.stem not in OTHER_FILES:
            for part, examples in load(file.stem).items():
                merged[part].update(examples)
    return merged


def has_conflicts(operation: str) -> bool:
    """Whether the operation can be refused because of the state of its records."""
    return "409" in by_subject()["problems"].get(operation, {})
