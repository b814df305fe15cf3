"""Describes the headers of responses and event posts in the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from distribution.access.rate_limits import RateLimit
from distribution.api.auth.idempotency import HEADER

# name → description, schema, example
HEADERS: Mapping[str, tuple[str, dict[str, Any], Any]] = {
    "RateLimit-Limit": ("Requests a minute for this scope.", {"type": "integer"}, 600),
    "RateLimit-Remaining": ("How many of them are left.", {"type": "integer"}, 571),
    "RateLimit-Reset": ("Seconds until they begin anew.", {"type": "integer"}, 34),
    "Retry-After": ("Seconds to wait before asking again.", {"type": "integer"}, 34),
    "Location": ("Where to follow it.", {"type": "string"}, "/api/distribution/status?id=143"),
    "Idempotent-Replayed": (
        "This is the answer that was given before; absent on the first.",
        {"type": "string", "const": "true"},
        "true",
    ),
    "WWW-Authenticate": ("How to say who asks.", {"type": "string"}, 'Bearer realm="daybreak"'),
    "Allow": ("The methods that are answered.", {"type": "string"}, "GET, HEAD"),
}
RATE_HEADERS = tuple(RateLimit(600, 29, 34).headers())
BY_STATUS: Mapping[str, tuple[str, ...]] = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "429": ("Retry-After", *RATE_HEADERS),
    "503": ("Retry-After",),
}
WEBHOOK_HEADERS = {
    "webhook-id": ("The same when the event comes again.", "evt_5b0c8d1c3d0f4d52a0a2a4d5f0f0c7f1"),
    "webhook-timestamp": ("When it was posted, in seconds since 1970.", "1795393872"),
    "webhook-signature": (
        "`v1,` and the signature, one for each secret in force, with blanks between them.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}


def add_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: add the headers of every response and event post."""
    for methods in result["paths"].values():
        for operation in methods.values():
            creates = requires_key(operation)
            for status, response in operation["responses"].items():
                names = dict.fromkeys(_names(status, creates=creates))
                if names:
                    response["headers"] = {
                        name: {"$ref": f"#/components/headers/{name}"} for name in names
                    }
    for methods in result.get("webhooks", {}).values():
        for operation in methods.values():
            operation["parameters"] = list(_webhook_parameters())
    result["components"]["headers"] = {
        name: {"description": description, "schema": schema, "example": example}
        for name, (description, schema, example) in HEADERS.items()
    }
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


def _webhook_parameters() -> Iterator[dict[str, Any]]:
    for name, (description, example) in WEBHOOK_HEADERS.items():
        yield {
            "in": "header",
            "name": name,
            "schema": {"type": "string"},
            "required": True,
            "description": description,
            "example": example,
        }
