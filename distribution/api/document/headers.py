"""Inserts the headers of responses and event posts into the OpenAPI document.

`headers.json` describes them in the form of the document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from distribution.access.rate_limits import RateLimit
from distribution.api.auth.idempotency import HEADER

HEADERS: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
RATE_HEADERS = tuple(RateLimit(600, 29, 34).headers())
DEPRECATION = ("Deprecation", "Sunset")
BY_STATUS: Mapping[str, tuple[str, ...]] = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "429": ("Retry-After", *RATE_HEADERS),
    "503": ("Retry-After",),
}


def add_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: add the headers of every response and event post."""
    for methods in result["paths"].values():
        for operation in methods.values():
            creates = requires_key(operation)
            leaves = DEPRECATION if operation.get("deprecated") else ()
            for status, response in operation["responses"].items():
                names = dict.fromkeys((*_names(status, creates=creates), *leaves))
                if names:
                    response["headers"] = {
                        name: {"$ref": f"#/components/headers/{name}"} for name in names
                    }
    for methods in result.get("webhooks", {}).values():
        for operation in methods.values():
            operation["parameters"] = HEADERS["events"]
    result["components"]["headers"] = HEADERS["responses"]
    return result


def requires_key(operation: Mapping[str, Any]) -> bool:
    """Whether the operation takes an Idempotency-Key because it creates something."""
    return any(parameter["name"] == HEADER for parameter in operation.get("parameters", []))


def _names(status: str, *, creates: bool) -> Iterator[str]:
    yield from BY_STATUS.get(status, ())
    if status == "409" and creates:
        yield "Retry-After"  # of `in_progress`
    if status.startswith("2"):
        yield from RATE_HEADERS
        if creates:
            yield from ("Location", "Idempotent-Replayed")
