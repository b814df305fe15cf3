"""The headers that go with requests and answers, as the API's document says them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from distribution.access.rate_limits import RateLimit
from distribution.api.auth.idempotency import HEADER

# name → what it says, its schema, an example
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
RATES = tuple(RateLimit(600, 29, 34).headers())
WITH_STATUS: Mapping[str, tuple[str, ...]] = {
    "401": ("WWW-Authenticate",),
    "405": ("Allow",),
    "429": ("Retry-After", *RATES),
    "503": ("Retry-After",),
}
SIGNED = {
    "webhook-id": ("The same when the event comes again.", "evt_5b0c8d1c3d0f4d52a0a2a4d5f0f0c7f1"),
    "webhook-timestamp": ("When it was posted, in seconds since 1970.", "1795393872"),
    "webhook-signature": (
        "`v1,` and the signature, one for each secret in force, with blanks between them.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
}


def tell(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Every answer and every webhook gets its headers."""
    for methods in result["paths"].values():
        for operation in methods.values():
            creates = wants_key(operation)
            for status, response in operation["responses"].items():
                names = dict.fromkeys(_names(status, creates=creates))
                if names:
                    response["headers"] = {
                        name: {"$ref": f"#/components/headers/{name}"} for name in names
                    }
    for methods in result.get("webhooks", {}).values():
        for operation in methods.values():
            operation["parameters"] = list(_signed())
    result["components"]["headers"] = {
        name: {"description": told, "schema": schema, "example": example}
        for name, (told, schema, example) in HEADERS.items()
    }
    return result


def wants_key(operation: Mapping[str, Any]) -> bool:
    """Whether it creates, so that it is asked with an Idempotency-Key."""
    return any(one["name"] == HEADER for one in operation.get("parameters", []))


def _names(status: str, *, creates: bool) -> Iterator[str]:
    yield from WITH_STATUS.get(status, ())
    if status == "409" and creates:
        yield "Retry-After"  # of `in_progress`
    if status.startswith("2"):
        yield from RATES
        if creates:
            yield from ("Location", "Idempotent-Replayed")


def _signed() -> Iterator[dict[str, Any]]:
    for name, (told, example) in SIGNED.items():
        yield {
            "in": "header",
            "name": name,
            "schema": {"type": "string"},
            "required": True,
            "description": told,
            "example": example,
        }
